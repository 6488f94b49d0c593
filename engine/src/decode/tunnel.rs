//! Packets inside packets.

use super::Reject;
use super::link::Network;

/// Which tunnels are followed.
#[derive(Clone, Debug, Default)]
pub struct Tunnels;

impl Tunnels {
    /// What a UDP datagram carries, if it is a tunnel's.
    pub fn in_udp<'a>(&self, _: u16, _: u16, _: &'a [u8]) -> Option<Result<Network<'a>, Reject>> {
        None
    }

    /// What an IP packet carries, if it is a tunnel's.
    pub fn in_ip<'a>(&self, _: u8, _: &'a [u8]) -> Option<Result<Network<'a>, Reject>> {
        None
    }
}

impl std::str::FromStr for Tunnels {
    type Err = String;

    fn from_str(_: &str) -> Result<Self, String> {
        Ok(Tunnels)
    }
}
