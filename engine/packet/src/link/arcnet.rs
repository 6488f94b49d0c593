//! ARCNET, with IP in the format of RFC 1201 or that of RFC 1051.

use super::layer::{Layer, Network, after, array};
use crate::Reject;
use crate::numbers::ether_type;

/// Protocol of IP by RFC 1051.
const IP_SIMPLE: u8 = 0xf0;

/// Protocol of IPv4 by RFC 1201.
const IPV4: u8 = 0xd4;

/// Protocol of IPv6 by RFC 2497.
const IPV6: u8 = 0xc4;

/// Value of the split flag in an exception packet, where the real one follows (RFC 1201, section
/// 3.3).
const EXCEPTION: u8 = 0xff;

/// LINKTYPE_ARCNET_BSD. The header of RFC 1201 has more fields behind the protocol, that of RFC
/// 1051 has none.
///
/// ```text
/// source 1 | destination 1 | protocol 1 | split flag 1 | sequence 2 | ..
/// source 1 | destination 1 | protocol 1 | ff | ff ff | protocol 1 | split flag 1 | sequence 2 | ..
/// ```
pub(super) fn on_the_wire(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    let [_, _, protocol] = array(bytes, 0)?;
    if protocol == IP_SIMPLE {
        return datagram(protocol, after(bytes, 3)?);
    }
    let [mut split, ..]: [u8; 3] = array(bytes, 3)?;
    let mut length = 6;
    if split == EXCEPTION {
        [_, split, _, _] = array(bytes, 6)?;
        length = 10;
    }
    // An odd flag marks the first part of a split datagram, an even one a later part, which has no
    // IP header.
    if split != 0 && split & 1 == 0 {
        return Err(Reject::NotIp);
    }
    datagram(protocol, after(bytes, length)?)
}

/// LINKTYPE_ARCNET_LINUX:
///
/// ```text
/// source 1 | destination 1 | offset 2 | protocol 1 | split flag 1 | sequence 2 | ..
/// ```
pub(super) fn linux(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    let [_, _, _, _, protocol] = array(bytes, 0)?;
    let length = if protocol == IP_SIMPLE { 5 } else { 8 };
    datagram(protocol, after(bytes, length)?)
}

fn datagram(protocol: u8, bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    match protocol {
        IP_SIMPLE | IPV4 => Ok(Layer::Network(Network::untagged(ether_type::IPV4, bytes))),
        IPV6 => Ok(Layer::Network(Network::untagged(ether_type::IPV6, bytes))),
        _ => Err(Reject::NotIp),
    }
}
