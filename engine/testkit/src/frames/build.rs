//! Headers between one resolver and one client, with just the fields that filters look at.

pub(super) use crate::packets::RESPONSE;
use crate::packets::{Ends, fragment, gre as gre_with, segment};
pub(super) use crate::packets::{
    FIN_ACK, MDNS_RESPONSE, PUSH_ACK, SYN_ACK, TCP, extension, llc, pppoe, snap,
};
pub use crate::packets::{IPV4, IPV6, QUERY, UDP, dns, ethernet_of, mpls, udp};

/// An EtherType.
pub const MPLS: u16 = 0x8847;
pub(super) const MPLS_MULTICAST: u16 = 0x8848;
pub(super) const PPPOE_SESSION: u16 = 0x8864;
pub(super) const PPPOE_DISCOVERY: u16 = 0x8863;
/// An EtherType.
pub const ARP: u16 = 0x0806;
/// An EtherType.
pub const DOT1Q: u16 = 0x8100;
/// An EtherType.
pub const DOT1AD: u16 = 0x88a8;
/// An EtherType.
pub const QINQ_OLD: u16 = 0x9100;

pub(super) const HOP_BY_HOP: u8 = 0;
pub(super) const ICMP: u8 = 1;
pub(super) const IPIP: u8 = 4;
pub(super) const IPV6_INSIDE: u8 = 41;
pub(super) const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
pub(super) const GRE: u8 = 47;
pub(super) const AUTHENTICATION: u8 = 51;
pub(super) const ICMPV6: u8 = 58;
pub(super) const DESTINATION: u8 = 60;
pub(super) const SCTP: u8 = 132;

/// PPP protocols.
pub(super) const PPP_IPV4: u16 = 0x0021;
pub(super) const PPP_IPV6: u16 = 0x0057;
pub(super) const PPP_MPLS: u16 = 0x0281;
pub(super) const PPP_LCP: u16 = 0xc021;

/// GRE protocols besides the ethertypes.
pub(super) const ERSPAN_II: u16 = 0x88be;
pub(super) const ERSPAN_III: u16 = 0x22eb;

fn v4() -> Ends {
    Ends::of("198.51.100.53", "192.0.2.77")
}

fn v6() -> Ends {
    Ends::of("2001:db8::53", "2001:db8:7:0:211:22ff:fe33:4455")
}

/// IPv4 from the resolver to the client. `options` is a multiple of 4 bytes; `place` the field of flags and fragment
/// offset.
#[must_use]
pub fn ipv4(options: &[u8], place: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    v4().ipv4(options, 0x1234, place, protocol, payload)
}

/// IPv6 from the resolver to the client; extension headers are part of the payload.
#[must_use]
pub fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    v6().ip(next_header, payload)
}

/// A TCP segment, `flags` as in [`SYN_ACK`].
pub(super) fn tcp(source: u16, destination: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    segment(source, destination, 1, flags, payload)
}

/// An IPv6 fragment header: offset in units of 8 bytes, and whether more follow.
pub(super) fn fragment_v6(next_header: u8, units: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    fragment(next_header, 9, units, more, payload)
}

/// A GRE header without options over a packet.
pub(super) fn gre(protocol: u16, packet: &[u8]) -> Vec<u8> {
    gre_with(0, protocol, packet)
}
