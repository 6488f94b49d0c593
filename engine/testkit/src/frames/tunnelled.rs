//! What carries packets inside: kept if chosen, and balanced by the outer addresses.

use super::build::*;
use super::{
    CHECKSUM, Frame, JMIRROR_PORT, OTHER_V4, OTHER_V6, PCAP_RECORD_PORT, frame, response,
    response_v4,
};

pub(super) fn in_udp() -> Vec<Frame> {
    // What is inside does not matter: any bytes with a response in them.
    let inside = response_v4(&[]);
    let to = |port| udp(40_000, port, CHECKSUM, &inside);
    let v4 = |tags: &[u16], datagram: &[u8]| ethernet_of(tags, IPV4, &ipv4(&[], 0, UDP, datagram));
    let v6 = |datagram: &[u8]| ethernet_of(&[], IPV6, &ipv6(UDP, datagram));
    let first = ethernet_of(&[], IPV4, &ipv4(&[], 0x2000, UDP, &to(4789)));
    let first_v6 = ipv6(FRAGMENT, &fragment_v6(UDP, 0, true, &to(4789)));
    let labelled = mpls(2, &ipv4(&[], 0, UDP, &to(2152)));
    vec![
        frame("VXLAN", v4(&[], &to(4789)), OTHER_V4.kept_if(&["vxlan"])),
        frame(
            "VXLAN on Linux's port",
            v4(&[], &to(8472)),
            OTHER_V4.kept_if(&["vxlan"]),
        ),
        frame(
            "VXLAN over IPv6",
            v6(&to(4789)),
            OTHER_V6.kept_if(&["vxlan"]),
        ),
        frame(
            "VXLAN below 802.1ad, 802.1Q",
            v4(&[DOT1AD, DOT1Q], &to(4789)),
            OTHER_V4.kept_if(&["vxlan"]),
        ),
        frame(
            "VXLAN behind options",
            ethernet_of(&[], IPV4, &ipv4(&[1; 4], 0, UDP, &to(4789))),
            OTHER_V4.kept_if(&["vxlan"]),
        ),
        frame(
            "first fragment of VXLAN",
            first,
            OTHER_V4.kept_if(&["vxlan"]),
        ),
        frame(
            "IPv6 first fragment of VXLAN",
            ethernet_of(&[], IPV6, &first_v6),
            OTHER_V6.kept_if(&["vxlan"]),
        ),
        frame(
            "from VXLAN's port",
            v4(&[], &udp(4789, 40_000, CHECKSUM, &inside)),
            OTHER_V4.kept_if(&["vxlan"]),
        ),
        frame("Geneve", v4(&[], &to(6081)), OTHER_V4.kept_if(&["geneve"])),
        frame(
            "Geneve over IPv6",
            v6(&to(6081)),
            OTHER_V6.kept_if(&["geneve"]),
        ),
        frame(
            "from Geneve's port",
            v4(&[], &udp(6081, 40_000, CHECKSUM, &inside)),
            OTHER_V4.kept_if(&["geneve"]),
        ),
        frame(
            "GRE over UDP",
            v4(&[], &to(4754)),
            OTHER_V4.kept_if(&["gre"]),
        ),
        frame(
            "GRE over UDP over IPv6, from its port",
            v6(&udp(4754, 40_000, CHECKSUM, &inside)),
            OTHER_V6.kept_if(&["gre"]),
        ),
        frame("GTP-U", v4(&[], &to(2152)), OTHER_V4.kept_if(&["gtp"])),
        frame(
            "GTP-U from its port",
            v4(&[], &udp(2152, 40_000, CHECKSUM, &inside)),
            OTHER_V4.kept_if(&["gtp"]),
        ),
        frame("GTP-U over IPv6", v6(&to(2152)), OTHER_V6.kept_if(&["gtp"])),
        frame(
            "GTP-U below 2 labels",
            ethernet_of(&[], MPLS, &labelled),
            OTHER_V4.kept_if(&["gtp"]),
        ),
        frame(
            "jmirror",
            v4(&[], &to(JMIRROR_PORT)),
            OTHER_V4.kept_if(&["jmirror"]),
        ),
        frame(
            "jmirror over IPv6",
            v6(&to(JMIRROR_PORT)),
            OTHER_V6.kept_if(&["jmirror"]),
        ),
        frame(
            "pcap record",
            v4(&[], &to(PCAP_RECORD_PORT)),
            OTHER_V4.kept_if(&["pcap record"]),
        ),
        frame(
            "TCP to VXLAN's port",
            ethernet_of(
                &[],
                IPV4,
                &ipv4(&[], 0, TCP, &tcp(9, 4789, PUSH_ACK, &inside)),
            ),
            OTHER_V4,
        ),
    ]
}

