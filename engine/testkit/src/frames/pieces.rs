//! What has to be put together: fragments, segments, and what stands behind extension headers.

use super::build::*;
use super::{CHECKSUM, Frame, OTHER_V4, OTHER_V6, frame, query, response};

pub(super) fn tcp_segments() -> Vec<Frame> {
    let v4 = |protocol, payload: &[u8]| ethernet_of(&[], IPV4, &ipv4(&[], 0, protocol, payload));
    let v6 = |protocol, payload: &[u8]| ethernet_of(&[], IPV6, &ipv6(protocol, payload));
    let data = tcp(53, 40_000, PUSH_ACK, &dns(RESPONSE));
    let bare = |flags| tcp(53, 40_000, flags, &[]);
    let (kept_v4, kept_v6) = (OTHER_V4.kept_unless_plain(), OTHER_V6.kept_unless_plain());
    let sctp = tcp(53, 40_000, 0, &dns(RESPONSE));
    vec![
        frame("TCP data from port 53", v4(TCP, &data), kept_v4),
        frame("TCP SYN from port 53", v4(TCP, &bare(SYN_ACK)), kept_v4),
        frame("TCP FIN from port 53", v4(TCP, &bare(FIN_ACK)), kept_v4),
        frame(
            "TCP data behind options",
            ethernet_of(&[], IPV4, &ipv4(&[1; 8], 0, TCP, &data)),
            kept_v4,
        ),
        frame(
            "TCP data below 802.1Q",
            ethernet_of(&[DOT1Q], IPV4, &ipv4(&[], 0, TCP, &data)),
            kept_v4,
        ),
        frame(
            "TCP to port 53",
            v4(TCP, &tcp(40_000, 53, PUSH_ACK, &[0; 30])),
            OTHER_V4,
        ),
        frame(
            "TCP from port 443",
            v4(TCP, &tcp(443, 40_000, PUSH_ACK, &[0xff; 30])),
            OTHER_V4,
        ),
        frame(
            "TCP from port 5300",
            v4(TCP, &tcp(5300, 40_000, PUSH_ACK, &dns(RESPONSE))),
            OTHER_V4.kept_by_more_ports(),
        ),
        frame("IPv6 TCP data from port 53", v6(TCP, &data), kept_v6),
        frame(
            "IPv6 TCP SYN from port 53",
            v6(TCP, &bare(SYN_ACK)),
            kept_v6,
        ),
        frame(
            "IPv6 TCP FIN from port 53",
            v6(TCP, &bare(FIN_ACK)),
            kept_v6,
        ),
        frame(
            "IPv6 TCP to port 53",
            v6(TCP, &tcp(40_000, 53, PUSH_ACK, &[0; 30])),
            OTHER_V6,
        ),
        frame("SCTP from port 53", v4(SCTP, &sctp), OTHER_V4),
        frame("IPv6 SCTP from port 53", v6(SCTP, &sctp), OTHER_V6),
        frame("ICMP", v4(ICMP, &response()), OTHER_V4),
        frame("ICMPv6", v6(ICMPV6, &response()), OTHER_V6),
    ]
}

/// A first fragment has the ports; of later ones all that may belong to one is kept. All go by
/// client.
pub(super) fn fragments() -> Vec<Frame> {
    const MORE: u16 = 0x2000;
    const LATER: u16 = 0x0010;
    let of = |protocol, bits, payload: &[u8]| {
        ethernet_of(&[], IPV4, &ipv4(&[], bits, protocol, payload))
    };
    let tagged = |bits| ethernet_of(&[DOT1Q], IPV4, &ipv4(&[], bits, UDP, &response()));
    let labelled = |bits| ethernet_of(&[], MPLS, &mpls(3, &ipv4(&[], bits, UDP, &[0; 16])));
    let segment = tcp(53, 40_000, PUSH_ACK, &dns(RESPONSE));
    let kept = OTHER_V4.kept_unless_plain();
    vec![
        frame(
            "first fragment",
            of(UDP, MORE, &response()),
            OTHER_V4.kept(),
        ),
        frame(
            "first fragment that ends before the QR bit",
            of(UDP, MORE, &response()[..8]),
            kept,
        ),
        frame(
            "first fragment from another port",
            of(UDP, MORE, &udp(99, 9, CHECKSUM, &dns(RESPONSE))),
            OTHER_V4,
        ),
        frame("middle fragment", of(UDP, MORE | LATER, &response()), kept),
        frame("last fragment", of(UDP, LATER, &response()), kept),
        frame("last fragment of one byte", of(UDP, LATER, &[0]), kept),
        frame("first fragment below 802.1Q", tagged(MORE), OTHER_V4.kept()),
        frame("last fragment below 802.1Q", tagged(LATER), kept),
        frame("last fragment below 3 labels", labelled(LATER), kept),
        frame("first fragment of TCP", of(TCP, MORE, &segment), kept),
        frame(
            "middle fragment of TCP",
            of(TCP, MORE | LATER, &segment),
            kept,
        ),
        frame("last fragment of TCP", of(TCP, LATER, &segment), kept),
        frame(
            "first fragment of TCP from another port",
            of(TCP, MORE, &tcp(99, 53, PUSH_ACK, &[0; 8])),
            OTHER_V4,
        ),
        frame(
            "first fragment of ICMP",
            of(ICMP, MORE, &response()),
            OTHER_V4,
        ),
        frame(
            "last fragment of ICMP",
            of(ICMP, LATER, &response()),
            OTHER_V4,
        ),
    ]
}

