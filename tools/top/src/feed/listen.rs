//! Datagrams from a UDP socket.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dnsflow_receive::Listener;

use super::{Clock, Shared};
use crate::TopError;
use crate::stop::PATIENCE;

/// How often the kernel is asked what it had no room for.
const DROPS_INTERVAL: Duration = Duration::from_secs(2);

/// A bound socket.
pub(super) struct Socket(Listener);

impl Socket {
    pub(super) fn bind(address: SocketAddr) -> Result<Self, TopError> {
        let bound = Listener::bind(address, PATIENCE);
        bound.map(Self).map_err(failed(address))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Counts for ever.
    pub(super) fn run(mut self, clock: Clock, shared: &Shared) -> Result<(), TopError> {
        let address = self.address();
        let mut asked = Instant::now();
        loop {
            if asked.elapsed() >= DROPS_INTERVAL {
                asked = Instant::now();
                shared.lock().accounts.dropped = self.0.dropped().unwrap_or(0);
            }
            if let Some(payload) = self.0.receive().map_err(failed(address))? {
                shared.lock().accounts.datagram(clock.now(), &payload);
            }
        }
    }
}

fn failed(address: SocketAddr) -> impl Fn(io::Error) -> TopError {
    move |error| TopError::Listen { address, error }
}
