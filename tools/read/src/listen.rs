//! Reads datagrams from a UDP socket, as a collector does.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use dnsflow_receive::Listener as Socket;

use crate::ReadError;
use crate::session::Session;
use crate::stop::{PATIENCE, Stop};

/// A bound socket.
pub(crate) struct Listener(Socket);

impl Listener {
    /// Binds; `[::]` takes IPv4 as well.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, ReadError> {
        let socket = Socket::bind(address, PATIENCE).map_err(failed(address))?;
        eprintln!("dnsflow-read: listening on {}", socket.address());
        Ok(Self(socket))
    }

    /// Gives all datagrams to `session`, until it has enough or a signal comes.
    pub(crate) fn run(self, session: &mut Session<'_>, stop: &Stop) -> Result<(), ReadError> {
        let Self(mut socket) = self;
        let address = socket.address();
        while !stop.wanted() && !session.is_full() {
            if let Some(payload) = socket.receive().map_err(failed(address))? {
                session.datagram(now(), &payload)?;
            }
        }
        if let Some(drops @ 1..) = socket.dropped() {
            eprintln!(
                "dnsflow-read: {address}: {drops} datagrams dropped by the kernel because the receive buffer was full; a larger net.core.rmem_max helps",
            );
        }
        Ok(())
    }
}

fn failed(address: SocketAddr) -> impl Fn(io::Error) -> ReadError {
    move |error| ReadError::Listen { address, error }
}

/// The time since 1970; a clock before that counts as 1970.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
