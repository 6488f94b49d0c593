//! The default capture filter: the program that keeps what a [`Selection`] takes, on each link
//! type.
//!
//! A program has two parts: the steps from the link layer to the IP header, from module `link`, and
//! the test of IP packets, compiled by libpcap from [`ip_expression`]. For untagged Ethernet, which
//! is nearly all traffic, the test is compiled to fixed offsets; for everything else it is
//! relocated to the IP header that the steps have found.

use dnsflow_packet::numbers::ether_type;
use dnsflow_packet::{LinkType, Selection};

use crate::assembler::{Assembler, To};
use crate::compile::{append_relocated, compile, kept_bytes};
use crate::expression::ip_expression;
use crate::instruction::{Instruction, code};
use crate::link::{Header, Steps, Targets, header, one_of};
use crate::{FilterError, Program};

/// The program that keeps what a selection takes, on a link type.
///
/// Of IPv4 and IPv6 it keeps:
/// - UDP from one of the ports, with the QR bit (RFC 1035, section 4.1.1) set;
/// - TCP from one of the ports, with data or without;
/// - first fragments of UDP and TCP from one of the ports, and later fragments of any UDP and TCP,
///   which have no ports;
/// - IPv6 with extension headers, if the first of them says that UDP, TCP or another follows;
/// - the tunnels chosen, and UDP to the ports of mirrors, whole.
///
/// A [plain](Selection::plain) selection keeps only the first and the last of these, and first
/// fragments over IPv4 that hold the QR bit. [`Selection::any_port`] does not matter here.
///
/// It finds IP by an EtherType on Ethernet, also behind the tag of a switch, on Cisco HDLC and on
/// Linux cooked frames, below up to [`MAX_VLAN_TAGS`](crate::MAX_VLAN_TAGS) tags, then behind SNAP,
/// in PPPoE, or below up to [`MAX_MPLS_LABELS`](crate::MAX_MPLS_LABELS) labels, with Ethernet
/// between or not; the same from the kernel's network header on ([`LinkType::Network`] with any
/// EtherType: the program asks the kernel for that of each packet, by `SKF_AD_PROTOCOL`); and on
/// raw IP, NULL, LOOP, PPP, IEEE 802.5 and FDDI. Packets that nest deeper are kept, and so is every
/// packet of any other link type: decode then looks for IP in them.
///
/// The program returns `snap_length`, in bytes, for a packet that it keeps; 0 stands for
/// [`MAX_SNAP_LENGTH`](crate::MAX_SNAP_LENGTH), and more is cut to that.
///
/// # Errors
///
/// [`FilterError::TooLong`] for more ports, about 400 that are not adjacent, than the kernel
/// has room for.
pub fn capture_filter(
    selection: &Selection,
    link_type: LinkType,
    snap_length: u32,
) -> Result<Program, FilterError> {
    let expression = ip_expression(selection);
    let Some((found, header)) = header(link_type) else {
        return everything(link_type, snap_length);
    };
    let bare = compile(&expression, LinkType::Ip, snap_length)?;
    let instructions = match header {
        Header::Nothing => bare.into_parts().1,
        Header::Stepped(origin, steps) => below_link(steps, origin, &bare, snap_length)?,
        Header::Ethernet(steps) => if_untagged(
            compile(&expression, LinkType::Ethernet, snap_length)?,
            below_link(steps, 0, &bare, snap_length)?,
        ),
    };
    Program::new(format!("{found}: {expression}"), instructions)
}

/// Runs one program over untagged IP, the other over everything else.
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
    let ip_types = [ether_type::IPV4, ether_type::IPV6];
    one_of(&mut program, ip_types, To::Label(ip), To::Label(other));
    program.bind(ip);
    program.append(untagged);
    program.bind(other);
    program.append(tagged);
    program.finish()
}

/// A program for packets from their IP header on, behind the steps to that. Both count from
/// `origin`.
fn below_link(
    steps: Steps,
    origin: u32,
    bare: &Program,
    snap_length: u32,
) -> Result<Vec<Instruction>, FilterError> {
    let mut program = Assembler::new();
    let [ip, deep, other] = std::array::from_fn(|_| program.label());
    // `bare` tests the version itself, by the first four bits.
    let targets = Targets {
        ipv4: ip,
        ipv6: ip,
        ip,
        deep,
        other,
    };
    steps(&mut program, targets);
    // Decode may look deeper than a filter can.
    program.bind(deep);
    program.emit(code::RET | code::K, kept_bytes(snap_length));
    program.bind(other);
    program.emit(code::RET | code::K, 0);
    program.bind(ip);
    append_relocated(bare, origin, &mut program)?;
    Ok(program.finish())
}

fn everything(link_type: LinkType, snap_length: u32) -> Result<Program, FilterError> {
    let keep = Instruction {
        code: code::RET | code::K,
        jt: 0,
        jf: 0,
        k: kept_bytes(snap_length),
    };
    Program::new(format!("everything, on link type {link_type}"), vec![keep])
}

#[cfg(test)]
mod tests {
    use dnsflow_packet::tunnel::Tunnels;

    use super::*;
    use crate::MAX_INSTRUCTIONS;

    #[test]
    fn every_link_type_has_a_program() {
        let tunnels = Tunnels::all().with_juniper_ports([7777]);
        let all = Selection::new([53, 5300], true).tunnels(tunnels);
        for selection in [all.clone(), all.plain(), Selection::default()] {
            for number in 0..300 {
                if let Err(error) = capture_filter(&selection, LinkType::from_number(number), 0) {
                    panic!("{error}");
                }
            }
        }
    }

    #[test]
    fn many_ports_stay_compact() {
        let length = |ports: u16| {
            let selection = Selection::new((1..=ports).map(|port| 7 * port), false);
            let program = capture_filter(&selection, LinkType::Ethernet, 0);
            program.expect("below the limit").instructions().len()
        };
        // One for IPv4, one for IPv6 and one for its fragments, at fixed offsets and moved.
        assert_eq!(length(10), length(1) + 9 * 6);
        assert!(length(10) < 500, "{}", length(10));
        // Enough for jumps longer than 255 instructions.
        assert!(length(150) < MAX_INSTRUCTIONS / 2, "{}", length(150));
    }
}
