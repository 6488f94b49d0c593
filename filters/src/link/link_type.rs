//! From the start of a packet to IP, on each link type that has a fixed place to begin at.

use dnsflow_packet::LinkType;
use dnsflow_packet::numbers::{hardware, ppp};

use super::ether_type::from_type;
use super::llc;
use super::way::{Targets, Way, one_of};
use crate::assembler::{Assembler, To};
use crate::instruction::{NETWORK_OFFSET, code};
use crate::operation::Ancillary;

/// Emits the steps from the start of a packet to one of the targets.
pub(crate) type Steps = fn(&mut Assembler, Targets);

/// What stands before IP on a link type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Header {
    /// Nothing.
    Nothing,
    /// Something that steps lead over, counted from this offset.
    Stepped(u32, Steps),
    /// The same, with the EtherType at a fixed offset, where it nearly always is IP's.
    Ethernet(Steps),
}

/// What stands before IP, with words for where a program finds that; `None` for link types on which
/// no program looks for it.
pub(crate) fn header(link_type: LinkType) -> Option<(&'static str, Header)> {
    let stepped = |steps| Header::Stepped(0, steps);
    Some(match link_type {
        LinkType::Ethernet => (
            "on Ethernet, tagged or labelled",
            Header::Ethernet(|program, targets| typed(program, 12, 14, targets)),
        ),
        LinkType::Network(_) => (
            "from the network header, tagged or labelled",
            Header::Stepped(NETWORK_OFFSET, network_header),
        ),
        LinkType::Ip => ("from the IP header", Header::Nothing),
        LinkType::Null | LinkType::Loop => ("behind an address family", stepped(address_family)),
        LinkType::TokenRing => ("on IEEE 802", stepped(token_ring)),
        LinkType::Ppp => ("on PPP", stepped(ppp)),
        LinkType::Fddi => ("on FDDI", stepped(fddi)),
        LinkType::CiscoHdlc => ("on Cisco HDLC", stepped(cisco_hdlc)),
        LinkType::Cooked => ("on Linux cooked frames", stepped(cooked)),
        LinkType::Cooked2 => ("on Linux cooked frames, version 2", stepped(cooked2)),
        LinkType::SwitchTag { bytes: 4, .. } => (
            "behind the tag of a switch",
            stepped(|program, targets| switch_tag(program, 4, targets)),
        ),
        LinkType::SwitchTag { bytes: 8, .. } => (
            "behind the tag of a switch",
            stepped(|program, targets| switch_tag(program, 8, targets)),
        ),
        LinkType::SwitchTag { .. }
        | LinkType::Arcnet
        | LinkType::ArcnetLinux
        | LinkType::Wireless
        | LinkType::Prism
        | LinkType::Radiotap
        | LinkType::Ppi
        | LinkType::PppDirection
        | LinkType::PppSerial
        | LinkType::PppOverEthernet
        | LinkType::Nflog
        | LinkType::Netlink
        | LinkType::Unsupported(_) => return None,
    })
}

/// Goes by the EtherType at `at`, of what starts at `start`.
fn typed(program: &mut Assembler, at: u32, start: u32, targets: Targets) {
    program.emit(code::LD | code::H | code::ABS, at);
    from_type(program, 0, start, targets);
}

/// Goes by the EtherType that the kernel has found.
fn network_header(program: &mut Assembler, targets: Targets) {
    program.load_ancillary(Ancillary::Protocol);
    from_type(program, NETWORK_OFFSET, 0, targets);
}

/// Goes by the LLC header at `X`.
fn from_llc(program: &mut Assembler, targets: Targets) {
    let mut way = Way::new(program, 0, targets);
    llc::to_ip(&mut way);
    way.finish();
}

/// NULL and LOOP. Address families differ from system to system, the version in the IP header does
/// not.
///
/// ```text
///   0 |family 4|  4 |IP|
/// ```
fn address_family(program: &mut Assembler, targets: Targets) {
    program.emit(code::LDX | code::IMM, 4);
    program.jump(targets.ip);
}

