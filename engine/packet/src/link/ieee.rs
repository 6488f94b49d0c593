//! The other local networks of IEEE 802, and the switches of Ethernet.

use super::layer::{Layer, after, array, be16, ip};
use crate::Reject;
use crate::numbers::ether_type;

/// Ethernet from the port of a switch chip to its processor: the chip's own tag follows the
/// addresses (LINKTYPE_DSA_TAG_BRCM, LINKTYPE_DSA_TAG_DSA, LINKTYPE_DSA_TAG_EDSA).
///
/// ```text
/// destination 6 | source 6 | tag 4 or 8 | EtherType 2 | ..
/// ```
pub(super) fn switch_tag(bytes: &[u8], tag: usize) -> Result<Layer<'_>, Reject> {
    Ok(Layer::EtherType(
        be16(bytes, 12 + tag)?,
        after(bytes, 14 + tag)?,
    ))
}

/// IEEE 802.5. The high bit of the source address says that routing information follows; the low 5
/// bits of its first byte are its length, in bytes.
///
/// ```text
/// access 1 | frame control 1 | destination 6 | source 6 | routing 0 to 30 | LLC ..
/// ```
pub(super) fn token_ring(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    let header: [u8; 14] = array(bytes, 0)?;
    let routing = if header[8] & 0x80 == 0 {
        0
    } else {
        be16(bytes, 14)? >> 8 & 0x1f
    };
    Ok(Layer::Llc(after(bytes, 14 + usize::from(routing))?))
}

/// ANSI X3T9.5, ISO 9314:
///
/// ```text
/// frame control 1 | destination 6 | source 6 | LLC ..
/// ```
pub(super) fn fddi(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    Ok(Layer::Llc(after(bytes, 13)?))
}

/// IEEE 802.2, with a SNAP header (RFC 1042), or with the number of IP itself:
///
/// ```text
/// DSAP 1 = aa | SSAP 1 = aa | control 1 = 03 | organisation 3 = 0 | EtherType 2 | ..
/// DSAP 1 = 06 | SSAP 1 = 06 | control 1 = 03 | IP ..
/// ```
///
/// The other organisation is that of the bridges of IEEE 802.1H.
pub(super) fn llc(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    match bytes {
        [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, high, low, rest @ ..] => {
            match u16::from_be_bytes([*high, *low]) {
                0..ether_type::MIN => Err(Reject::NotIp),
                protocol => Ok(Layer::EtherType(protocol, rest)),
            }
        }
        [0x06, 0x06, 0x03, rest @ ..] => Ok(Layer::Network(ip(rest)?)),
        [] | [_] | [_, _] => Err(Reject::LinkDamaged),
        _ => Err(Reject::NotIp),
    }
}
