//! Linux cooked capture: a header made by the kernel, in place of the link layer's own.

use super::layer::{Layer, after, be16};
use super::netfilter;
use crate::numbers::{ether_type, hardware};
use crate::{LinkType, Reject};

/// LINKTYPE_LINUX_SLL, and LINKTYPE_NETLINK, which is the same:
///
/// ```text
/// direction 2 | hardware type 2 | address length 2 | address 8 | protocol 2 | ..
/// ```
pub(super) fn version_1(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    by_hardware(be16(bytes, 2)?, be16(bytes, 14)?, after(bytes, 16)?)
}

/// LINKTYPE_LINUX_SLL2:
///
/// ```text
/// protocol 2 | 0 2 | interface 4 | hardware type 2 | direction 1 | address length 1 | address 8 |
/// ..
/// ```
pub(super) fn version_2(bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    by_hardware(be16(bytes, 8)?, be16(bytes, 0)?, after(bytes, 20)?)
}

/// The protocol is an EtherType, or a number that Linux uses where there is none (ETH_P_,
/// linux/if_ether.h): of those only 4 names what follows, an LLC header.
fn by_hardware(interface: u16, protocol: u16, bytes: &[u8]) -> Result<Layer<'_>, Reject> {
    match (interface, protocol) {
        (hardware::NETLINK, family) => netfilter::netlink(family, bytes),
        (hardware::RADIOTAP, _) => Ok(Layer::Link(LinkType::Radiotap, bytes)),
        (_, 4) => Ok(Layer::Llc(bytes)),
        (_, 0..ether_type::MIN) => Err(Reject::NotIp),
        (_, protocol) => Ok(Layer::EtherType(protocol, bytes)),
    }
}
