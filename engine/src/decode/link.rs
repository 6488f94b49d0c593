//! The link layer: stepped over, whatever it is, to the network protocol.

use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};

use super::Reject;
use crate::frame::{Frame, LinkType};

/// EtherType of IPv4 (RFC 894).
pub const IPV4: u16 = 0x0800;

/// EtherType of IPv6 (RFC 2464).
pub const IPV6: u16 = 0x86dd;

/// VLAN tags that are stepped over: IEEE 802.1Q allows any number, nobody needs more.
const MAX_VLAN_TAGS: usize = 8;

/// Smallest EtherType; below it the field is a length and an LLC header follows (IEEE 802.3).
const MIN_ETHER_TYPE: u16 = 0x0600;

/// Where the network layer starts, and which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network<'a> {
    /// Its EtherType.
    pub protocol: u16,
    /// Its bytes, with whatever padding the link layer has.
    pub bytes: &'a [u8],
}

impl Network<'_> {
    /// Bytes of `frame` that stand before it.
    #[must_use]
    pub fn offset_in(&self, frame: &Frame<'_>) -> usize {
        frame.bytes.len() - self.bytes.len()
    }
}

/// Steps over the link layer of a packet.
///
/// # Errors
/// [`Reject::LinkType`] or [`Reject::LinkDamaged`].
#[inline]
pub fn network<'a>(frame: &Frame<'a>) -> Result<Network<'a>, Reject> {
    let bytes = frame.bytes;
    match frame.link {
        LinkType::Ethernet => ethernet(bytes),
        LinkType::TokenRing => token_ring(bytes),
        LinkType::Fddi => llc(after(bytes, 13)?),
        LinkType::Null | LinkType::Loop | LinkType::Ip => ip(if frame.link == LinkType::Ip {
            bytes
        } else {
            after(bytes, 4)?
        }),
        LinkType::Cooked => tagged(be16(bytes, 14)?, after(bytes, 16)?),
        LinkType::Cooked2 => tagged(be16(bytes, 0)?, after(bytes, 20)?),
        LinkType::Unsupported(_) => Err(Reject::LinkType),
    }
}

/// ```text
/// destination 6 | source 6 | EtherType 2 | ..
/// ```
#[inline]
fn ethernet(bytes: &[u8]) -> Result<Network<'_>, Reject> {
    let header = Ethernet2HeaderSlice::from_slice(bytes).map_err(|_| Reject::LinkDamaged)?;
    tagged(header.ether_type().0, after(bytes, header.slice().len())?)
}

/// Tags, if there are any:
///
/// ```text
/// priority 3 bits | drop eligible 1 bit | VLAN 12 bits | EtherType 2 | ..
/// ```
#[inline]
fn tagged(mut protocol: u16, mut bytes: &[u8]) -> Result<Network<'_>, Reject> {
    for _ in 0..MAX_VLAN_TAGS {
        match protocol {
            IPV4 | IPV6 => break,
            0x8100 | 0x88a8 | 0x9100 => {
                let tag =
                    SingleVlanHeaderSlice::from_slice(bytes).map_err(|_| Reject::LinkDamaged)?;
                protocol = tag.ether_type().0;
                bytes = after(bytes, tag.slice().len())?;
            }
            length if length < MIN_ETHER_TYPE => return llc(bytes),
            _ => break,
        }
    }
    Ok(Network { protocol, bytes })
}

/// IEEE 802.5: the high bit of the source address says that routing information follows, whose first
/// byte has its length.
///
/// ```text
/// access 1 | frame control 1 | destination 6 | source 6 | routing 0 to 30 | LLC ..
/// ```
fn token_ring(bytes: &[u8]) -> Result<Network<'_>, Reject> {
    let header = bytes.get(..14).ok_or(Reject::LinkDamaged)?;
    let routing = if header[8] & 0x80 == 0 {
        0
    } else {
        be16(bytes, 14)? >> 8 & 0x1f
    };
    llc(after(bytes, 14 + usize::from(routing))?)
}

/// IEEE 802.2 with a SNAP header, as IP travels over it (RFC 1042):
///
/// ```text
/// DSAP 1 = aa | SSAP 1 = aa | control 1 = 03 | organisation 3 = 0 | EtherType 2 | ..
/// ```
fn llc(bytes: &[u8]) -> Result<Network<'_>, Reject> {
    match bytes {
        [0xaa, 0xaa, 0x03, 0, 0, 0, high, low, rest @ ..] => Ok(Network {
            protocol: u16::from_be_bytes([*high, *low]),
            bytes: rest,
        }),
        [] | [_] | [_, _] => Err(Reject::LinkDamaged),
        _ => Err(Reject::NotIp),
    }
}

/// Address families differ from system to system; the version in the IP header does not.
fn ip(bytes: &[u8]) -> Result<Network<'_>, Reject> {
    match bytes.first().ok_or(Reject::LinkDamaged)? >> 4 {
        4 => Ok(Network {
            protocol: IPV4,
            bytes,
        }),
        6 => Ok(Network {
            protocol: IPV6,
            bytes,
        }),
        _ => Err(Reject::NotIp),
    }
}

fn after(bytes: &[u8], count: usize) -> Result<&[u8], Reject> {
    bytes.get(count..).ok_or(Reject::LinkDamaged)
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, Reject> {
    let two = bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .ok_or(Reject::LinkDamaged)?;
    Ok(u16::from_be_bytes(*two))
}
