//! The same packet as it is in a file, and as sockets get it.

use dnsflow_filters::{Interpreter, Packet, VlanTag};
use dnsflow_packet::{Frame, LinkType, Timestamp};

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
/// What the kernel says of a frame that has a length instead of a type (ETH_P_802_2, linux/if_ether.h).
const LLC: u16 = 4;

/// A packet, and what is known of it besides.
#[derive(Clone, Debug)]
pub struct Seen {
    pub(super) link: LinkType,
    bytes: Vec<u8>,
    wire_bytes: u32,
    at: Timestamp,
    stripped: Option<VlanTag>,
}

/// A way to see a packet.
pub(super) type View = fn(&Seen) -> Seen;

/// All of them, by name.
pub(super) const VIEWS: [(&str, View); 3] = [
    ("in a file", Seen::clone),
    ("stripped", Seen::stripped),
    ("without link layer", Seen::without_link_layer),
];

impl Seen {
    /// A packet as it is in a file.
    pub fn in_file(frame: &Frame<'_>) -> Self {
        Seen {
            link: frame.link,
            bytes: frame.bytes.to_vec(),
            wire_bytes: frame.wire_bytes,
            at: frame.at,
            stripped: None,
        }
    }

    pub(super) fn frame(&self) -> Frame<'_> {
        Frame {
            bytes: &self.bytes,
            wire_bytes: self.wire_bytes,
            at: self.at,
            link: self.link,
            vlan: None,
        }
    }

    pub(super) fn passes(&self, filter: &Interpreter) -> bool {
        let (network_offset, protocol) = match self.link {
            LinkType::Network(protocol) => (0, protocol),
            _ => (ETHERNET, self.be16(12).unwrap_or(0)),
        };
        let packet = Packet {
            frame: &self.bytes,
            wire_length: self.wire_bytes,
            data_offset: 0,
            network_offset,
            protocol,
            vlan: self.stripped,
        };
        filter.run(&packet, || 0) > 0
    }

    /// As the kernel hands it over: the outer tag is not in the frame.
    fn stripped(&self) -> Self {
        let (Some(tpid @ (0x8100 | 0x88a8)), Some(tci)) = (self.ethernet_type(), self.be16(14))
        else {
            return self.clone();
        };
        Seen {
            stripped: Some(VlanTag { tci, tpid }),
            ..self.without(12..16)
        }
    }

    /// As it is without the Ethernet header: what was in that, the kernel says.
    fn without_link_layer(&self) -> Self {
        let stripped = self.stripped();
        let Some(protocol) = stripped.ethernet_type() else {
            return stripped;
        };
        Seen {
            link: LinkType::Network(if protocol < 0x600 { LLC } else { protocol }),
            ..stripped.without(0..ETHERNET)
        }
    }

    fn ethernet_type(&self) -> Option<u16> {
        (self.link == LinkType::Ethernet)
            .then(|| self.be16(12))
            .flatten()
    }

    fn without(&self, range: std::ops::Range<usize>) -> Self {
        let mut seen = self.clone();
        seen.wire_bytes -= u32::try_from(range.len()).expect("a header");
        seen.bytes.drain(range);
        seen
    }

    fn be16(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..)?.first_chunk()?;
        Some(u16::from_be_bytes(*bytes))
    }
}
