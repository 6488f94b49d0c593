//! From an IEEE 802.2 header to IP.
//!
//! ```text
//!   SNAP   0 |aa aa 03 00 00 00|          6 |type of what follows|        + 8
//!   LLC    0 |06 06 03|                                                   + 3
//! ```

use dnsflow_packet::numbers::{ether_type, llc};

use super::way::{Targets, Way, one_of};
use crate::assembler::To;
use crate::instruction::code;

/// Bytes of a SNAP header, and where it has the type of what follows.
const SNAP_BYTES: u32 = 8;
const TYPE_IN_SNAP: u32 = 6;
/// Bytes of an LLC header without SNAP.
const LLC_BYTES: u32 = 3;
/// The bytes of an LLC header, of the four that are loaded.
const LLC_MASK: u32 = 0xffff_ff00;

/// From an LLC header at `X` to one of the targets.
///
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
pub(super) fn to_ip(way: &mut Way<'_>) {
    let Targets { deep, other, .. } = way.targets;
    let [snap, ours, found] = std::array::from_fn(|_| way.program.label());
    way.load(code::W, 0);
    one_of(way.program, [word(llc::SNAP)], To::Label(snap), To::Next);
    way.program.emit(code::ALU | code::AND | code::K, LLC_MASK);
    one_of(way.program, [word(llc::IP)], To::Next, To::Label(other));
    way.ip_behind(LLC_BYTES);
    way.program.bind(snap);
    way.load(code::H, 4);
    one_of(
        way.program,
        llc::SNAP_ORGANISATIONS,
        To::Label(ours),
        To::Label(other),
    );
    way.program.bind(ours);
    way.load(code::H, TYPE_IN_SNAP);
    one_of(
        way.program,
        [ether_type::IPV4, ether_type::IPV6],
        To::Label(found),
        To::Next,
    );
    one_of(
        way.program,
        ether_type::VLAN_TAGS,
        To::Label(deep),
        To::Next,
    );
    way.nested();
    way.program.bind(found);
    way.ip_behind(SNAP_BYTES);
}

/// Three bytes in front of a 0.
fn word([first, second, third]: [u8; 3]) -> u32 {
    u32::from_be_bytes([first, second, third, 0])
}
