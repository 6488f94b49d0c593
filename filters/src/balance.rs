//! Balance: which shard gets a packet, decided in the kernel.
//!
//! One program picks a socket of the fanout group (`PACKET_FANOUT_CBPF`: the kernel takes its value
//! modulo the number of sockets). The same key can instead stand before a capture filter, for
//! processes started by hand that share an interface but no fanout group.
//!
//! All fragments of a datagram, segments of a connection and packets of a tunnel have to reach the
//! same shard. So only UDP responses that fit in one packet are balanced by anything but addresses.
//!
//! The programs count from the network header (`SKF_NET_OFF`), because a fanout program's data
//! starts there for received packets, and at the MAC header for outgoing ones. What is at the
//! network header is told by the kernel's protocol of the packet, which also makes the programs fit
//! any link type. The kernel strips one VLAN tag before they run; of further ones the network
//! header is the first tag's control information, and the packet's protocol is that tag's:
//!
//! ```text
//!            protocol  net+0   net+2   net+4   net+6   net+8
//!   no tag   IP type   IP header
//!   one      tag type  TCI     IP type IP header
//!   two      tag type  TCI     tag type TCI    IP type IP header
//!   label    MPLS      label           IP header
//! ```
//!
//! Every load is relative to `X`, the bytes before the IP header. The length of an IPv4 header is
//! computed with plain arithmetic: `ldxb 4*([k]&0xf)` takes no `X`.
//!
//! A header that is cut short ends the program with 0, as any load past the end does: the first
//! shard under fanout, dropped by a share. Kernels before 6.16 see only the linear part of a packet
//! from `SKF_NET_OFF`, which holds the headers in all drivers met.

use std::collections::BTreeSet;

use dnsflow_packet::numbers::ip_protocol;

use crate::assembler::{Assembler, Label, To};
use crate::instruction::{NETWORK_OFFSET, code};
use crate::link::{Targets, from_type, one_of};
use crate::operation::Ancillary;
use crate::ports;
use crate::{FilterError, Program, Prologue};

/// The key of a balance: packets with the same key reach the same shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Balance {
    key: Key,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Client,
    Checksum { ports: BTreeSet<u16> },
}

impl Balance {
    /// By client: the destination address of a response; for IPv6, its four 32-bit words combined
    /// by exclusive or. All responses to a client reach one shard, and so do all packets of a
    /// tunnel, whose destination is the tunnel's endpoint.
    #[must_use]
    pub fn client() -> Self {
        Self { key: Key::Client }
    }

    /// By the UDP checksum for datagrams from these ports. The load is even also where a few
    /// clients, such as forwarding resolvers, get most responses. Packets without a checksum (0),
    /// all fragments including the first, and everything else go by client.
    pub fn checksum(ports: impl IntoIterator<Item = u16>) -> Self {
        let ports = ports.into_iter().collect();
        Self {
            key: Key::Checksum { ports },
        }
    }

    /// The fanout program (`PACKET_FANOUT_CBPF`, packet(7)). Its value is any 32-bit number, which
    /// the kernel takes modulo the number of sockets; for packets that are not IP it is 0.
    ///
    /// # Errors
    ///
    /// [`FilterError::TooLong`] for thousands of ports that are not adjacent.
    pub fn fanout(&self) -> Result<Program, FilterError> {
        let mut program = Assembler::new();
        self.value(&mut program);
        program.emit(code::RET | code::A, 0);
        Program::new(format!("fanout by {}", self.name()), program.finish())
    }

    /// A prologue that keeps the packets of share `index` of `count`: those whose value modulo
    /// `count` is `index`. What is not IP belongs to share 0.
    ///
    /// Every packet with whole headers is in exactly one share of a count.
    ///
    /// ```text
    ///       A = value
    ///       if A mod count == index: go on
    ///       drop
    /// ```
    ///
    /// # Errors
    ///
    /// [`FilterError::NoSuchShare`] unless `index < count`.
    pub fn share(&self, index: u32, count: u32) -> Result<Prologue, FilterError> {
        if index >= count {
            return Err(FilterError::NoSuchShare { index, count });
        }
        let mut program = Assembler::new();
        self.value(&mut program);
        let keep = program.label();
        program.emit(code::ALU | code::MOD | code::K, count);
        program.branch(code::JEQ, index, To::Label(keep), To::Next);
        program.emit(code::RET | code::K, 0);
        program.bind(keep);
        Ok(Prologue::new(
            format!("share {index} of {count} by {}", self.name()),
            program.finish(),
        ))
    }