/// Token Ring. The high bit of the source address says that routing information follows, whose
/// length is in the low five bits of its first byte (IEEE 802.5).
///
/// ```text
///   0 |access, control 2|destination 6|  8 |source 6|  14 |routing 0 to 30|LLC|
/// ```
fn token_ring(program: &mut Assembler, targets: Targets) {
    let [routed, at] = std::array::from_fn(|_| program.label());
    program.emit(code::LD | code::B | code::ABS, 8);
    program.branch(code::JSET, 0x80, To::Label(routed), To::Next);
    program.emit(code::LD | code::IMM, 14);
    program.jump(at);
    program.bind(routed);
    program.emit(code::LD | code::B | code::ABS, 14);
    program.emit(code::ALU | code::AND | code::K, 0x1f);
    program.emit(code::ALU | code::ADD | code::K, 14);
    program.bind(at);
    program.emit(code::MISC | code::TAX, 0);
    from_llc(program, targets);
}

/// ```text
///   0 |control 1|destination 6|source 6|  13 |LLC|
/// ```
fn fddi(program: &mut Assembler, targets: Targets) {
    program.emit(code::LDX | code::IMM, 13);
    from_llc(program, targets);
}

/// PPP, with address and control or without, its protocol in two bytes or, as what is odd can be,
/// in one (RFC 1661, sections 2 and 6.5; RFC 1662, section 3.1).
///
/// ```text
///   0 |ff 03|  2 |protocol 2|  4 |IP|
///   0 |protocol 2|  2 |IP|
///   0 |protocol 1|  1 |IP|
/// ```
fn ppp(program: &mut Assembler, targets: Targets) {
    let framed = program.label();
    program.emit(code::LD | code::H | code::ABS, 0);
    one_of(program, [ppp::ADDRESS_CONTROL], To::Label(framed), To::Next);
    ppp_protocol(program, 0, targets);
    program.bind(framed);
    ppp_protocol(program, 2, targets);
}

fn ppp_protocol(program: &mut Assembler, at: u32, targets: Targets) {
    let [ip, other] = [To::Label(targets.ip), To::Label(targets.other)];
    program.emit(code::LDX | code::IMM, at + 2);
    program.emit(code::LD | code::H | code::ABS, at);
    let protocols = [ppp::IPV4, ppp::IPV6];
    let labels = [ppp::MPLS, ppp::MPLS_MULTICAST];
    one_of(program, protocols, ip, To::Next);
    one_of(program, labels, To::Label(targets.deep), To::Next);
    program.emit(code::LDX | code::IMM, at + 1);
    program.emit(code::LD | code::B | code::ABS, at);
    one_of(program, protocols, ip, other);
}

/// ```text
///   0 |address 1|control 1|  2 |type 2|  4 |..|
/// ```
fn cisco_hdlc(program: &mut Assembler, targets: Targets) {
    typed(program, 2, 4, targets);
}

/// ```text
///   0 |direction 2|hardware 2|length 2|address 8|  14 |type 2|  16 |..|
/// ```
fn cooked(program: &mut Assembler, targets: Targets) {
    not_wrapped(program, 2, targets);
    typed(program, 14, 16, targets);
}

/// ```text
///   0 |type 2|0 2|interface 4|  8 |hardware 2|direction 1|length 1|address 8|  20 |..|
/// ```
fn cooked2(program: &mut Assembler, targets: Targets) {
    not_wrapped(program, 8, targets);
    typed(program, 0, 20, targets);
}

/// Falls through unless the hardware type, at `at`, is one whose packets have more in front.
fn not_wrapped(program: &mut Assembler, at: u32, targets: Targets) {
    program.emit(code::LD | code::H | code::ABS, at);
    let wrapped = [hardware::RADIOTAP, hardware::NETLINK];
    one_of(program, wrapped, To::Label(targets.deep), To::Next);
}

/// Ethernet with the tag of a switch chip behind the addresses.
///
/// ```text
///   0 |destination 6|source 6|  12 |tag 4 or 8|type 2|..|
/// ```
fn switch_tag(program: &mut Assembler, tag: u32, targets: Targets) {
    typed(program, 12 + tag, 14 + tag, targets);
}
