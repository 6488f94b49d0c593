//! What to capture, and the program for it on each link type.
//!
//! Two parts make the program: from the link layer to the IP header, written here, and what is kept
//! of IP packets, compiled by libpcap from [`Selection::ip_expression`]. Untagged Ethernet, where
//! nearly all packets are, gets that expression compiled to fixed offsets; all else gets the same,
//! moved to wherever the IP header is.

use std::collections::BTreeSet;

use crate::assembler::{Assembler, To};
use crate::compile::{compile, kept_bytes};
use crate::instruction::{Instruction, NETWORK_OFFSET, code};
use crate::link::{
    self, ETHERTYPE_IPV4, ETHERTYPE_IPV6, PPP_ADDRESS_CONTROL, PPP_IP, PPP_MPLS, Targets,
};
use crate::operation::Ancillary;
use crate::relocation::relocate;
use crate::{FilterError, Program, Tunnels};

/// Link type of Ethernet, as a DLT number.
pub const DLT_EN10MB: i32 = 1;

/// In place of a link type: packets of which the kernel says where the network header is, and of which
/// ethertype (`SKF_NET_OFF`, `SKF_AD_PROTOCOL`), whatever is before it. No DLT has this number.
pub const NETWORK_HEADER: i32 = -1;

/// Link type of packets that start with their IP header.
pub(crate) const DLT_RAW: i32 = 12;

/// Source port of DNS responses.
pub const DNS_PORT: u16 = 53;

/// Source port of multicast DNS responses (RFC 6762, section 6).
pub const MDNS_PORT: u16 = 5353;

/// Which packets the default filter keeps.
///
/// Of IPv4 and IPv6:
/// - UDP from one of the ports, with the QR bit (RFC 1035, section 4.1.1) set;
/// - TCP from one of the ports, with data or without;
/// - first fragments of UDP and TCP from one of the ports, and later fragments of any UDP and TCP,
///   which have no ports;
/// - IPv6 with extension headers, if the first of them says that UDP, TCP or another follows;
/// - the tunnels chosen, and UDP to the carriers' ports, whole.
///
/// [`plain`](Self::plain) leaves of these the first and the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub(crate) ports: BTreeSet<u16>,
    pub(crate) plain: bool,
    pub(crate) tunnels: Tunnels,
    pub(crate) carriers: BTreeSet<u16>,
}

impl Selection {
    /// Responses from these source ports, and from [`MDNS_PORT`] if `mdns`.
    ///
    /// No ports at all stands for [`DNS_PORT`]. Order and repetition don't matter.
    pub fn new(ports: impl IntoIterator<Item = u16>, mdns: bool) -> Self {
        let mut ports: BTreeSet<u16> = ports.into_iter().collect();
        if ports.is_empty() {
            ports.insert(DNS_PORT);
        }
        if mdns {
            ports.insert(MDNS_PORT);
        }
        Self {
            ports,
            plain: false,
            tunnels: Tunnels::default(),
            carriers: BTreeSet::new(),
        }
    }

    /// The same without TCP, IPv6 extension headers and fragments, but for first fragments over
    /// IPv4 that the QR bit is in.
    #[must_use]
    pub fn plain(self) -> Self {
        Self {
            plain: true,
            ..self
        }
    }

    /// The same with these tunnels.
    #[must_use]
    pub fn tunnels(self, tunnels: Tunnels) -> Self {
        Self { tunnels, ..self }
    }

    /// The same with UDP to these ports too, whose payload is packets in some framing.
    #[must_use]
    pub fn carriers(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.carriers.extend(ports);
        self
    }

