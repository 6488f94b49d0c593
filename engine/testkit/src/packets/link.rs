//! What stands between a wire and IP.

use super::be16;

/// Link types of capture files, by their LINKTYPE_ numbers.
pub const ETHERNET: u16 = 1;
/// IP without a link layer.
pub const RAW_IP: u16 = 101;
/// A Linux cooked capture, version 1.
pub const COOKED: u16 = 113;
/// IEEE 802.15.4, which carries no DNS.
pub const UNREADABLE: u16 = 195;

/// EtherTypes.
pub const IPV4: u16 = 0x0800;
/// The EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;

/// The EtherType of an IP packet.
#[must_use]
pub fn ether_type(packet: &[u8]) -> u16 {
    if packet[0] >> 4 == 6 { IPV6 } else { IPV4 }
}

/// An Ethernet frame around an IP packet, below tags, the outermost first. It is addressed to nobody.
#[must_use]
pub fn ethernet(tags: &[u16], packet: &[u8]) -> Vec<u8> {
    ethernet_of(tags, ether_type(packet), packet)
}

/// An Ethernet frame around anything. Tags are numbered 100 and up.
#[must_use]
pub fn ethernet_of(tags: &[u16], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 1];
    for (tag, vlan) in tags.iter().zip(100_u16..) {
        frame.extend(tag.to_be_bytes());
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend(kind.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An IEEE 802.3 frame, its type field the length of what follows, with `header` as that of IEEE 802.2.
#[must_use]
pub fn llc(tags: &[u16], header: &[u8], packet: &[u8]) -> Vec<u8> {
    let payload = [header, packet].concat();
    ethernet_of(tags, u16::from_be_bytes(be16(payload.len())), &payload)
}

/// The same with a SNAP header (RFC 1042).
#[must_use]
pub fn snap(tags: &[u16], kind: u16, packet: &[u8]) -> Vec<u8> {
    let [high, low] = kind.to_be_bytes();
    llc(tags, &[0xaa, 0xaa, 3, 0, 0, 0, high, low], packet)
}

/// A stack of so many MPLS labels, the last one the bottom (RFC 3032, section 2.1).
#[must_use]
pub fn mpls(labels: u8, packet: &[u8]) -> Vec<u8> {
    let mut stack = Vec::new();
    for label in 1..=labels {
        stack.extend([0, label, u8::from(label == labels) | 0x10, 64]);
    }
    stack.extend(packet);
    stack
}

/// The header of a PPPoE session with the PPP protocol (RFC 2516, section 4).
#[must_use]
pub fn pppoe(protocol: u16, packet: &[u8]) -> Vec<u8> {
    let mut session = vec![0x11, 0, 0, 7];
    session.extend(be16(2 + packet.len()));
    session.extend(protocol.to_be_bytes());
    session.extend(packet);
    session
}

/// An IP packet in a Linux cooked capture, version 1.
#[must_use]
pub fn cooked(packet: &[u8]) -> Vec<u8> {
    let header = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    [&header[..], &ether_type(packet).to_be_bytes(), packet].concat()
}
