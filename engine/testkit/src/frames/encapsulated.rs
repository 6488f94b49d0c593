//! Responses below tags, labels and session headers.

use super::build::*;
use super::{
    CHECKSUM, Frame, NOT_IP, OTHER_V4, OTHER_V6, frame, query, response, response_v4, response_v6,
};

/// Tags on the wire. The kernel strips the outer one, if it is of 802.1Q or 802.1ad.
pub(super) fn tags() -> Vec<Frame> {
    let (v4, v6) = (OTHER_V4.with_checksum(), OTHER_V6.with_checksum());
    let tagged_query = |tags| ethernet_of(tags, IPV4, &ipv4(&[], 0, UDP, &query()));
    let tagged_query_v6 = |tags| ethernet_of(tags, IPV6, &ipv6(UDP, &query()));
    vec![
        frame("response below 802.1Q", response_v4(&[DOT1Q]), v4.kept()),
        frame("response below 802.1ad", response_v4(&[DOT1AD]), v4.kept()),
        frame("response below 0x9100", response_v4(&[QINQ_OLD]), v4.kept()),
        frame(
            "response below 802.1ad, 802.1Q",
            response_v4(&[DOT1AD, DOT1Q]),
            v4.kept(),
        ),
        frame(
            "response below 802.1Q twice",
            response_v4(&[DOT1Q, DOT1Q]),
            v4.kept(),
        ),
        frame(
            "response below 0x9100, 802.1Q",
            response_v4(&[QINQ_OLD, DOT1Q]),
            v4.kept(),
        ),
        frame(
            "response below four tags",
            response_v4(&[QINQ_OLD, DOT1AD, DOT1Q, DOT1Q]),
            v4.kept(),
        ),
        frame(
            "response below a tag that is not stripped and seven more",
            response_v4(&[
                QINQ_OLD, DOT1Q, DOT1AD, DOT1Q, QINQ_OLD, DOT1Q, DOT1AD, DOT1Q,
            ]),
            v4.kept(),
        ),
        frame(
            "IPv6 response below four tags",
            response_v6(&[DOT1AD, QINQ_OLD, DOT1Q, DOT1AD]),
            v6.kept(),
        ),
        frame(
            "query below four tags",
            tagged_query(&[DOT1AD, DOT1AD, DOT1Q, QINQ_OLD]),
            v4,
        ),
        frame(
            "IPv6 response below 802.1Q",
            response_v6(&[DOT1Q]),
            v6.kept(),
        ),
        frame(
            "IPv6 response below 802.1ad, 802.1Q",
            response_v6(&[DOT1AD, DOT1Q]),
            v6.kept(),
        ),
        frame("query below 802.1Q", tagged_query(&[DOT1Q]), v4),
        frame(
            "query below 802.1ad, 802.1Q",
            tagged_query(&[DOT1AD, DOT1Q]),
            v4,
        ),
        frame("IPv6 query below 802.1Q", tagged_query_v6(&[DOT1Q]), v6),
        frame(
            "IPv6 query below 802.1ad, 802.1Q",
            tagged_query_v6(&[DOT1AD, DOT1Q]),
            v6,
        ),
        frame(
            "response behind options below 802.1ad, 802.1Q",
            ethernet_of(&[DOT1AD, DOT1Q], IPV4, &ipv4(&[1; 8], 0, UDP, &response())),
            v4.kept(),
        ),
        frame(
            "mDNS response below 802.1Q",
            ethernet_of(
                &[DOT1Q],
                IPV4,
                &ipv4(&[], 0, UDP, &udp(5353, 5353, CHECKSUM, &dns(MDNS_RESPONSE))),
            ),
            v4.kept_by_more_ports(),
        ),
        frame(
            "ARP below 802.1Q",
            ethernet_of(&[DOT1Q], ARP, &[0; 46]),
            NOT_IP,
        ),
    ]
}

