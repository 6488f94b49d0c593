//! What a line says of the datagram that its record came in.

use std::net::SocketAddr;
use std::time::Duration;

use dnsflow_wire::text::Sensor;
use dnsflow_wire::v5;

/// When a datagram came, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// When it came, since 1970-01-01 UTC.
    pub time: Duration,
    /// The address and port that it came from.
    pub source: SocketAddr,
    /// Its sequence number; below 2^32 before version 5.
    pub sequence: u64,
}

impl Context {
    /// The sender: by the name that it gives itself, if it does.
    #[must_use]
    pub fn sensor<'a>(&self, datagram: &v5::Datagram<'a>) -> Sensor<'a> {
        let name = datagram.sensor_name().map(Sensor::Name);
        name.unwrap_or(Sensor::Address(self.source.ip()))
    }
}
