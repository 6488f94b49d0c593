//! PPP and Cisco HDLC, on serial lines and over Ethernet.

use super::layer::{Layer, Network, after, array, be16};
use super::mpls;
use crate::Reject;
use crate::numbers::{ether_type, ppp};

/// RFC 1661, section 2. Address and control may be left out, and so may the first byte of a
/// protocol below 0x100 (RFC 1661, sections 6.5 and 6.6): the last byte of a protocol is odd, the
/// one before it even.
///
/// ```text
/// (address 1 = ff | control 1 = 03) | protocol 1 or 2 | ..
/// ```
pub(super) fn packet(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    let bytes = bytes
        .strip_prefix(&ppp::ADDRESS_CONTROL.to_be_bytes())
        .unwrap_or(bytes);
    let [first] = array(bytes, 0)?;
    let (protocol, rest) = if first & 1 == 1 {
        (u16::from(first), after(bytes, 1)?)
    } else {
        (be16(bytes, 0)?, after(bytes, 2)?)
    };
    match protocol {
        ppp::IPV4 => Ok(Layer::Network(Network::untagged(ether_type::IPV4, rest))),
        ppp::IPV6 => Ok(Layer::Network(Network::untagged(ether_type::IPV6, rest))),
        ppp::MPLS | ppp::MPLS_MULTICAST => mpls::stack(rest),
        _ => Err(Reject::NotIp),
    }
}

/// PPP over Ethernet (RFC 2516, section 4). Only a session carries packets.
///
/// ```text
/// version 4 bits = 1, type 4 bits = 1 | code 1 = 0 | session 2 | length 2 | PPP ..
/// ```
pub(super) fn session(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    match array(bytes, 0)? {
        [0x11, 0, _, _, _, _] => Ok(Layer::Ppp(after(bytes, 6)?)),
        [0x11, ..] => Err(Reject::NotIp),
        _ => Err(Reject::LinkDamaged),
    }
}

/// LINKTYPE_PPP_HDLC: the first byte tells Cisco HDLC from PPP.
pub(super) fn serial(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    match bytes {
        [0x0f | 0x8f, ..] => cisco(bytes),
        _ => Ok(Layer::Ppp(bytes)),
    }
}

/// Cisco HDLC (RFC 1547, section 4.3.1):
///
/// ```text
/// address 1 = 0f to one, 8f to all | control 1 = 0 | EtherType 2 | ..
/// ```
pub(super) fn cisco(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    Ok(Layer::EtherType(be16(bytes, 2)?, after(bytes, 4)?))
}