pub(super) fn labels() -> Vec<Frame> {
    let (v4, v6) = (OTHER_V4.with_checksum(), OTHER_V6.with_checksum());
    let of_v4 = |labels| mpls(labels, &ipv4(&[], 0, UDP, &response()));
    let of_v6 = |labels| mpls(labels, &ipv6(UDP, &response()));
    let query = mpls(2, &ipv4(&[], 0, UDP, &query()));
    let from_tcp = mpls(1, &ipv4(&[], 0, TCP, &tcp(53, 9, PUSH_ACK, &[0; 9])));
    vec![
        frame(
            "response below a label",
            ethernet_of(&[], MPLS, &of_v4(1)),
            v4.kept(),
        ),
        frame(
            "response below 3 labels",
            ethernet_of(&[], MPLS, &of_v4(3)),
            v4.kept(),
        ),
        frame(
            "response below 8 labels",
            ethernet_of(&[], MPLS, &of_v4(8)),
            v4.kept(),
        ),
        frame(
            "response below 9 labels",
            ethernet_of(&[], MPLS, &of_v4(9)),
            NOT_IP.kept(),
        ),
        frame(
            "IPv6 response below a label",
            ethernet_of(&[], MPLS, &of_v6(1)),
            v6.kept(),
        ),
        frame(
            "IPv6 response below 3 labels",
            ethernet_of(&[], MPLS, &of_v6(3)),
            v6.kept(),
        ),
        frame(
            "response below a multicast label",
            ethernet_of(&[], MPLS_MULTICAST, &of_v4(1)),
            v4.kept(),
        ),
        frame(
            "response behind options below 2 labels",
            ethernet_of(&[], MPLS, &mpls(2, &ipv4(&[1; 12], 0, UDP, &response()))),
            v4.kept(),
        ),
        frame("query below 2 labels", ethernet_of(&[], MPLS, &query), v4),
        frame(
            "TCP below a label",
            ethernet_of(&[], MPLS, &from_tcp),
            OTHER_V4.kept_unless_plain(),
        ),
        frame(
            "response below 802.1ad, 802.1Q and 3 labels",
            ethernet_of(&[DOT1AD, DOT1Q], MPLS, &of_v4(3)),
            v4.kept(),
        ),
        frame(
            "IPv6 response below 0x9100 and a label",
            ethernet_of(&[QINQ_OLD], MPLS, &of_v6(1)),
            v6.kept(),
        ),
    ]
}

/// Ethernet below labels, with a control word and without.
pub(super) fn pseudowires() -> Vec<Frame> {
    let (v4, v6) = (OTHER_V4.with_checksum(), OTHER_V6.with_checksum());
    let bare = |inside: &[u8]| ethernet_of(&[], MPLS, &mpls(2, inside));
    let controlled = |inside: &[u8]| bare(&[&[0, 0, 0, 9][..], inside].concat());
    let asked = |tags: &[u16]| ethernet_of(tags, IPV4, &ipv4(&[], 0, UDP, &query()));
    // A destination address whose first four bits are 0, as of a control word, is the usual case;
    // this one looks like IPv4 with a header too short to be.
    let mut looks_like_ip = response_v4(&[]);
    looks_like_ip[0] = 0x42;
    let labelled = ethernet_of(&[], MPLS, &mpls(1, &ipv4(&[], 0, UDP, &query())));
    vec![
        frame(
            "response in a pseudowire",
            controlled(&response_v4(&[])),
            v4.kept(),
        ),
        frame(
            "IPv6 response in a pseudowire",
            controlled(&response_v6(&[])),
            v6.kept(),
        ),
        frame(
            "response in a bare pseudowire",
            bare(&response_v4(&[])),
            v4.kept(),
        ),
        frame(
            "IPv6 response in a bare pseudowire",
            bare(&response_v6(&[])),
            v6.kept(),
        ),
        frame(
            "response in a bare pseudowire to 42:..",
            bare(&looks_like_ip),
            v4.kept(),
        ),
        frame(
            "response below a tag in a pseudowire",
            controlled(&response_v4(&[DOT1Q])),
            v4.kept(),
        ),
        frame(
            "IPv6 response below two tags in a bare pseudowire",
            bare(&response_v6(&[DOT1AD, DOT1Q])),
            v6.kept(),
        ),
        frame("query in a pseudowire", controlled(&asked(&[])), v4),
        frame("query in a bare pseudowire", bare(&asked(&[])), v4),
        frame(
            "query below a tag in a pseudowire",
            controlled(&asked(&[DOT1Q])),
            v4,
        ),
        frame(
            "query below three tags in a pseudowire: not looked below",
            controlled(&asked(&[DOT1Q; 3])),
            NOT_IP.kept(),
        ),
        frame(
            "query below labels in a pseudowire: not looked below",
            controlled(&labelled),
            NOT_IP.kept(),
        ),
        frame(
            "ARP in a pseudowire",
            controlled(&ethernet_of(&[], ARP, &[0; 46])),
            NOT_IP,
        ),
        frame(
            "ARP below a tag in a bare pseudowire",
            bare(&ethernet_of(&[DOT1Q], ARP, &[0; 46])),
            NOT_IP,
        ),
    ]
}

