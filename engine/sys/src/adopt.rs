//! Descriptors that were set up elsewhere, handed to the executor of the calling thread.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use crate::host::checked;

/// A connected UDP socket whose sends go through the executor of this thread.
pub fn udp_socket(socket: UdpSocket) -> glommio::net::UdpSocket {
    let descriptor = socket.into_raw_fd();
    // SAFETY: the descriptor is open and, since the standard socket gave it up, owned by nobody else.
    unsafe { glommio::net::UdpSocket::from_raw_fd(descriptor) }
}

/// Has each send on a connected UDP socket cut into datagrams of `bytes`, the last of which may be shorter
/// (UDP_SEGMENT, linux/udp.h); 0 ends that.
///
/// # Errors
/// ENOPROTOOPT before Linux 4.18.
pub fn segment_sends(socket: &impl AsRawFd, bytes: u16) -> io::Result<()> {
    let value = libc::c_int::from(bytes);
    let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
    // SAFETY: a pointer to a live integer and its size, which the call reads.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_SEGMENT,
            (&raw const value).cast(),
            length,
        )
    };
    checked(done)
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
