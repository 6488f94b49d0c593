//! Which shard gets a packet, decided in the kernel.
//!
//! One program picks a socket of the fanout group (`PACKET_FANOUT_CBPF`: the kernel takes its value
//! modulo the number of sockets). The same key can instead stand before a capture filter, for
//! processes started by hand that share an interface but no fanout group.
//!
//! The programs count from the network header (`SKF_NET_OFF`), because a fanout program's data
//! starts there for received packets, and at the MAC header for outgoing ones. What is at the
//! network header is told by the kernel's protocol of the packet, which also makes the programs fit
//! any link type. The kernel strips one VLAN tag before they run; of further ones the network header
//! is the first tag's control information, and the packet's protocol is that tag's:
//!
//! ```text
//!            protocol  net+0   net+2   net+4   net+6   net+8
//!   no tag   IP type   IP header
//!   one      tag type  TCI     IP type IP header
//!   two      tag type  TCI     tag type TCI    IP type IP header
//! ```
//!
//! Every load is relative to `X`, the bytes of tags before the IP header. The length of an IPv4
//! header is computed with plain arithmetic: `ldxb 4*([k]&0xf)` takes no `X`.
//!
//! A header that is cut short ends the program with 0, as any load past the end does: the first
//! shard under fanout, dropped by a share. Kernels before 6.16 see only the linear part of a packet
//! from `SKF_NET_OFF`, which holds the headers in all drivers met.

use crate::assembler::{Assembler, Label, To};
use crate::instruction::{NETWORK_OFFSET, code};
use crate::operation::Ancillary;
use crate::{FilterError, Program, Prologue};

/// What packets that must stay together have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BalanceKey {
    /// The client: the destination address of a response. Of IPv6, the four words of the address
    /// exclusive-ored. All responses to a client meet in one shard.
    Client,
    /// The UDP checksum, evenly spread also where a few clients (a resolver behind a resolver) get
    /// most responses. Without one (0, or not UDP), and for any fragment, including the first, the
    /// client, so that the fragments of a datagram stay together.
    Checksum,
}

impl BalanceKey {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Checksum => "checksum",
        }
    }
}

const ETHERTYPE_IPV4: u32 = 0x0800;
const ETHERTYPE_IPV6: u32 = 0x86dd;
/// IEEE 802.1Q, 802.1ad, and the pre-standard outer tag of QinQ.
const ETHERTYPES_VLAN: [u32; 3] = [0x8100, 0x88a8, 0x9100];

/// Bytes of a VLAN tag, and of its control information in front of the inner ethertype.
const TAG_BYTES: u32 = 4;
const TCI_BYTES: u32 = 2;
/// Tags still in the frame that the programs look below.
const VLAN_DEPTH: u32 = 2;

const IPPROTO_UDP: u32 = 17;
/// More fragments, and the fragment offset: any fragment, also the first (RFC 791, section 3.1).
const IPV4_FRAGMENT_BITS: u32 = 0x3fff;

/// Scratch word with the bytes of tags, where `X` is needed for something else.
const TAGS: u32 = 0;
/// Scratch word with the exclusive or so far.
const FOLDED: u32 = 1;

/// Fanout program by client: [`BalanceKey::Client`]. 0 for what is not IP.
#[must_use]
pub fn fanout_client() -> Program {
    fanout(BalanceKey::Client)
}

/// Fanout program by UDP checksum: [`BalanceKey::Checksum`]. 0 for what is not IP.
#[must_use]
pub fn fanout_checksum() -> Program {
    fanout(BalanceKey::Checksum)
}

/// A prologue that keeps the packets of share `index` of `count`: those whose `key` modulo `count`
/// is `index`. What is not IP belongs to share 0.
///
/// Every packet with whole headers is in exactly one share of a count.
///
/// ```text
///       A = value by key
///       if A mod count == index: go on
///       drop
/// ```
///
/// # Errors
///
/// [`FilterError::NoSuchShare`] unless `index < count`.
pub fn share(index: u32, count: u32, key: BalanceKey) -> Result<Prologue, FilterError> {
    if index >= count {
        return Err(FilterError::NoSuchShare { index, count });
    }
    let mut program = Assembler::new();
    value(&mut program, key);
    let keep = program.label();
    program.emit(code::ALU | code::MOD | code::K, count);
    program.branch(code::JEQ, index, To::Label(keep), To::Next);
    program.emit(code::RET | code::K, 0);
    program.bind(keep);
    Ok(Prologue::new(
        format!("share {index} of {count} by {}", key.name()),
        program.finish(),
    ))
}

fn fanout(key: BalanceKey) -> Program {
    let mut program = Assembler::new();
    value(&mut program, key);
    program.emit(code::RET | code::A, 0);
    Program::new(format!("fanout by {}", key.name()), program.finish())
        .expect("tests build both fanout programs, and nothing in them varies")
}

