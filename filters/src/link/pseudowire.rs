//! What is below the last MPLS label, which no field says.
//!
//! The first four bits do, as far as networks keep to RFC 4928: 4 and 6 are IP, 0 is the control
//! word of a pseudowire. Without a control word an Ethernet frame may start with anything; then its
//! type has to lead on to an IP header that looks like one.
//!
//! ```text
//!   0 |0 4 bits, flags and fragment 6, length 6, sequence 16|  + 4, if there is a control word
//!   0 |destination 6|source 6|  12 |type|  14 |IP, or up to two tags before it|
//! ```

use dnsflow_packet::numbers::ether_type;

use super::way::{TAG_BYTES, Targets, Way, one_of};
use crate::assembler::{Label, To};
use crate::instruction::code;

const CONTROL_WORD_BYTES: u32 = 4;
const ETHERNET_BYTES: u32 = 14;
const TYPE_IN_ETHERNET: u32 = 12;

/// Tags of a frame in a pseudowire that are looked below.
const MAX_TAGS: u32 = 2;

/// ```text
///       A = [X]
///       if 0x45 <= A < 0x50 or 0x60 <= A < 0x70: ip
///       if A < 0x10: a frame behind the control word, else
///       a frame, else
///       other
/// ```
pub(super) fn below_labels(way: &mut Way<'_>) {
    let Targets { ip, other, .. } = way.targets;
    let [frame, maybe_ipv4, control_word] = std::array::from_fn(|_| way.program.label());
    way.load(code::B, 0);
    way.program
        .branch(code::JGE, 0x70, To::Label(frame), To::Next);
    way.program.branch(code::JGE, 0x60, To::Label(ip), To::Next);
    way.program
        .branch(code::JGE, 0x50, To::Label(frame), To::Label(maybe_ipv4));
    way.program.bind(maybe_ipv4);
    way.program.branch(code::JGE, 0x45, To::Label(ip), To::Next);
    way.program
        .branch(code::JGE, 0x10, To::Label(frame), To::Label(control_word));
    way.program.bind(control_word);
    ethernet(way, CONTROL_WORD_BYTES, frame);
    way.program.bind(frame);
    ethernet(way, 0, other);
}

/// A frame `offset` bytes behind `X`; `otherwise` if it does not look like one.
///
/// ```text
///       A = type
///       if A == IPv4 and the version is 4, or IPv6 and 6: IP behind it
///       if A == PPPoE or MPLS: deep
///       if A != VLAN: otherwise
///       tag 1..=2:
///       A = type in the tag
///       if A == IPv4 or IPv6: IP behind it
///       if A != VLAN: nested
///       deep
/// ```
fn ethernet(way: &mut Way<'_>, offset: u32, otherwise: Label) {
    let Targets { deep, .. } = way.targets;
    let [ipv4, ipv6, version, tagged, nested] = std::array::from_fn(|_| way.program.label());
    let payload = offset + ETHERNET_BYTES;
    way.load(code::H, offset + TYPE_IN_ETHERNET);
    one_of(way.program, [ether_type::IPV4], To::Label(ipv4), To::Next);
    one_of(way.program, [ether_type::IPV6], To::Label(ipv6), To::Next);
    one_of(
        way.program,
        ether_type::MPLS_LABELS,
        To::Label(deep),
        To::Next,
    );
    let session = [ether_type::PPPOE_SESSION];
    one_of(way.program, session, To::Label(deep), To::Next);
    one_of(
        way.program,
        ether_type::VLAN_TAGS,
        To::Label(tagged),
        To::Label(otherwise),
    );
    for (label, version_bits) in [(ipv4, 0x40), (ipv6, 0x60)] {
        way.program.bind(label);
        way.load(code::B, payload);
        way.program.emit(code::ALU | code::AND | code::K, 0xf0);
        way.program.branch(
            code::JEQ,
            version_bits,
            To::Label(version),
            To::Label(otherwise),
        );
    }
    way.program.bind(version);
    way.ip_behind(payload);
    way.program.bind(tagged);
    for tag in 1..=MAX_TAGS {
        let [found, next] = std::array::from_fn(|_| way.program.label());
        way.load(code::H, offset + TYPE_IN_ETHERNET + tag * TAG_BYTES);
        one_of(
            way.program,
            [ether_type::IPV4, ether_type::IPV6],
            To::Label(found),
            To::Next,
        );
        one_of(
            way.program,
            ether_type::VLAN_TAGS,
            To::Label(next),
            To::Label(nested),
        );
        way.program.bind(found);
        way.ip_behind(payload + tag * TAG_BYTES);
        way.program.bind(next);
    }
    way.program.jump(deep);
    way.program.bind(nested);
    way.nested();
}
