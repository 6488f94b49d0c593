//! What each layer of the link layer is parsed to, and the loads that all of them make.

use crate::numbers::ether_type::{IPV4, IPV6};
use crate::{Frame, LinkType, Reject};
use dnsflow_wire::response::Tags;

/// The network layer of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network<'a> {
    /// Its EtherType.
    pub protocol: u16,
    /// Its bytes, padding of the link layer included.
    pub bytes: &'a [u8],
    /// The two outer VLAN tags before it, and the identifier of the tunnel that it came out of.
    pub tags: Tags,
}

impl<'a> Network<'a> {
    /// A packet without tags.
    #[inline(always)]
    pub(crate) fn untagged(protocol: u16, bytes: &'a [u8]) -> Self {
        Self {
            protocol,
            bytes,
            tags: Tags::default(),
        }
    }

    /// The same with the identifier of the tunnel that it came out of.
    pub(crate) fn within(mut self, vni: [u8; 3]) -> Self {
        let [high, middle, low] = vni;
        self.tags.vni = Some(u32::from_be_bytes([0, high, middle, low]));
        self
    }

    /// Offset in `frame`, in bytes. It must be the frame that this was parsed from; of any other,
    /// the result is some offset of at most its length.
    #[must_use]
    pub fn offset_in(&self, frame: &Frame<'_>) -> usize {
        let start = frame.bytes.as_ptr().addr();
        let offset = self.bytes.as_ptr().addr().saturating_sub(start);
        offset.min(frame.bytes.len())
    }
}

/// How to parse the next bytes of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layer<'a> {
    /// By link type.
    Link(LinkType, &'a [u8]),
    /// By EtherType.
    EtherType(u16, &'a [u8]),
    /// An IEEE 802.2 header.
    Llc(&'a [u8]),
    /// A PPP packet, with its protocol field.
    Ppp(&'a [u8]),
    /// The end of the link layer.
    Network(Network<'a>),
}

/// Continues by the version in an IP header. Address families differ between systems, the version
/// does not.
#[inline(always)]
pub(crate) fn ip(bytes: &[u8]) -> Result<Network<'_>, Reject> {
    match bytes.first().ok_or(Reject::LinkDamaged)? >> 4 {
        4 => Ok(Network::untagged(IPV4, bytes)),
        6 => Ok(Network::untagged(IPV6, bytes)),
        _ => Err(Reject::NotIp),
    }
}

pub(super) fn after(bytes: &[u8], count: usize) -> Result<&[u8], Reject> {
    bytes.get(count..).ok_or(Reject::LinkDamaged)
}

/// `N` bytes from `at` on.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Reject> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.copied().ok_or(Reject::LinkDamaged)
}

pub(super) fn be16(bytes: &[u8], at: usize) -> Result<u16, Reject> {
    array(bytes, at).map(u16::from_be_bytes)
}
