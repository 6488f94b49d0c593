//! Steps over what stands between the link layer and IP, in the kernel.
//!
//! The capture filter and the balance programs both have to find the IP header. What they know at
//! the start differs, and what they count from, but the way from there is the same: VLAN tags in
//! any mix, then an LLC and SNAP header, an MPLS label stack or a PPPoE session header.
//!
//! ```text
//!   tag    0 |control 2|                  2 |type of what follows|        + 4
//!   SNAP   0 |aa aa 03 00 00 00|          6 |type of what follows|        + 8
//!   PPPoE  0 |11 00| session 2| length 2| 6 |PPP protocol|                + 8
//!   label  0 |label 20 bits, class 3, bottom of stack 1, time to live 8|  + 4
//! ```
//!
//! Nothing says what is below the last label; it is taken for IP of whichever version its first
//! four bits say. It refuses to look at an Ethernet frame inside, be it of a pseudowire or of a
//! provider backbone bridge.

use crate::assembler::{Assembler, Label, To};
use crate::instruction::code;

/// VLAN tags in the frame that all programs look below, in any mix of 802.1Q, 802.1ad and the
/// pre-standard 0x9100. The kernel strips one more from received packets.
pub const MAX_VLAN_TAGS: usize = 8;

/// Labels of an MPLS stack that all programs look below.
pub const MAX_MPLS_LABELS: usize = 8;

pub(crate) const ETHERTYPE_IPV4: u32 = 0x0800;
pub(crate) const ETHERTYPE_IPV6: u32 = 0x86dd;
/// IEEE 802.1Q, 802.1ad, and the pre-standard outer tag of QinQ.
const ETHERTYPES_VLAN: [u32; 3] = [0x8100, 0x88a8, 0x9100];
/// Unicast, and what was multicast (RFC 5332).
const ETHERTYPES_MPLS: [u32; 2] = [0x8847, 0x8848];
/// Session stage (RFC 2516, section 5).
const ETHERTYPE_PPPOE: u32 = 0x8864;
/// Below it the field is a length, and an LLC header follows (IEEE 802.3, section 3.2.6).
const MIN_ETHERTYPE: u32 = 0x0600;

/// IPv4 and IPv6 (RFC 1332, RFC 5072).
pub(crate) const PPP_IP: [u32; 2] = [0x0021, 0x0057];

/// Bytes of a VLAN tag, and of its control information in front of the inner ethertype.
const TAG_BYTES: u32 = 4;
const TCI_BYTES: u32 = 2;

const LABEL_BYTES: u32 = 4;
/// The byte of a label that has the bottom of stack bit, and the bit.
const BOTTOM_BYTE: u32 = 2;
const BOTTOM: u32 = 0x01;

/// Bytes of a SNAP header, and of a PPPoE header with the PPP protocol, both ended by the type.
const SNAP_BYTES: u32 = 8;
const TYPE_IN_SNAP: u32 = 6;
/// DSAP, SSAP and control of SNAP, and the first byte of an organisation of 0 (RFC 1042).
const SNAP: u32 = 0xaaaa_0300;

/// Where the way to the IP header ends. At the three first, `X` is the offset of the header from
/// where packet loads count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Targets {
    pub(crate) ipv4: Label,
    pub(crate) ipv6: Label,
    /// IP of the version that its first four bits say.
    pub(crate) ip: Label,
    /// Not IP.
    pub(crate) other: Label,
}

