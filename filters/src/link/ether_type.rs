//! From an EtherType to IP: below VLAN tags in any mix, then behind an LLC header, in a PPPoE
//! session or below an MPLS label stack.
//!
//! ```text
//!   tag    0 |control 2|                  2 |type of what follows|        + 4
//!   PPPoE  0 |11 00| session 2| length 2| 6 |PPP protocol|                + 8
//!   label  0 |label 20 bits, class 3, bottom of stack 1, time to live 8|  + 4
//! ```

use dnsflow_packet::numbers::{ether_type, ppp};

use super::way::{TAG_BYTES, Targets, Way, one_of};
use super::{llc, pseudowire};
use crate::assembler::{Assembler, Label, To};
use crate::instruction::code;

/// VLAN tags in the frame that all programs look below, in any mix of 802.1Q, 802.1ad and the
/// pre-standard 0x9100. The kernel strips one more from received packets.
pub const MAX_VLAN_TAGS: usize = 8;

/// Labels of an MPLS stack that all programs look below.
pub const MAX_MPLS_LABELS: usize = 8;

/// Bytes of a VLAN tag's control information, in front of the inner EtherType.
const TCI_BYTES: u32 = 2;

/// Bytes of a label, and the byte of it that has the bottom of stack bit, and the bit.
const LABEL_BYTES: u32 = 4;
const BOTTOM_BYTE: u32 = 2;
const BOTTOM: u32 = 0x01;

/// Bytes of a PPPoE header with the PPP protocol, and where that is.
const PPPOE_BYTES: u32 = 8;
const PROTOCOL_IN_PPPOE: u32 = 6;

/// From an EtherType in `A` and the offset of what it tells of, `start`, to one of the targets.
/// `base` is what loads count from: 0, or one of the kernel's negative offsets.
///
/// ```text
///       depth 0..=8:
///       X = start + 4 * depth
///       if A == IPv4: ipv4
///       if A == IPv6: ipv6
///       if A != VLAN: untagged
///       A = type in the tag
/// untagged:
///       if A == MPLS: labels
///       if A == PPPoE: pppoe
///       if A == VLAN or PPP: deep
///       if A >= 0x600: other
///       llc
/// ```
pub(crate) fn from_type(program: &mut Assembler, base: u32, start: u32, targets: Targets) {
    let [untagged, mpls, pppoe] = std::array::from_fn(|_| program.label());
    let mut payload = start;
    for depth in 0..=MAX_VLAN_TAGS {
        program.emit(code::LDX | code::IMM, payload);
        let (ipv4, ipv6) = (To::Label(targets.ipv4), To::Label(targets.ipv6));
        one_of(program, [ether_type::IPV4], ipv4, To::Next);
        one_of(program, [ether_type::IPV6], ipv6, To::Next);
        if depth < MAX_VLAN_TAGS {
            let tagged = program.label();
            one_of(
                program,
                ether_type::VLAN_TAGS,
                To::Label(tagged),
                To::Label(untagged),
            );
            program.bind(tagged);
            program.emit(code::LD | code::H | code::ABS, base + payload + TCI_BYTES);
            payload += TAG_BYTES;
        }
    }
    let deep = To::Label(targets.deep);
    program.bind(untagged);
    one_of(program, ether_type::MPLS_LABELS, To::Label(mpls), To::Next);
    let session = [ether_type::PPPOE_SESSION];
    one_of(program, session, To::Label(pppoe), To::Next);
    one_of(program, ether_type::VLAN_TAGS, deep, To::Next);
    one_of(program, [ether_type::PPP], deep, To::Next);
    let min = u32::from(ether_type::MIN);
    program.branch(code::JGE, min, To::Label(targets.other), To::Next);
    let mut way = Way::new(program, base, targets);
    llc::to_ip(&mut way);
    way.program.bind(pppoe);
    session_to_ip(&mut way, mpls);
    way.program.bind(mpls);
    labels_to_ip(&mut way);
    way.finish();
}

/// ```text
///       if [X:2] is not of a session: other
///       A = [X + 6:2]
///       if A == IPv4 or IPv6: IP behind 8 bytes
///       if A == MPLS: X = X + 8; mpls
///       if A == address and control, or A >> 8 == IPv4 or IPv6: deep
///       other
/// ```
fn session_to_ip(way: &mut Way<'_>, mpls: Label) {
    let (deep, other) = (To::Label(way.targets.deep), To::Label(way.targets.other));
    let [found, labelled] = std::array::from_fn(|_| way.program.label());
    let ip = [ppp::IPV4, ppp::IPV6];
    way.load(code::H, 0);
    one_of(way.program, [ppp::PPPOE_SESSION], To::Next, other);
    way.load(code::H, PROTOCOL_IN_PPPOE);
    one_of(way.program, ip, To::Label(found), To::Next);
    let labels = [ppp::MPLS, ppp::MPLS_MULTICAST];
    one_of(way.program, labels, To::Label(labelled), To::Next);
    one_of(way.program, [ppp::ADDRESS_CONTROL], deep, To::Next);
    // The first byte of a protocol of two may be left out.
    way.program.emit(code::ALU | code::RSH | code::K, 8);
    one_of(way.program, ip, deep, other);
    way.program.bind(found);
    way.ip_behind(PPPOE_BYTES);
    way.program.bind(labelled);
    way.advance(PPPOE_BYTES);
    way.program.jump(mpls);
}

/// ```text
///       label 0..8:
///       if [X + 4 * label + 2] & bottom: A = 4 * (label + 1); bottom
///       deep
/// bottom:
///       X = X + A
///       below_labels
/// ```
fn labels_to_ip(way: &mut Way<'_>) {
    let bottoms: [Label; MAX_MPLS_LABELS] = std::array::from_fn(|_| way.program.label());
    let mut offset = 0;
    for &bottom in &bottoms {
        way.load(code::B, offset + BOTTOM_BYTE);
        way.program
            .branch(code::JSET, BOTTOM, To::Label(bottom), To::Next);
        offset += LABEL_BYTES;
    }
    way.program.jump(way.targets.deep);
    let below = way.program.label();
    let mut bytes = 0;
    for bottom in bottoms {
        bytes += LABEL_BYTES;
        way.program.bind(bottom);
        way.program.emit(code::LD | code::IMM, bytes);
        way.program.jump(below);
    }
    way.program.bind(below);
    way.program.emit(code::ALU | code::ADD | code::X, 0);
    way.program.emit(code::MISC | code::TAX, 0);
    pseudowire::below_labels(way);
}
