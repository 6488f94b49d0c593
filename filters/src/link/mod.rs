//! Steps over what stands between the link layer and IP, in the kernel.
//!
//! The capture filter and the balance programs both have to find the IP header. What they know at
//! the start differs, and what they count from, but the way from there is the same: VLAN tags in
//! any mix, then an LLC header, an MPLS label stack or a PPPoE session header.
//!
//! ```text
//!   tag    0 |control 2|                  2 |type of what follows|        + 4
//!   SNAP   0 |aa aa 03 00 00 00|          6 |type of what follows|        + 8
//!   LLC    0 |06 06 03|                                                   + 3
//!   PPPoE  0 |11 00| session 2| length 2| 6 |PPP protocol|                + 8
//!   label  0 |label 20 bits, class 3, bottom of stack 1, time to live 8|  + 4
//! ```
//!
//! Whatever nests deeper, or in another order than this one, is not looked into, but is told from
//! what can't be IP: it might be.

mod pseudowire;

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
pub(crate) const ETHERTYPES_VLAN: [u32; 3] = [0x8100, 0x88a8, 0x9100];
/// Unicast, and what was multicast (RFC 5332).
const ETHERTYPES_MPLS: [u32; 2] = [0x8847, 0x8848];
/// Session stage (RFC 2516, section 5).
const ETHERTYPE_PPPOE: u32 = 0x8864;
/// Below it the field is a length, and an LLC header follows (IEEE 802.3, section 3.2.6).
const MIN_ETHERTYPE: u32 = 0x0600;

/// PPP without a session, as GRE carries it (RFC 2637).
const ETHERTYPE_PPP: u32 = 0x880b;

/// IPv4 and IPv6 (RFC 1332, RFC 5072), and both kinds of MPLS (RFC 3032, section 4.3).
pub(crate) const PPP_IP: [u32; 2] = [0x0021, 0x0057];
pub(crate) const PPP_MPLS: [u32; 2] = [0x0281, 0x0283];
/// Address and control, if they were not left out (RFC 1662, section 3.1).
pub(crate) const PPP_ADDRESS_CONTROL: u32 = 0xff03;

/// Bytes of a VLAN tag, and of its control information in front of the inner ethertype.
pub(crate) const TAG_BYTES: u32 = 4;
const TCI_BYTES: u32 = 2;

const LABEL_BYTES: u32 = 4;
/// The byte of a label that has the bottom of stack bit, and the bit.
const BOTTOM_BYTE: u32 = 2;
const BOTTOM: u32 = 0x01;

/// Bytes of a SNAP header, and of a PPPoE header with the PPP protocol, and where both have the
/// type of what follows.
const SNAP_BYTES: u32 = 8;
const PPPOE_BYTES: u32 = 8;
const TYPE_IN_BOTH: u32 = 6;
/// DSAP, SSAP and control of SNAP, and the first byte of an organisation (RFC 1042).
const SNAP: u32 = 0xaaaa_0300;
/// The rest of the organisation: RFC 1042's, or that of the bridges of IEEE 802.1H.
const SNAP_ORGANISATIONS: [u32; 2] = [0x0000, 0x00f8];
/// DSAP, SSAP and control of IP in LLC alone, and their bytes.
const LLC_IP: u32 = 0x0606_0300;
const LLC_BYTES: u32 = 3;
/// Version, type and code of a PPPoE session.
const PPPOE_SESSION: u32 = 0x1100;

