//! The link layer: skipped, on every [`LinkType`], to the network layer.
//!
//! The common case, Ethernet with at most one VLAN tag in front of IP, is handled in this file.
//! Everything else is parsed layer by layer, since layers nest: a PPP session over tagged Ethernet,
//! an Ethernet frame below MPLS labels. Each `Layer` yields the next, up to a limit, without
//! recursion.
//!
//! The module refuses to verify addresses, checksums and frame check sequences, and to reassemble:
//! of a frame that holds part of a packet, the result is that part.

mod arcnet;
mod cooked;
mod ieee;
mod layer;
mod mpls;
mod netfilter;
mod ppp;
mod wireless;

use dnsflow_wire::response::Tags;
use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};

use crate::numbers::ether_type::{self, IPV4, IPV6};
use crate::{Frame, LinkType, Reject};
use layer::{Layer, after, be16};

pub use layer::Network;
pub(crate) use layer::ip;

/// Nested link layers that are skipped, each VLAN tag counted as one. IEEE 802.1Q allows any
/// number; networks use fewer.
const MAX_LAYERS: usize = 16;

/// Skips the link layer of a packet. The result is not IP in every case: its EtherType is for the
/// caller to check.
///
/// # Errors
/// - [`Reject::LinkType`] for [`LinkType::Unsupported`];
/// - [`Reject::LinkDamaged`] if a header is truncated or invalid, or more than 16 layers nest;
/// - [`Reject::NotIp`] if a header says that no IP packet follows.
#[inline(always)]
pub fn network<'a>(frame: &Frame<'a>) -> Result<Network<'a>, Reject> {
    let mut network = match frame.link {
        LinkType::Ethernet => ethernet(frame.bytes),
        LinkType::Ip => ip(frame.bytes),
        LinkType::Network(protocol) => ether_type(protocol, frame.bytes),
        link => layers(Layer::Link(link, frame.bytes), Tags::default()),
    }?;
    if let Some(vlan) = frame.vlan {
        network.tags = Tags::default().with_vlan(vlan).around(network.tags);
    }
    Ok(network)
}

/// Skips an Ethernet header and the tags behind it (IEEE 802.3, RFC 894):
///
/// ```text
/// destination 6 | source 6 | EtherType 2 | ..
/// ```
#[inline(always)]
pub(super) fn ethernet(bytes: &[u8]) -> Result<Network<'_>, Reject> {
    let header = Ethernet2HeaderSlice::from_slice(bytes).map_err(|_| Reject::LinkDamaged)?;
    ether_type(header.ether_type().0, after(bytes, header.slice().len())?)
}

/// Continues by EtherType. One tag is skipped here (IEEE 802.1Q, section 9.6); each further one is
/// a layer.
///
/// ```text
/// priority 3 bits | drop eligible 1 bit | VLAN 12 bits | EtherType 2 | ..
/// ```
#[inline(always)]
pub(super) fn ether_type(protocol: u16, bytes: &[u8]) -> Result<Network<'_>, Reject> {
    match protocol {
        IPV4 | IPV6 => Ok(Network::untagged(protocol, bytes)),
        ether_type::C_TAG | ether_type::S_TAG | ether_type::OLD_S_TAG => {
            let tag = SingleVlanHeaderSlice::from_slice(bytes).map_err(|_| Reject::LinkDamaged)?;
            let rest = after(bytes, tag.slice().len())?;
            let tags = Tags::default().with_vlan(tag.vlan_identifier().value());
            match tag.ether_type().0 {
                protocol @ (IPV4 | IPV6) => Ok(Network {
                    protocol,
                    bytes: rest,
                    tags,
                }),
                other => layers(Layer::EtherType(other, rest), tags),
            }
        }
        other => layers(Layer::EtherType(other, bytes), Tags::default()),
    }
}

#[cold]
#[inline(never)]
fn layers(mut layer: Layer<'_>, mut tags: Tags) -> Result<Network<'_>, Reject> {
    for _ in 0..MAX_LAYERS {
        if let Layer::EtherType(
            ether_type::C_TAG | ether_type::S_TAG | ether_type::OLD_S_TAG,
            bytes,
        ) = layer
        {
            tags = tags.with_vlan(be16(bytes, 0)?);
        }
        layer = match layer {
            Layer::Link(link, bytes) => by_link_type(link, bytes)?,
            Layer::EtherType(protocol, bytes) => by_ether_type(protocol, bytes)?,
            Layer::Llc(bytes) => ieee::llc(bytes)?,
            Layer::Ppp(bytes) => ppp::packet(bytes)?,
            Layer::Network(network) => return Ok(Network { tags, ..network }),
        };
    }
    Err(Reject::LinkDamaged)
}

fn by_link_type(link: LinkType, bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    match link {
        LinkType::Ethernet => Ok(Layer::EtherType(be16(bytes, 12)?, after(bytes, 14)?)),
        LinkType::SwitchTag { bytes: tag, .. } => ieee::switch_tag(bytes, usize::from(tag)),
        LinkType::TokenRing => ieee::token_ring(bytes),
        LinkType::Fddi => ieee::fddi(bytes),
        LinkType::Arcnet => arcnet::on_the_wire(bytes),
        LinkType::ArcnetLinux => arcnet::linux(bytes),
        LinkType::Wireless => wireless::frame(bytes),
        LinkType::Prism => wireless::prism(bytes),
        LinkType::Radiotap => wireless::radiotap(bytes),
        LinkType::Ppi => wireless::ppi(bytes),
        LinkType::Ppp => Ok(Layer::Ppp(bytes)),
        LinkType::PppDirection => Ok(Layer::Ppp(after(bytes, 1)?)),
        LinkType::PppSerial => ppp::serial(bytes),
        LinkType::PppOverEthernet => ppp::session(bytes),
        LinkType::CiscoHdlc => ppp::cisco(bytes),
        LinkType::Null | LinkType::Loop => Ok(Layer::Network(ip(after(bytes, 4)?)?)),
        LinkType::Ip => Ok(Layer::Network(ip(bytes)?)),
        LinkType::Network(protocol) => Ok(Layer::EtherType(protocol, bytes)),
        LinkType::Cooked => cooked::version_1(bytes),
        LinkType::Cooked2 => cooked::version_2(bytes),
        LinkType::Nflog => netfilter::log(bytes),
        LinkType::Netlink => cooked::version_1(bytes),
        LinkType::Unsupported(_) => Err(Reject::LinkType),
    }
}

/// Continues by EtherType, one layer at a time.
fn by_ether_type(protocol: u16, bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    match protocol {
        // Tags as in `ether_type`.
        ether_type::C_TAG | ether_type::S_TAG | ether_type::OLD_S_TAG => {
            Ok(Layer::EtherType(be16(bytes, 2)?, after(bytes, 4)?))
        }
        ether_type::MPLS | ether_type::MPLS_UPSTREAM => mpls::stack(bytes),
        ether_type::PPPOE_SESSION => ppp::session(bytes),
        ether_type::PPP => Ok(Layer::Ppp(bytes)),
        0..ether_type::MIN => Ok(Layer::Llc(bytes)),
        _ => Ok(Layer::Network(Network::untagged(protocol, bytes))),
    }
}

#[cfg(test)]
mod tests;