/// Leaves the balance value in `A`, and falls through.
///
/// ```text
///       A = protocol; X = 0
///       if A == IPv4: ipv4
///       if A == IPv6: ipv6
///       if A != VLAN: other
///       X = 4;  A = type after the tag              (the same tests)
///       X = 8;  A = type after the next             (the same tests, a third tag is other)
/// other:
///       A = 0; done
/// ipv4: value_ipv4; done
/// ipv6: value_ipv6
/// done:
/// ```
fn value(program: &mut Assembler, key: BalanceKey) {
    let [ipv4, ipv6, other, done] = std::array::from_fn(|_| program.label());
    program.load_ancillary(Ancillary::Protocol);
    program.emit(code::LDX | code::IMM, 0);
    for depth in 0..=VLAN_DEPTH {
        program.branch(code::JEQ, ETHERTYPE_IPV4, To::Label(ipv4), To::Next);
        program.branch(code::JEQ, ETHERTYPE_IPV6, To::Label(ipv6), To::Next);
        if depth < VLAN_DEPTH {
            let tagged = program.label();
            for ethertype in ETHERTYPES_VLAN {
                program.branch(code::JEQ, ethertype, To::Label(tagged), To::Next);
            }
            program.jump(other);
            program.bind(tagged);
            let tags = TAG_BYTES * depth;
            program.emit(code::LDX | code::IMM, tags + TAG_BYTES);
            load_absolute(program, code::H, tags + TCI_BYTES);
        }
    }
    program.bind(other);
    program.emit(code::LD | code::IMM, 0);
    program.jump(done);
    program.bind(ipv4);
    value_ipv4(program, key, done);
    program.bind(ipv6);
    value_ipv6(program, key);
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
///       M[TAGS] = X
///       X = X + 4 * ([0] & 0xf)
///       A = UDP checksum, [6] from there
///       if A != 0: done
///       X = M[TAGS]
/// client:
///       A = [16]; done
/// ```
fn value_ipv4(program: &mut Assembler, key: BalanceKey, done: Label) {
    let client = program.label();
    if key == BalanceKey::Checksum {
        load(program, code::H, 6);
        program.branch(code::JSET, IPV4_FRAGMENT_BITS, To::Label(client), To::Next);
        load(program, code::B, 9);
        program.branch(code::JEQ, IPPROTO_UDP, To::Next, To::Label(client));
        program.emit(code::STX, TAGS);
        load(program, code::B, 0);
        program.emit(code::ALU | code::AND | code::K, 0x0f);
        program.emit(code::ALU | code::LSH | code::K, 2);
        program.emit(code::ALU | code::ADD | code::X, 0);
        program.emit(code::MISC | code::TAX, 0);
        load(program, code::H, 6);
        program.branch(code::JEQ, 0, To::Next, To::Label(done));
        program.emit(code::LDX | code::MEM, TAGS);
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
///       A = UDP checksum, [46]
///       if A != 0: done
/// client:
///       M[TAGS] = X
///       A = [24] ^ [28] ^ [32] ^ [36]
/// done:
/// ```
fn value_ipv6(program: &mut Assembler, key: BalanceKey) {
    let [client, done] = std::array::from_fn(|_| program.label());
    if key == BalanceKey::Checksum {
        load(program, code::B, 6);
        program.branch(code::JEQ, IPPROTO_UDP, To::Next, To::Label(client));
        load(program, code::H, 46);
        program.branch(code::JEQ, 0, To::Next, To::Label(done));
    }
    program.bind(client);
    program.emit(code::STX, TAGS);
    load(program, code::W, 24);
    for word in [28, 32, 36] {
        program.emit(code::ST, FOLDED);
        program.emit(code::LDX | code::MEM, TAGS);
        load(program, code::W, word);
        program.emit(code::LDX | code::MEM, FOLDED);
        program.emit(code::ALU | code::XOR | code::X, 0);
    }
    program.bind(done);
}

/// `A <- net[X + offset]`.
fn load(program: &mut Assembler, size: u16, offset: u32) {
    program.emit(code::LD | size | code::IND, NETWORK_OFFSET + offset);
}

/// `A <- net[offset]`.
fn load_absolute(program: &mut Assembler, size: u16, offset: u32) {
    program.emit(code::LD | size | code::ABS, NETWORK_OFFSET + offset);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fanout_programs_are_accepted() {
        assert_eq!(fanout_client().name(), "fanout by client");
        assert_eq!(fanout_checksum().name(), "fanout by checksum");
    }

    #[test]
    fn untagged_ipv4_is_decided_soon() {
        let listing = fanout_client().to_string();
        let mut lines = listing.lines();
        assert_eq!(lines.next(), Some("(000) ld       [proto]"));
        assert_eq!(lines.next(), Some("(001) ldx      #0x0"));
        assert_eq!(
            lines.next(),
            Some("(002) jeq      #0x800           jt 22\tjf 3")
        );
        assert_eq!(lines.nth(19), Some("(022) ld       [x + net + 16]"));
    }

    #[test]
    fn shares_beyond_the_count_are_refused() {
        assert!(share(3, 4, BalanceKey::Client).is_ok());
        for (index, count) in [(4, 4), (0, 0), (7, 1)] {
            assert_eq!(
                share(index, count, BalanceKey::Client),
                Err(FilterError::NoSuchShare { index, count })
            );
        }
    }
}