/// Where the way to the IP header ends. At the three first, `X` is the offset of the header from
/// where packet loads count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Targets {
    pub(crate) ipv4: Label,
    pub(crate) ipv6: Label,
    /// IP of the version that its first four bits say.
    pub(crate) ip: Label,
    /// Nested in a way that is not looked into.
    pub(crate) deep: Label,
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
        program.branch(code::JEQ, ETHERTYPE_IPV4, To::Label(targets.ipv4), To::Next);
        program.branch(code::JEQ, ETHERTYPE_IPV6, To::Label(targets.ipv6), To::Next);
        if depth < MAX_VLAN_TAGS {
            let tagged = program.label();
            one_of(
                program,
                ETHERTYPES_VLAN,
                To::Label(tagged),
                To::Label(untagged),
            );
            program.bind(tagged);
            program.emit(code::LD | code::H | code::ABS, base + payload + TCI_BYTES);
            payload += TAG_BYTES;
        }
    }
    program.bind(untagged);
    one_of(program, ETHERTYPES_MPLS, To::Label(mpls), To::Next);
    program.branch(code::JEQ, ETHERTYPE_PPPOE, To::Label(pppoe), To::Next);
    one_of(program, ETHERTYPES_VLAN, To::Label(targets.deep), To::Next);
    program.branch(code::JEQ, ETHERTYPE_PPP, To::Label(targets.deep), To::Next);
    program.branch(code::JGE, MIN_ETHERTYPE, To::Label(targets.other), To::Next);
    let mut way = Way::new(program, base, targets);
    way.llc();
    way.program.bind(pppoe);
    way.pppoe(mpls);
    way.program.bind(mpls);
    way.labels();
    way.finish();
}

/// From an LLC header at `X` to one of the targets.
pub(crate) fn from_llc(program: &mut Assembler, base: u32, targets: Targets) {
    let mut way = Way::new(program, base, targets);
    way.llc();
    way.finish();
}

/// A way to the IP header of which `X` is where it has come to.
pub(crate) struct Way<'a> {
    pub(crate) program: &'a mut Assembler,
    base: u32,
    pub(crate) targets: Targets,
    /// Adds `A` to `X`, and from there on it is IP.
    on: Label,
}

impl<'a> Way<'a> {
    fn new(program: &'a mut Assembler, base: u32, targets: Targets) -> Self {
        let on = program.label();
        Self {
            program,
            base,
            targets,
            on,
        }
    }

    fn finish(self) {
        self.program.bind(self.on);
        self.program.emit(code::ALU | code::ADD | code::X, 0);
        self.program.emit(code::MISC | code::TAX, 0);
        self.program.jump(self.targets.ip);
    }

    /// ```text
    ///       A = [X:4]
    ///       if A == aa aa 03 00: snap
    ///       if A & ff ff ff 00 == 06 06 03 00: IP behind 3 bytes
    ///       other
    /// snap:
    ///       if [X + 4:2] is not an organisation: other
    ///       A = [X + 6:2]
    ///       if A == IPv4 or IPv6: IP behind 8 bytes
    ///       if A == VLAN, MPLS, PPPoE or PPP: deep
    ///       other
    /// ```
    fn llc(&mut self) {
        let Targets { deep, other, .. } = self.targets;
        let [snap, ours, found] = std::array::from_fn(|_| self.program.label());
        self.load(code::W, 0);
        self.program
            .branch(code::JEQ, SNAP, To::Label(snap), To::Next);
        self.program
            .emit(code::ALU | code::AND | code::K, 0xffff_ff00);
        self.program
            .branch(code::JEQ, LLC_IP, To::Next, To::Label(other));
        self.ip_behind(LLC_BYTES);
        self.program.bind(snap);
        self.load(code::H, 4);
        one_of(
            self.program,
            SNAP_ORGANISATIONS,
            To::Label(ours),
            To::Label(other),
        );
        self.program.bind(ours);
        self.load(code::H, TYPE_IN_BOTH);
        one_of(
            self.program,
            [ETHERTYPE_IPV4, ETHERTYPE_IPV6],
            To::Label(found),
            To::Next,
        );
        one_of(self.program, ETHERTYPES_VLAN, To::Label(deep), To::Next);
        self.nested();
        self.program.bind(found);
        self.ip_behind(SNAP_BYTES);
    }

