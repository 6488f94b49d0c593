//! Reads datagrams from a UDP socket, as a collector does.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime};

use socket2::{Domain, Protocol, Socket, Type};

use crate::ReadError;
use crate::kernel;
use crate::session::Session;
use crate::stop::{PATIENCE, Stop};
use dnsflow_records::frame::Payload;

/// Receive buffer asked for; the kernel gives what `net.core.rmem_max` allows.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;

/// All that one datagram can carry.
const DATAGRAM_BYTES: usize = 65_535;

/// A bound socket.
pub(crate) struct Listener {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Listener {
    /// Binds; `[::]` takes IPv4 as well.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, ReadError> {
        let open = || -> io::Result<Self> {
            let socket = Socket::new(
                Domain::for_address(address),
                Type::DGRAM,
                Some(Protocol::UDP),
            )?;
            if address.is_ipv6() {
                socket.set_only_v6(false)?;
            }
            socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
            socket.bind(&address.into())?;
            let socket = UdpSocket::from(socket);
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(Self {
                address: socket.local_addr()?,
                socket,
            })
        };
        let listener = open().map_err(|error| ReadError::Listen { address, error })?;
        eprintln!("dnsflow-read: listening on {}", listener.address);
        Ok(listener)
    }

    /// Gives all datagrams to `session`, until it has enough or a signal comes.
    pub(crate) fn run(self, session: &mut Session<'_>, stop: &Stop) -> Result<(), ReadError> {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        while !stop.wanted() && !session.is_full() {
            let (len, source) = match self.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if is_passing(&error) => continue,
                Err(error) => {
                    return Err(ReadError::Listen {
                        address: self.address,
                        error,
                    });
                }
            };
            let payload = Payload {
                source: SocketAddr::new(source.ip().to_canonical(), source.port()),
                bytes: buffer.get(..len).unwrap_or_default(),
                missing: 0,
            };
            session.datagram(now(), &payload)?;
        }
        if let Some(drops @ 1..) = kernel::drops(&self.socket) {
            eprintln!(
                "dnsflow-read: {}: {drops} datagrams dropped by the kernel because the receive buffer was full; a larger net.core.rmem_max helps",
                self.address
            );
        }
        Ok(())
    }
}

/// Nothing came in time, or a signal did.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// The time since 1970; a clock before that counts as 1970.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