pub(super) fn in_ip() -> Vec<Frame> {
    let v4 = |bits, protocol, payload: &[u8]| {
        ethernet_of(&[], IPV4, &ipv4(&[], bits, protocol, payload))
    };
    let v6 = |next, payload: &[u8]| ethernet_of(&[], IPV6, &ipv6(next, payload));
    let inner_v4 = ipv4(&[], 0, UDP, &response());
    let inner_v6 = ipv6(UDP, &response());
    let of_ip = gre(IPV4, &inner_v4);
    let erspan = |protocol| gre(protocol, &response_v4(&[]));
    let fragment = fragment_v6(GRE, 3, false, &[0; 8]);
    vec![
        frame("GRE", v4(0, GRE, &of_ip), OTHER_V4.kept_if(&["gre"])),
        frame("GRE over IPv6", v6(GRE, &of_ip), OTHER_V6.kept_if(&["gre"])),
        frame(
            "GRE behind options",
            ethernet_of(&[], IPV4, &ipv4(&[1; 8], 0, GRE, &of_ip)),
            OTHER_V4.kept_if(&["gre"]),
        ),
        frame(
            "last fragment of GRE",
            v4(0x0010, GRE, &of_ip),
            OTHER_V4.kept_if(&["gre", "erspan"]),
        ),
        frame(
            "IPv6 last fragment of GRE",
            v6(FRAGMENT, &fragment),
            OTHER_V6.kept_if(&["gre", "erspan"]),
        ),
        frame(
            "ERSPAN II",
            v4(0, GRE, &erspan(ERSPAN_II)),
            OTHER_V4.kept_if(&["erspan"]),
        ),
        frame(
            "ERSPAN III",
            v4(0, GRE, &erspan(ERSPAN_III)),
            OTHER_V4.kept_if(&["erspan"]),
        ),
        frame(
            "ERSPAN II over IPv6",
            v6(GRE, &erspan(ERSPAN_II)),
            OTHER_V6.kept_if(&["erspan"]),
        ),
        frame(
            "ERSPAN III behind options below 802.1Q",
            ethernet_of(&[DOT1Q], IPV4, &ipv4(&[1; 8], 0, GRE, &erspan(ERSPAN_III))),
            OTHER_V4.kept_if(&["erspan"]),
        ),
        frame(
            "IPv4 in IPv4",
            v4(0, IPIP, &inner_v4),
            OTHER_V4.kept_if(&["ipip"]),
        ),
        frame(
            "IPv4 in IPv6",
            v6(IPIP, &inner_v4),
            OTHER_V6.kept_if(&["ipip"]),
        ),
        frame(
            "last fragment of IPv4 in IPv4",
            v4(4, IPIP, &[0; 8]),
            OTHER_V4.kept_if(&["ipip"]),
        ),
        frame(
            "6in4",
            v4(0, IPV6_INSIDE, &inner_v6),
            OTHER_V4.kept_if(&["6in4"]),
        ),
        frame(
            "IPv6 in IPv6",
            v6(IPV6_INSIDE, &inner_v6),
            OTHER_V6.kept_if(&["6in4"]),
        ),
        frame(
            "6in4 behind destination options",
            v6(DESTINATION, &extension(IPV6_INSIDE, &inner_v6)),
            OTHER_V6.kept_if(&["6in4"]),
        ),
    ]
}