    fn name(&self) -> &'static str {
        match self.key {
            Key::Client => "client",
            Key::Checksum { .. } => "checksum",
        }
    }

    /// Leaves the balance value in `A`, and falls through.
    ///
    /// ```text
    ///       A = protocol
    ///       step over tags and labels
    /// ip:
    ///       if [0] & 0xf0 == 0x40: ipv4
    ///       if [0] & 0xf0 == 0x60: ipv6
    /// other:
    ///       A = 0; done
    /// ipv4: value_ipv4; done
    /// ipv6: value_ipv6
    /// done:
    /// ```
    fn value(&self, program: &mut Assembler) {
        let [ipv4, ipv6, ip, other, done] = std::array::from_fn(|_| program.label());
        let targets = Targets {
            ipv4,
            ipv6,
            ip,
            deep: other,
            other,
        };
        program.load_ancillary(Ancillary::Protocol);
        from_type(program, NETWORK_OFFSET, 0, targets);
        program.bind(ip);
        load(program, code::B, 0);
        program.emit(code::ALU | code::AND | code::K, 0xf0);
        program.branch(code::JEQ, 0x40, To::Label(ipv4), To::Next);
        program.branch(code::JEQ, 0x60, To::Label(ipv6), To::Next);
        program.bind(other);
        program.emit(code::LD | code::IMM, 0);
        program.jump(done);
        program.bind(ipv4);
        self.value_ipv4(program, done);
        program.bind(ipv6);
        self.value_ipv6(program, done);
        program.bind(done);
    }

    /// ```text
    ///   IPv4   0 |version|header length|         6 |flags, fragment offset|   9 |protocol|
    ///         12 |source address|               16 |destination address|
    /// ```
    ///
    /// ```text
    ///       (by checksum only:)
    ///       if [6] & more fragments or offset: client
    ///       if [9] != UDP: client
    ///       M[BEFORE] = X
    ///       X = X + 4 * ([0] & 0xf)
    ///       if [0], the source port, is one of the ports:
    ///           A = UDP checksum, [6]
    ///           if A != 0: done
    ///       X = M[BEFORE]
    /// client:
    ///       A = [16]; done
    /// ```
    fn value_ipv4(&self, program: &mut Assembler, done: Label) {
        let client = program.label();
        if let Key::Checksum { ports } = &self.key {
            load(program, code::H, 6);
            program.branch(code::JSET, IPV4_FRAGMENT_BITS, To::Label(client), To::Next);
            load(program, code::B, 9);
            one_of(program, [ip_protocol::UDP], To::Next, To::Label(client));
            program.emit(code::STX, BEFORE);
            load(program, code::B, 0);
            program.emit(code::ALU | code::AND | code::K, 0x0f);
            program.emit(code::ALU | code::LSH | code::K, 2);
            program.emit(code::ALU | code::ADD | code::X, 0);
            program.emit(code::MISC | code::TAX, 0);
            let other_port = program.label();
            load(program, code::H, 0);
            one_of_ports(program, ports, other_port);
            load(program, code::H, 6);
            program.branch(code::JEQ, 0, To::Next, To::Label(done));
            program.bind(other_port);
            program.emit(code::LDX | code::MEM, BEFORE);
        }
        program.bind(client);
        load(program, code::W, 16);
        program.jump(done);
    }

    /// ```text
    ///   IPv6   6 |next header|   8 |source address|   24 |destination address|   40 |UDP|
    /// ```
    ///
    /// ```text
    ///       (by checksum only:)
    ///       if [6] != UDP: client            (so for fragments, whose next header is 44)
    ///       if [40], the source port, is one of the ports:
    ///           A = UDP checksum, [46]
    ///           if A != 0: done
    /// client:
    ///       M[BEFORE] = X
    ///       A = [24] ^ [28] ^ [32] ^ [36]
    /// ```
    fn value_ipv6(&self, program: &mut Assembler, done: Label) {
        let client = program.label();
        if let Key::Checksum { ports } = &self.key {
            load(program, code::B, 6);
            one_of(program, [ip_protocol::UDP], To::Next, To::Label(client));
            load(program, code::H, 40);
            one_of_ports(program, ports, client);
            load(program, code::H, 46);
            program.branch(code::JEQ, 0, To::Next, To::Label(done));
        }
        program.bind(client);
        program.emit(code::STX, BEFORE);
        load(program, code::W, 24);
        for word in [28, 32, 36] {
            program.emit(code::ST, FOLDED);
            program.emit(code::LDX | code::MEM, BEFORE);
            load(program, code::W, word);
            program.emit(code::LDX | code::MEM, FOLDED);
            program.emit(code::ALU | code::XOR | code::X, 0);
        }
    }
}

