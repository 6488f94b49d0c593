//! UDP sockets, of which many datagrams are received by one system call.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, SystemTime};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// Messages of one system call. Each is a datagram, or several of one sender that came one behind the
/// other (UDP_GRO of linux/udp.h).
const MESSAGES: usize = 32;

/// Bytes of one message: all that UDP carries.
const MESSAGE_BYTES: usize = 65_535;

/// Why a socket can't be had.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Somebody else listens there.
    #[error("{0} is in use; choose another --listen, or end who listens there")]
    InUse(SocketAddr),
    /// Anything else.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    socket: UdpSocket,
    address: SocketAddr,
    receive_buffer: usize,
}

/// Binds `count` sockets to `address`, among which the kernel divides senders. `[::]` takes IPv4 as
/// well. Each asks for a receive buffer of `buffer` bytes.
///
/// # Errors
///
/// [`SocketError::InUse`] if another process listens there, even if it would share.
pub fn bind(
    address: SocketAddr,
    count: usize,
    buffer: usize,
) -> Result<Vec<Listener>, SocketError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => SocketError::InUse(address),
        _ => SocketError::Listen { address, source },
    };
    let mut listeners: Vec<Listener> = Vec::with_capacity(count);
    if address.port() != 0 {
        // One that does not share: it finds those that would, which would get a part of the senders.
        Listener::bind(address, false, buffer).map_err(failed)?;
    }
    for _ in 0..count {
        let at = listeners.first().map_or(address, |first| first.address);
        listeners.push(Listener::bind(at, true, buffer).map_err(failed)?);
    }
    Ok(listeners)
}

impl Listener {
    fn bind(address: SocketAddr, shares: bool, buffer: usize) -> io::Result<Self> {
        let (domain, udp) = (Domain::for_address(address), Some(Protocol::UDP));
        let socket = Socket::new(domain, Type::DGRAM, udp)?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_port(shares)?;
        socket.set_nonblocking(true)?;
        // Beyond net.core.rmem_max with CAP_NET_ADMIN only.
        if setsockopt(&socket, sockopt::RcvBufForce, &buffer).is_err() {
            socket.set_recv_buffer_size(buffer)?;
        }
        setsockopt(&socket, sockopt::UdpGroSegment, &true)?;
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        socket.bind(&address.into())?;
        let receive_buffer = socket.recv_buffer_size()?;
        let socket = UdpSocket::from(socket);
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            receive_buffer,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes of its receive buffer, as the kernel counts them: about half are datagrams.
    #[must_use]
    pub fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Memory that datagrams are received into.
#[derive(Debug)]
pub(super) struct Messages {
    buffers: Vec<Vec<u8>>,
}

/// A message: one datagram, or several of the same length but for the last one.
struct Message<'b> {
    source: SocketAddr,
    received: Duration,
    bytes: &'b [u8],
    /// Bytes of each datagram.
    segment: usize,
}

impl Messages {
    pub(super) fn new() -> Self {
        Self {
            buffers: vec![vec![0; MESSAGE_BYTES]; MESSAGES],
        }
    }

    /// Receives what is there, and gives each datagram to `take` with its sender and the time at which
    /// the kernel had it. Returns whether there may be more; `dropped` becomes the socket's count
    /// of datagrams that found no room.
    pub(super) fn receive(
        &mut self,
        listener: &Listener,
        dropped: &mut u32,
        mut take: impl FnMut(SocketAddr, Duration, &[u8]),
    ) -> io::Result<bool> {
        let mut parts: Vec<[IoSliceMut<'_>; 1]> = self
            .buffers
            .iter_mut()
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        // The headers of a call are of no use for the next: their lengths are those that were received.
        let space = cmsg_space!(i32, u32, TimeSpec);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(MESSAGES, Some(space));
        let fd = listener.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = match recvmmsg(fd, &mut headers, parts.iter_mut(), flags, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for message in received {
            count += 1;
            let mut segment = 0;
            let mut time = None;
            for control in message.cmsgs().into_iter().flatten() {
                match control {
                    ControlMessageOwned::UdpGroSegments(bytes) => {
                        segment = usize::try_from(bytes).unwrap_or(0);
                    }
                    ControlMessageOwned::RxqOvfl(count) => *dropped = count,
                    ControlMessageOwned::ScmTimestampns(at) => time = Some(Duration::from(at)),
                    _ => {}
                }
            }
            let Some(source) = message.address.and_then(socket_address) else {
                continue;
            };
            let bytes = message.iovs().next().unwrap_or_default();
            let message = Message {
                source,
                received: time.unwrap_or_else(now),
                bytes,
                segment: if segment == 0 { bytes.len() } else { segment },
            };
            message.each(&mut take);
        }
        Ok(count == MESSAGES)
    }
}

impl Message<'_> {
    fn each(&self, take: &mut impl FnMut(SocketAddr, Duration, &[u8])) {
        if self.bytes.is_empty() {
            take(self.source, self.received, self.bytes);
            return;
        }
        for datagram in self.bytes.chunks(self.segment.max(1)) {
            take(self.source, self.received, datagram);
        }
    }
}

fn socket_address(address: SockaddrStorage) -> Option<SocketAddr> {
    let ipv4 = address.as_sockaddr_in();
    let ipv6 = address.as_sockaddr_in6();
    let ipv4 = ipv4.map(|ipv4| SocketAddrV4::from(*ipv4).into());
    ipv4.or_else(|| ipv6.map(|ipv6| SocketAddrV6::from(*ipv6).into()))
}

/// The time since 1970-01-01 00:00 UTC.
pub(super) fn now() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}