pub(super) fn sessions_and_snap() -> Vec<Frame> {
    let (v4, v6) = (OTHER_V4.with_checksum(), OTHER_V6.with_checksum());
    let over_v4 = ipv4(&[], 0, UDP, &response());
    let over_v6 = ipv6(UDP, &response());
    let asked = ipv4(&[], 0, UDP, &query());
    let session = |tags: &[u16], protocol, packet: &[u8]| {
        ethernet_of(tags, PPPOE_SESSION, &pppoe(protocol, packet))
    };
    vec![
        frame(
            "response in PPPoE",
            session(&[], PPP_IPV4, &over_v4),
            v4.kept(),
        ),
        frame(
            "IPv6 response in PPPoE",
            session(&[], PPP_IPV6, &over_v6),
            v6.kept(),
        ),
        frame("query in PPPoE", session(&[], PPP_IPV4, &asked), v4),
        frame("LCP in PPPoE", session(&[], PPP_LCP, &over_v4), NOT_IP),
        frame(
            "PPPoE discovery",
            ethernet_of(&[], PPPOE_DISCOVERY, &pppoe(PPP_IPV4, &over_v4)),
            NOT_IP,
        ),
        frame(
            "response in PPPoE below 802.1ad, 802.1Q",
            session(&[DOT1AD, DOT1Q], PPP_IPV4, &over_v4),
            v4.kept(),
        ),
        frame("response behind SNAP", snap(&[], IPV4, &over_v4), v4.kept()),
        frame(
            "IPv6 response behind SNAP",
            snap(&[DOT1Q], IPV6, &over_v6),
            v6.kept(),
        ),
        frame("query behind SNAP", snap(&[], IPV4, &asked), v4),
        frame("ARP behind SNAP", snap(&[], ARP, &over_v4), NOT_IP),
        frame(
            "response behind SNAP of a bridge",
            llc(&[], &[0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0], &over_v4),
            v4.kept(),
        ),
        frame(
            "response behind SNAP of another organisation",
            llc(&[], &[0xaa, 0xaa, 3, 0, 0, 1, 8, 0], &over_v4),
            NOT_IP,
        ),
        frame(
            "response behind LLC",
            llc(&[], &[6, 6, 3], &over_v4),
            v4.kept(),
        ),
        frame(
            "IPv6 response behind LLC",
            llc(&[], &[6, 6, 3], &over_v6),
            v6.kept(),
        ),
        frame("query behind LLC", llc(&[], &[6, 6, 3], &asked), v4),
        frame(
            "query below a tag behind SNAP: not looked below",
            llc(&[], &[0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0, 0, 1, 8, 0], &asked),
            NOT_IP.kept(),
        ),
        frame(
            "query with a short protocol in PPPoE: not looked into",
            session(&[], PPP_IPV4 << 8 | 0x45, &asked[1..]),
            NOT_IP.kept(),
        ),
        frame(
            "response below labels in PPPoE",
            session(&[], PPP_MPLS, &mpls(2, &over_v4)),
            v4.kept(),
        ),
        frame(
            "query below labels in PPPoE",
            session(&[], PPP_MPLS, &mpls(2, &asked)),
            v4,
        ),
        frame(
            "LLC without SNAP",
            ethernet_of(&[], 46, &[0x42; 46]),
            NOT_IP,
        ),
    ]
}
