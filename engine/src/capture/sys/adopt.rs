//! Descriptors that were set up elsewhere, handed to the executor of the calling thread.

use std::net::UdpSocket;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

/// A connected UDP socket whose sends go through the executor of this thread.
pub fn udp_socket(socket: UdpSocket) -> glommio::net::UdpSocket {
    let descriptor = socket.into_raw_fd();
    // SAFETY: the descriptor is open and, since the standard socket gave it up, owned by nobody else.
    unsafe { glommio::net::UdpSocket::from_raw_fd(descriptor) }
}

/// A descriptor whose readability the executor of this thread can wait for.
///
/// The type says stream socket because that is what the executor can poll; what is done with it is
/// recv(2), which suits AF_PACKET and AF_UNIX sockets as well.
pub fn unix_stream(descriptor: OwnedFd) -> glommio::net::UnixStream {
    let descriptor = descriptor.into_raw_fd();
    // SAFETY: the descriptor is open and, since its owner gave it up, owned by nobody else.
    unsafe { glommio::net::UnixStream::from_raw_fd(descriptor) }
}
