//! What a line says of the datagram that its record came in.

use std::net::SocketAddr;
use std::time::Duration;

use dnsflow_wire::text::Sensor;
use dnsflow_wire::v5;

/// When a datagram came, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Context<'n> {
    /// When it came, since 1970-01-01 UTC.
    pub time: Duration,
    /// The address and port that it came from.
    pub source: SocketAddr,
    /// Its sequence number; below 2^32 before version 5.
    pub sequence: u64,
    /// What the program calls the sender, if it knows better than the sender itself.
    pub name: Option<&'n str>,
}

impl<'n> Context<'n> {
    /// The sender: by the name that it is given or gives itself, if there is one.
    #[must_use]
    pub fn sensor(&self, datagram: &v5::Datagram<'n>) -> Sensor<'n> {
        self.named()
            .or(datagram.sensor_name().map(Sensor::Name))
            .unwrap_or(self.address())
    }

    /// The sender by the name that it is given.
    pub(crate) fn named(&self) -> Option<Sensor<'n>> {
        self.name.map(|name| Sensor::Name(name.as_bytes()))
    }

    /// The sender by its address.
    pub(crate) fn address(&self) -> Sensor<'n> {
        Sensor::Address(self.source.ip())
    }
}
