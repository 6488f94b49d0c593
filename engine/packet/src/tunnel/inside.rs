//! The packet inside a tunnel, and the loads that all tunnels make.

use crate::Reject;
use crate::link::{self, Network};
use crate::numbers::ether_type;

/// An IP packet, which has to be of this version.
pub(super) fn version(version: u8, protocol: u16, bytes: &[u8]) -> Result<Network<'_>, Reject> {
    match bytes.first() {
        Some(first) if first >> 4 == version => Ok(Network::untagged(protocol, bytes)),
        _ => Err(Reject::TunnelDamaged),
    }
}

/// Continues by the EtherType in a tunnel's header.
pub(super) fn by_ether_type(protocol: u16, bytes: &[u8]) -> Result<Network<'_>, Reject> {
    match protocol {
        ether_type::IPV4 => version(4, protocol, bytes),
        ether_type::IPV6 => version(6, protocol, bytes),
        ether_type::ETHERNET => link::ethernet(bytes),
        _ => Err(Reject::NotIp),
    }
}

pub(super) fn after(bytes: &[u8], count: usize) -> Result<&[u8], Reject> {
    bytes.get(count..).ok_or(Reject::TunnelDamaged)
}

/// `N` bytes from `at` on.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Reject> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.copied().ok_or(Reject::TunnelDamaged)
}
