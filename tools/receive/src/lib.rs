//! Datagrams from a UDP socket, for programs that look at them one by one.
//!
//! It exists for programs for people, such as `dnsflow-read` and `dnsflow-top`: a receive buffer that
//! outlasts a pause, senders by one form of their address, and what the kernel had no room for. It
//! refuses to be fast at all costs: a collector receives many datagrams by one call, and does so
//! itself.

mod kernel;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use dnsflow_records::frame::Payload;
use socket2::{Domain, Protocol, Socket, Type};

/// Receive buffer asked for; the kernel gives what `net.core.rmem_max` allows.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;

/// All that one datagram can carry.
const DATAGRAM_BYTES: usize = 65_535;

/// A bound socket, and memory for a datagram.
#[derive(Debug)]
pub struct Listener {
    socket: UdpSocket,
    address: SocketAddr,
    buffer: Vec<u8>,
}

impl Listener {
    /// Binds; `[::]` takes IPv4 as well. A wait for a datagram lasts `patience` at most, which has to
    /// be more than nothing.
    ///
    /// # Errors
    ///
    /// Those of the system, such as an address in use.
    pub fn bind(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let (domain, udp) = (Domain::for_address(address), Some(Protocol::UDP));
        let socket = Socket::new(domain, Type::DGRAM, udp)?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(patience))?;
        Ok(Self {
            address: socket.local_addr()?,
            socket,
            buffer: vec![0; DATAGRAM_BYTES],
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a datagram; none if none came in time, or a signal did. An IPv4 address is one, also
    /// where the socket is one of IPv6.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn receive(&mut self) -> io::Result<Option<Payload<'_>>> {
        let (length, source) = match self.socket.recv_from(&mut self.buffer) {
            Ok(received) => received,
            Err(error) if is_passing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Payload {
            source: SocketAddr::new(source.ip().to_canonical(), source.port()),
            bytes: self.buffer.get(..length).unwrap_or_default(),
            missing: 0,
        }))
    }

    /// Datagrams that the kernel dropped since the receive buffer was full, if this system tells.
    #[must_use]
    pub fn dropped(&self) -> Option<u64> {
        kernel::drops(&self.socket)
    }
}

/// Nothing came in time, or a signal did.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