pub(super) fn fragments_over_ipv6() -> Vec<Frame> {
    let of = |next, offset, more, payload: &[u8]| {
        ethernet_of(
            &[],
            IPV6,
            &ipv6(FRAGMENT, &fragment_v6(next, offset, more, payload)),
        )
    };
    let segment = tcp(53, 40_000, PUSH_ACK, &dns(RESPONSE));
    let kept = OTHER_V6.kept_unless_plain();
    let below = |tags: &[u16]| {
        let header = fragment_v6(UDP, 2, false, &[0; 8]);
        ethernet_of(tags, IPV6, &ipv6(FRAGMENT, &header))
    };
    vec![
        frame("IPv6 first fragment", of(UDP, 0, true, &response()), kept),
        frame(
            "IPv6 first fragment of 8 bytes",
            of(UDP, 0, true, &response()[..8]),
            kept,
        ),
        frame("IPv6 middle fragment", of(UDP, 2, true, &response()), kept),
        frame("IPv6 last fragment", of(UDP, 4, false, &[0; 3]), kept),
        frame("IPv6 only fragment", of(UDP, 0, false, &response()), kept),
        frame(
            "IPv6 first fragment from another port",
            of(UDP, 0, true, &udp(99, 53, CHECKSUM, &dns(RESPONSE))),
            OTHER_V6,
        ),
        frame(
            "IPv6 first fragment from port 5300",
            of(UDP, 0, true, &udp(5300, 9, CHECKSUM, &dns(RESPONSE))),
            OTHER_V6.kept_by_more_ports(),
        ),
        frame(
            "IPv6 first fragment of TCP",
            of(TCP, 0, true, &segment),
            kept,
        ),
        frame(
            "IPv6 last fragment of TCP",
            of(TCP, 9, false, &segment),
            kept,
        ),
        frame(
            "IPv6 first fragment of ICMPv6",
            of(ICMPV6, 0, true, &response()),
            OTHER_V6,
        ),
        frame(
            "IPv6 last fragment of ICMPv6",
            of(ICMPV6, 9, false, &response()),
            OTHER_V6,
        ),
        frame(
            "IPv6 last fragment below 802.1ad, 802.1Q",
            below(&[DOT1AD, DOT1Q]),
            kept,
        ),
    ]
}

/// Ports behind an extension header are not looked for.
pub(super) fn extension_headers() -> Vec<Frame> {
    let over = |kind, payload: &[u8]| ethernet_of(&[], IPV6, &ipv6(kind, payload));
    let kept = OTHER_V6.kept_unless_plain();
    let response = extension(UDP, &response());
    let segment = extension(TCP, &tcp(53, 9, SYN_ACK, &[]));
    let report = extension(ICMPV6, &[143, 0, 0, 0, 0, 0, 0, 0]);
    let fragment = extension(FRAGMENT, &fragment_v6(UDP, 2, false, &[0; 8]));
    vec![
        frame(
            "response behind hop-by-hop options",
            over(HOP_BY_HOP, &response),
            kept,
        ),
        frame(
            "response behind destination options",
            over(DESTINATION, &response),
            kept,
        ),
        frame(
            "response behind a routing header",
            over(ROUTING, &response),
            kept,
        ),
        frame(
            "response behind authentication",
            over(AUTHENTICATION, &response),
            kept,
        ),
        frame(
            "response behind two extension headers",
            over(HOP_BY_HOP, &extension(ROUTING, &response)),
            kept,
        ),
        frame(
            "query behind hop-by-hop options",
            over(HOP_BY_HOP, &extension(UDP, &query())),
            kept,
        ),
        frame(
            "TCP behind destination options",
            over(DESTINATION, &segment),
            kept,
        ),
        frame(
            "fragment behind a routing header",
            over(ROUTING, &fragment),
            kept,
        ),
        frame(
            "multicast listener report",
            over(HOP_BY_HOP, &report),
            OTHER_V6,
        ),
        frame("no next header", over(59, &response), OTHER_V6),
    ]
}
