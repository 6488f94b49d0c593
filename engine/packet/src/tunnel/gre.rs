//! GRE, and ERSPAN inside it.

use super::inside::{after, array, by_ether_type};
use crate::Reject;
use crate::link::{self, Network};
use crate::numbers::ether_type;

/// A parsed GRE packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    protocol: u16,
    has_sequence: bool,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// RFC 2784, section 2.1 with RFC 2890, section 2. A packet with the routing field of RFC 1701
    /// is damaged; version 1 is PPTP, which carries PPP.
    ///
    /// ```text
    /// checksum 1 bit, routing 1 bit = 0, key 1 bit, sequence 1 bit, 0 9 bits, version 3 bits = 0 |
    /// EtherType 2
    /// checksum 2 | 0 2    if its bit is set
    /// key 4               if its bit is set
    /// sequence 4          if its bit is set
    /// ```
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Reject> {
        let [flags, version, high, low] = array(body, 0)?;
        match version & 0x07 {
            0 if flags & 0x40 == 0 => {}
            1 => return Err(Reject::NotIp),
            _ => return Err(Reject::TunnelDamaged),
        }
        let fields = [0x80, 0x20, 0x10]
            .iter()
            .filter(|bit| flags & **bit != 0)
            .count();
        Ok(Packet {
            protocol: u16::from_be_bytes([high, low]),
            has_sequence: flags & 0x10 != 0,
            payload: after(body, 4 + 4 * fields)?,
        })
    }

    pub(super) fn is_erspan(&self) -> bool {
        ether_type::ERSPAN_TYPES.contains(&self.protocol)
    }

    pub(super) fn inside(self) -> Result<Network<'a>, Reject> {
        match self.protocol {
            // Type I has no header of its own, and no sequence number to tell it by.
            ether_type::ERSPAN if !self.has_sequence => link::ethernet(self.payload),
            ether_type::ERSPAN | ether_type::ERSPAN_3 => erspan(self.payload),
            protocol @ (ether_type::MPLS | ether_type::MPLS_UPSTREAM) => {
                link::ether_type(protocol, self.payload)
            }
            protocol => by_ether_type(protocol, self.payload),
        }
    }
}

/// draft-foschiano-erspan-03, sections 4.2 and 4.3, types II and III:
///
/// ```text
/// version 4 bits = 1, VLAN 12 bits | class 3 bits, tag 2 bits, cut 1 bit, session 10 bits |
/// 0 12 bits, index 20 bits | Ethernet ..
///
/// version 4 bits = 2, VLAN 12 bits | class 3 bits, bad or short 2 bits, cut 1 bit,
/// session 10 bits | time 4 | group 2 | frame check 1 bit, type 5 bits, hardware 6 bits,
/// direction 1 bit, granularity 2 bits, platform's header 1 bit |
/// platform's header 8, if its bit is set | Ethernet, or IP if the type is 2 ..
/// ```
fn erspan(bytes: &[u8]) -> Result<Network<'_>, Reject> {
    let [version, ..]: [u8; 8] = array(bytes, 0)?;
    match version >> 4 {
        1 => link::ethernet(after(bytes, 8)?),
        2 => {
            let [kind, platform] = array(bytes, 10)?;
            let length = if platform & 1 == 0 { 12 } else { 20 };
            let frame = after(bytes, length)?;
            match kind >> 2 & 0x1f {
                0 => link::ethernet(frame),
                2 => link::ip(frame),
                _ => Err(Reject::NotIp),
            }
        }
        _ => Err(Reject::TunnelDamaged),
    }
}