/// From an ethertype in `A` and the offset of what it tells of, `start`, to one of the targets.
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
///       if A == MPLS: mpls
///       if A == PPPoE: pppoe
///       if A >= 0x600: other
/// ```
///
/// and on with [`from_llc`].
pub(crate) fn from_type(program: &mut Assembler, base: u32, start: u32, targets: Targets) {
    let [untagged, mpls, pppoe] = std::array::from_fn(|_| program.label());
    let mut payload = start;
    for depth in 0..=MAX_VLAN_TAGS {
        program.emit(code::LDX | code::IMM, payload);
        program.branch(code::JEQ, ETHERTYPE_IPV4, To::Label(targets.ipv4), To::Next);
        program.branch(code::JEQ, ETHERTYPE_IPV6, To::Label(targets.ipv6), To::Next);
        if depth < MAX_VLAN_TAGS {
            let tagged = program.label();
            let [dot1q, dot1ad, old] = ETHERTYPES_VLAN;
            program.branch(code::JEQ, dot1q, To::Label(tagged), To::Next);
            program.branch(code::JEQ, dot1ad, To::Label(tagged), To::Next);
            program.branch(code::JEQ, old, To::Next, To::Label(untagged));
            program.bind(tagged);
            program.emit(code::LD | code::H | code::ABS, base + payload + TCI_BYTES);
            payload += TAG_BYTES;
        }
    }
    program.bind(untagged);
    for ethertype in ETHERTYPES_MPLS {
        program.branch(code::JEQ, ethertype, To::Label(mpls), To::Next);
    }
    program.branch(code::JEQ, ETHERTYPE_PPPOE, To::Label(pppoe), To::Next);
    program.branch(code::JGE, MIN_ETHERTYPE, To::Label(targets.other), To::Next);
    let eight = program.label();
    llc(program, base, eight, targets);
    program.bind(pppoe);
    program.emit(code::LD | code::H | code::IND, base + TYPE_IN_SNAP);
    one_of(program, PPP_IP, eight, targets.other);
    program.bind(mpls);
    labels(program, base, eight, targets);
}

/// From an LLC header at `X` to one of the targets; only SNAP leads to IP.
pub(crate) fn from_llc(program: &mut Assembler, base: u32, targets: Targets) {
    let eight = program.label();
    llc(program, base, eight, targets);
    program.bind(eight);
    program.emit(code::LD | code::IMM, SNAP_BYTES);
    advance(program, targets.ip);
}

/// ```text
///       if [X:4] != aa aa 03 00 or [X + 4:2] != 0: other
///       if [X + 6:2] is IPv4 or IPv6: eight
///       other
/// ```
fn llc(program: &mut Assembler, base: u32, eight: Label, targets: Targets) {
    let other = To::Label(targets.other);
    program.emit(code::LD | code::W | code::IND, base);
    program.branch(code::JEQ, SNAP, To::Next, other);
    program.emit(code::LD | code::H | code::IND, base + 4);
    program.branch(code::JEQ, 0, To::Next, other);
    program.emit(code::LD | code::H | code::IND, base + TYPE_IN_SNAP);
    one_of(
        program,
        [ETHERTYPE_IPV4, ETHERTYPE_IPV6],
        eight,
        targets.other,
    );
}

/// ```text
///       label 0..8:
///       if [X + 4 * label + 2] & bottom: A = 4 * (label + 1); advance
///       other
/// eight:
///       A = 8
/// advance:
///       X = X + A; ip
/// ```
fn labels(program: &mut Assembler, base: u32, eight: Label, targets: Targets) {
    let bottoms: [Label; MAX_MPLS_LABELS] = std::array::from_fn(|_| program.label());
    let mut offset = 0;
    for &bottom in &bottoms {
        program.emit(code::LD | code::B | code::IND, base + offset + BOTTOM_BYTE);
        program.branch(code::JSET, BOTTOM, To::Label(bottom), To::Next);
        offset += LABEL_BYTES;
    }
    program.jump(targets.other);
    let on = program.label();
    let mut bytes = 0;
    for bottom in bottoms {
        bytes += LABEL_BYTES;
        program.bind(bottom);
        program.emit(code::LD | code::IMM, bytes);
        program.jump(on);
    }
    program.bind(eight);
    program.emit(code::LD | code::IMM, SNAP_BYTES);
    program.bind(on);
    advance(program, targets.ip);
}

/// `X <- X + A`, and on.
fn advance(program: &mut Assembler, on: Label) {
    program.emit(code::ALU | code::ADD | code::X, 0);
    program.emit(code::MISC | code::TAX, 0);
    program.jump(on);
}

pub(crate) fn one_of(program: &mut Assembler, values: [u32; 2], holds: Label, fails: Label) {
    let [first, second] = values;
    program.branch(code::JEQ, first, To::Label(holds), To::Next);
    program.branch(code::JEQ, second, To::Label(holds), To::Label(fails));
}