    /// Source ports, ascending.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.ports.iter().copied()
    }

    /// The program for a link type, given as a DLT or LINKTYPE number or as [`NETWORK_HEADER`], that
    /// keeps `snap_length` bytes; 0 stands for [`MAX_SNAP_LENGTH`](crate::MAX_SNAP_LENGTH), and more is cut to that.
    ///
    /// It finds IP by an ethertype on Ethernet, also behind the tag of a switch, on Cisco HDLC and
    /// on Linux cooked frames, below up to [`MAX_VLAN_TAGS`](crate::MAX_VLAN_TAGS) tags, then
    /// behind SNAP, in PPPoE, or below up to [`MAX_MPLS_LABELS`](crate::MAX_MPLS_LABELS) labels,
    /// with Ethernet between or not; the same from the kernel's network header on; and on raw IP, NULL, LOOP,
    /// PPP, IEEE 802 and FDDI. What nests
    /// deeper than that is kept, and so is every packet of any other link type: whether there is IP
    /// in it, and where, is then decode's to say.
    ///
    /// # Errors
    ///
    /// [`FilterError::TooLong`] for more ports, about 400 that are not adjacent, than the kernel
    /// has room for.
    pub fn program(&self, link_type: i32, snap_length: u32) -> Result<Program, FilterError> {
        let expression = self.ip_expression();
        let bare = || compile(&expression, DLT_RAW, snap_length);
        let below = |link: fn(&mut Assembler, Targets)| below_link(link, 0, &bare()?, snap_length);
        let (found, instructions) = match link_type {
            DLT_EN10MB => {
                let untagged = compile(&expression, DLT_EN10MB, snap_length)?;
                let tagged = below(|program, targets| {
                    program.emit(code::LD | code::H | code::ABS, 12);
                    link::from_type(program, 0, 14, targets);
                })?;
                (
                    "on Ethernet, tagged or labelled",
                    if_untagged(untagged, tagged),
                )
            }
            NETWORK_HEADER => {
                let way = |program: &mut Assembler, targets| {
                    program.load_ancillary(Ancillary::Protocol);
                    link::from_type(program, NETWORK_OFFSET, 0, targets);
                };
                let found = below_link(way, NETWORK_OFFSET, &bare()?, snap_length)?;
                ("from the network header, tagged or labelled", found)
            }
            0 | 108 => ("behind an address family", below(address_family)?),
            6 => ("on IEEE 802", below(ieee_802)?),
            9 => ("on PPP", below(ppp)?),
            10 => ("on FDDI", below(fddi)?),
            12 | 14 | 101 | 228 | 229 => ("from the IP header", bare()?.into_parts().1),
            104 => ("on Cisco HDLC", below(cisco_hdlc)?),
            113 => ("on Linux cooked frames", below(cooked)?),
            276 => ("on Linux cooked frames, version 2", below(cooked2)?),
            281 | 284 => (
                "behind the tag of a switch",
                below(|program, targets| switch_tag(program, 4, targets))?,
            ),
            285 => (
                "behind the tag of a switch",
                below(|program, targets| switch_tag(program, 8, targets))?,
            ),
            _ => return everything(link_type, snap_length),
        };
        Program::new(format!("{found}: {expression}"), instructions)
    }
}

impl Default for Selection {
    /// Responses from [`DNS_PORT`] alone.
    fn default() -> Self {
        Self::new([], false)
    }
}

/// Untagged IP by the one program, all else by the other.
///
/// ```text
///       if type == IPv4 or IPv6: untagged
///       tagged
/// ```
fn if_untagged(untagged: Program, tagged: Vec<Instruction>) -> Vec<Instruction> {
    let (_, untagged) = untagged.into_parts();
    let mut program = Assembler::new();
    let [ip, other] = std::array::from_fn(|_| program.label());
    program.emit(code::LD | code::H | code::ABS, 12);
    let ethertypes = [ETHERTYPE_IPV4, ETHERTYPE_IPV6];
    link::one_of(&mut program, ethertypes, To::Label(ip), To::Label(other));
    program.bind(ip);
    program.append(untagged);
    program.bind(other);
    program.append(tagged);
    program.finish()
}

/// A program for packets from their IP header on, behind a way to that. Both count from `origin`.
fn below_link(
    way: fn(&mut Assembler, Targets),
    origin: u32,
    bare: &Program,
    snap_length: u32,
) -> Result<Vec<Instruction>, FilterError> {
    let mut program = Assembler::new();
    let [ip, deep, other] = std::array::from_fn(|_| program.label());
    // The program itself tests the version, by the first four bits.
    let targets = Targets {
        ipv4: ip,
        ipv6: ip,
        ip,
        deep,
        other,
    };
    way(&mut program, targets);
    // Decode may get further than a filter can.
    program.bind(deep);
    program.emit(code::RET | code::K, kept_bytes(snap_length));
    program.bind(other);
    program.emit(code::RET | code::K, 0);
    program.bind(ip);
    relocate(bare, origin, &mut program).ok_or_else(|| FilterError::Expression {
        expression: bare.name().to_owned(),
        link_type: DLT_RAW,
        reason: "the program needs all of scratch memory".to_owned(),
    })?;
    Ok(program.finish())
}

fn everything(link_type: i32, snap_length: u32) -> Result<Program, FilterError> {
    let keep = Instruction {
        code: code::RET | code::K,
        jt: 0,
        jf: 0,
        k: kept_bytes(snap_length),
    };
    Program::new(format!("everything, on link type {link_type}"), vec![keep])
}

/// NULL and LOOP. Families differ from system to system, the version in the IP header does not.
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
fn ieee_802(program: &mut Assembler, targets: Targets) {
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
    link::from_llc(program, 0, targets);
}

