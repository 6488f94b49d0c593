//! MPLS: a label stack, and below it a payload that no field identifies.

use super::layer::{Layer, Network, after, array, be16};
use crate::numbers::ether_type::{self, IPV4, IPV6};
use crate::{LinkType, Reject};

/// Labels that are skipped; networks use fewer than ten.
const MAX_LABELS: usize = 16;

/// RFC 3032, section 2.1, each entry of the stack:
///
/// ```text
/// label 20 bits | traffic class 3 bits | bottom of stack 1 bit | time to live 8 bits
/// ```
///
/// Below the last label, the first 4 bits tell what follows (RFC 4928): 4 and 6 are IP, 0 is the
/// control word of a pseudowire, 1 its associated channel.
pub(super) fn stack(mut bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    for _ in 0..MAX_LABELS {
        let [_, _, class_and_bottom, _] = array(bytes, 0)?;
        bytes = after(bytes, 4)?;
        if class_and_bottom & 1 == 1 {
            return payload(bytes);
        }
    }
    Err(Reject::LinkDamaged)
}

/// Ethernet pseudowires have a control word or none, as their ends agreed (RFC 4448, section 4.6),
/// and a destination address may start with any 4 bits. So IP needs a valid header length, and
/// Ethernet an EtherType that leads on. The control word is tried first, because 0 stands for it.
///
/// ```text
/// 0 4 bits | flags 4 bits | fragment 2 bits | length 6 bits | sequence 2 | Ethernet ..
/// ```
fn payload(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    let [first] = array(bytes, 0)?;
    let behind_control = bytes.get(4..).filter(|_| first >> 4 == 0);
    match (first >> 4, first & 0x0f) {
        (4, 5..) => Ok(Layer::Network(Network::untagged(IPV4, bytes))),
        (6, _) => Ok(Layer::Network(Network::untagged(IPV6, bytes))),
        _ => [behind_control, Some(bytes)]
            .into_iter()
            .flatten()
            .find(|frame| leads_on(frame).unwrap_or(false))
            .map(|frame| Layer::Link(LinkType::Ethernet, frame))
            .ok_or(Reject::NotIp),
    }
}

/// Whether the bytes behind an Ethernet header look like what its EtherType says.
fn leads_on(frame: &[u8]) -> Result<bool, Reject> {
    let [first] = array(frame, 14)?;
    Ok(match be16(frame, 12)? {
        IPV4 => first >> 4 == 4,
        IPV6 => first >> 4 == 6,
        ether_type::PPPOE_SESSION => first == 0x11,
        other => ether_type::VLAN_TAGS.contains(&other) || ether_type::MPLS_LABELS.contains(&other),
    })
}
