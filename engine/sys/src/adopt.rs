//! Descriptors that are given to the executor of the calling thread.

use std::net::UdpSocket;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};

/// A connected UDP socket whose sends go through the executor of this thread.
pub fn udp_socket(socket: UdpSocket) -> glommio::net::UdpSocket {
    let descriptor = socket.into_raw_fd();
    // SAFETY: the descriptor is open and, since the standard socket gave it up, owned by nobody
    // else.
    unsafe { glommio::net::UdpSocket::from_raw_fd(descriptor) }
}

/// A descriptor whose readability the executor of this thread can wait for.
///
/// The executor can poll only what it takes for a stream socket. It uses recv(2), which works on
/// AF_PACKET and AF_UNIX sockets alike.
pub fn unix_stream(descriptor: OwnedFd) -> glommio::net::UnixStream {
    let descriptor = descriptor.into_raw_fd();
    // SAFETY: the descriptor is open and, since its owner gave it up, owned by nobody else.
    unsafe { glommio::net::UnixStream::from_raw_fd(descriptor) }
}