/// ```text
///   0 |control 1|destination 6|source 6|  13 |LLC|
/// ```
fn fddi(program: &mut Assembler, targets: Targets) {
    program.emit(code::LDX | code::IMM, 13);
    link::from_llc(program, 0, targets);
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
    program.branch(code::JEQ, PPP_ADDRESS_CONTROL, To::Label(framed), To::Next);
    ppp_protocol(program, 0, targets);
    program.bind(framed);
    ppp_protocol(program, 2, targets);
}

fn ppp_protocol(program: &mut Assembler, at: u32, targets: Targets) {
    let [ip, other] = [To::Label(targets.ip), To::Label(targets.other)];
    program.emit(code::LDX | code::IMM, at + 2);
    program.emit(code::LD | code::H | code::ABS, at);
    link::one_of(program, PPP_IP, ip, To::Next);
    link::one_of(program, PPP_MPLS, To::Label(targets.deep), To::Next);
    program.emit(code::LDX | code::IMM, at + 1);
    program.emit(code::LD | code::B | code::ABS, at);
    link::one_of(program, PPP_IP, ip, other);
}

/// ```text
///   0 |address 1|control 1|  2 |type 2|  4 |..|
/// ```
fn cisco_hdlc(program: &mut Assembler, targets: Targets) {
    program.emit(code::LD | code::H | code::ABS, 2);
    link::from_type(program, 0, 4, targets);
}

/// ```text
///   0 |direction 2|hardware 2|length 2|address 8|  14 |type 2|  16 |..|
/// ```
fn cooked(program: &mut Assembler, targets: Targets) {
    not_wrapped(program, 2, targets);
    program.emit(code::LD | code::H | code::ABS, 14);
    link::from_type(program, 0, 16, targets);
}

/// ```text
///   0 |type 2|0 2|interface 4|  8 |hardware 2|direction 1|length 1|address 8|  20 |..|
/// ```
fn cooked2(program: &mut Assembler, targets: Targets) {
    not_wrapped(program, 8, targets);
    program.emit(code::LD | code::H | code::ABS, 0);
    link::from_type(program, 0, 20, targets);
}

/// Falls through unless the hardware type, at `hardware`, is one whose packets have more in front:
/// radiotap and netlink (ARPHRD_IEEE80211_RADIOTAP, ARPHRD_NETLINK, `linux/if_arp.h`).
fn not_wrapped(program: &mut Assembler, hardware: u32, targets: Targets) {
    const WRAPPED: [u32; 2] = [803, 824];
    program.emit(code::LD | code::H | code::ABS, hardware);
    link::one_of(program, WRAPPED, To::Label(targets.deep), To::Next);
}

/// Ethernet with the tag of a switch chip behind the addresses.
///
/// ```text
///   0 |destination 6|source 6|  12 |tag 4 or 8|type 2|..|
/// ```
fn switch_tag(program: &mut Assembler, tag: u32, targets: Targets) {
    program.emit(code::LD | code::H | code::ABS, 12 + tag);
    link::from_type(program, 0, 14 + tag, targets);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_INSTRUCTIONS;

    #[test]
    fn no_ports_stand_for_dns() {
        assert_eq!(Selection::default().ports().collect::<Vec<_>>(), [DNS_PORT]);
        assert_eq!(
            Selection::new([], true).ports().collect::<Vec<_>>(),
            [DNS_PORT, MDNS_PORT]
        );
        assert_eq!(
            Selection::new([99], false).ports().collect::<Vec<_>>(),
            [99]
        );
    }

    #[test]
    fn every_link_type_has_a_program() {
        let all = Selection::new([53, 5300], true)
            .tunnels(Tunnels::ALL)
            .carriers([7777]);
        for selection in [all.clone(), all.plain(), Selection::default()] {
            for link_type in 0..300 {
                if let Err(error) = selection.program(link_type, 0) {
                    panic!("{error}");
                }
            }
        }
    }

    #[test]
    fn many_ports_stay_compact() {
        let length = |ports: u16| {
            let selection = Selection::new((1..=ports).map(|port| 7 * port), false);
            let program = selection.program(DLT_EN10MB, 0);
            program.expect("below the limit").instructions().len()
        };
        // One for IPv4, one for IPv6 and one for its fragments, at fixed offsets and moved.
        assert_eq!(length(10), length(1) + 9 * 6);
        assert!(length(10) < 500, "{}", length(10));
        // Enough for jumps longer than 255 instructions.
        assert!(length(150) < MAX_INSTRUCTIONS / 2, "{}", length(150));
    }
}