    /// `deep` for the ethertypes besides VLAN's that lead on, `other` for the rest.
    pub(crate) fn nested(&mut self) {
        let Targets { deep, other, .. } = self.targets;
        one_of(self.program, ETHERTYPES_MPLS, To::Label(deep), To::Next);
        let sessions = [ETHERTYPE_PPPOE, ETHERTYPE_PPP];
        one_of(self.program, sessions, To::Label(deep), To::Label(other));
    }

    /// ```text
    ///       if [X:2] is not of a session: other
    ///       A = [X + 6:2]
    ///       if A == IPv4 or IPv6: IP behind 8 bytes
    ///       if A == MPLS: X = X + 8; mpls
    ///       if A == address and control, or A >> 8 == IPv4 or IPv6: deep
    ///       other
    /// ```
    fn pppoe(&mut self, mpls: Label) {
        let Targets { deep, other, .. } = self.targets;
        let [found, labelled] = std::array::from_fn(|_| self.program.label());
        self.load(code::H, 0);
        self.program
            .branch(code::JEQ, PPPOE_SESSION, To::Next, To::Label(other));
        self.load(code::H, TYPE_IN_BOTH);
        one_of(self.program, PPP_IP, To::Label(found), To::Next);
        one_of(self.program, PPP_MPLS, To::Label(labelled), To::Next);
        self.program
            .branch(code::JEQ, PPP_ADDRESS_CONTROL, To::Label(deep), To::Next);
        // The first byte of a protocol of two may be left out.
        self.program.emit(code::ALU | code::RSH | code::K, 8);
        one_of(self.program, PPP_IP, To::Label(deep), To::Label(other));
        self.program.bind(found);
        self.ip_behind(PPPOE_BYTES);
        self.program.bind(labelled);
        self.advance(PPPOE_BYTES);
        self.program.jump(mpls);
    }

    /// ```text
    ///       label 0..8:
    ///       if [X + 4 * label + 2] & bottom: A = 4 * (label + 1); bottom
    ///       deep
    /// bottom:
    ///       X = X + A
    ///       below_labels
    /// ```
    fn labels(&mut self) {
        let bottoms: [Label; MAX_MPLS_LABELS] = std::array::from_fn(|_| self.program.label());
        let mut offset = 0;
        for &bottom in &bottoms {
            self.load(code::B, offset + BOTTOM_BYTE);
            self.program
                .branch(code::JSET, BOTTOM, To::Label(bottom), To::Next);
            offset += LABEL_BYTES;
        }
        self.program.jump(self.targets.deep);
        let below = self.program.label();
        let mut bytes = 0;
        for bottom in bottoms {
            bytes += LABEL_BYTES;
            self.program.bind(bottom);
            self.program.emit(code::LD | code::IMM, bytes);
            self.program.jump(below);
        }
        self.program.bind(below);
        self.program.emit(code::ALU | code::ADD | code::X, 0);
        self.program.emit(code::MISC | code::TAX, 0);
        pseudowire::below_labels(self);
    }

    /// `A <- [X + offset]`.
    pub(crate) fn load(&mut self, size: u16, offset: u32) {
        self.program
            .emit(code::LD | size | code::IND, self.base + offset);
    }

    /// The end of the way, if what is `bytes` further is IP.
    pub(crate) fn ip_behind(&mut self, bytes: u32) {
        self.program.emit(code::LD | code::IMM, bytes);
        self.program.jump(self.on);
    }

    /// `X <- X + bytes`.
    fn advance(&mut self, bytes: u32) {
        self.program.emit(code::MISC | code::TXA, 0);
        self.program.emit(code::ALU | code::ADD | code::K, bytes);
        self.program.emit(code::MISC | code::TAX, 0);
    }
}

/// Goes one way if `A` is one of `values`, and else the other.
pub(crate) fn one_of<const N: usize>(
    program: &mut Assembler,
    values: [u32; N],
    holds: To,
    fails: To,
) {
    for (index, value) in values.into_iter().enumerate() {
        let last = index + 1 == N;
        program.branch(code::JEQ, value, holds, if last { fails } else { To::Next });
    }
}