/// More fragments, and the fragment offset: any fragment, also the first (RFC 791, section 3.1).
const IPV4_FRAGMENT_BITS: u32 = 0x3fff;

/// Scratch word with the bytes before the IP header, where `X` is needed for something else.
const BEFORE: u32 = 0;
/// Scratch word with the exclusive or so far.
const FOLDED: u32 = 1;

/// Falls through for a port in `A` that is in the set.
fn one_of_ports(program: &mut Assembler, ports: &BTreeSet<u16>, other: Label) {
    let found = program.label();
    for run in ports::runs(ports) {
        let (first, last) = (u32::from(*run.start()), u32::from(*run.end()));
        if first == last {
            program.branch(code::JEQ, first, To::Label(found), To::Next);
        } else {
            let below = program.label();
            program.branch(code::JGE, first, To::Next, To::Label(below));
            program.branch(code::JGT, last, To::Next, To::Label(found));
            program.bind(below);
        }
    }
    program.jump(other);
    program.bind(found);
}

/// `A <- net[X + offset]`.
fn load(program: &mut Assembler, size: u16, offset: u32) {
    program.emit(code::LD | size | code::IND, NETWORK_OFFSET + offset);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fanout_programs_are_accepted() {
        let name = |balance: Balance| balance.fanout().map(|program| program.name().to_owned());
        assert_eq!(name(Balance::client()), Ok("fanout by client".to_owned()));
        let checksum = Balance::checksum([53, 5353]);
        assert_eq!(name(checksum), Ok("fanout by checksum".to_owned()));
        let many = Balance::checksum((1..=1000).map(|port| 3 * port));
        assert!(name(many).is_ok());
        let too_many = Balance::checksum((1..=5000).map(|port| 3 * port));
        assert!(matches!(name(too_many), Err(FilterError::TooLong { .. })));
    }

    #[test]
    fn untagged_ipv4_is_decided_soon() {
        let listing = Balance::client()
            .fanout()
            .expect("a short program")
            .to_string();
        let lines: Vec<_> = listing.lines().collect();
        assert_eq!(lines[0], "(000) ld       [proto]");
        assert_eq!(lines[1], "(001) ldx      #0x0");
        let (test, targets) = lines[2].split_once("jt ").expect("a branch");
        assert_eq!(test, "(002) jeq      #0x800           ");
        let (ipv4, _) = targets.split_once('\t').expect("two targets");
        let ipv4: usize = ipv4.parse().expect("an index");
        assert!(
            lines[ipv4].ends_with("ld       [x + net + 16]"),
            "{}",
            lines[ipv4]
        );
    }

    #[test]
    fn shares_beyond_the_count_are_refused() {
        let balance = Balance::client();
        assert!(balance.share(3, 4).is_ok());
        for (index, count) in [(4, 4), (0, 0), (7, 1)] {
            assert_eq!(
                balance.share(index, count),
                Err(FilterError::NoSuchShare { index, count })
            );
        }
    }
}
