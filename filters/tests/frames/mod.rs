//! The table of frames: each has a name, its bytes as they are on the wire, and what every program
//! should say of it.
//!
//! A new kind of frame is one more entry in one of the groups below; a new program is one more
//! field of [`Expected`].

pub(crate) mod build;

use build::*;
use dnsflow_filters::{Packet, VlanTag};

/// One frame and what is expected of it.
pub(crate) struct Frame {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

/// What each program should say, with any number of tags in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The default selection, port 53, keeps it.
    pub(crate) dns: bool,
    /// The selection of ports 53 and 5300, with mDNS, keeps it.
    pub(crate) more_ports: bool,
    /// Value of the program by client.
    pub(crate) client: u32,
    /// Value of the program by UDP checksum.
    pub(crate) checksum: u32,
}

const CLIENT_V4_VALUE: u32 = 0xc000_024d;
/// The words of the client's IPv6 address, 20010db8 00070000 021122ff fe334455, folded.
const CLIENT_V6_VALUE: u32 = 0x2001_0db8 ^ 0x0007_0000 ^ 0x0211_22ff ^ 0xfe33_4455;
const CHECKSUM: u16 = 0xbeef;
const CHECKSUM_VALUE: u32 = 0xbeef;

const NOT_IP: Expected = Expected {
    dns: false,
    more_ports: false,
    client: 0,
    checksum: 0,
};

/// IPv4 that no selection keeps, and whose checksum doesn't count.
const OTHER_V4: Expected = Expected {
    client: CLIENT_V4_VALUE,
    checksum: CLIENT_V4_VALUE,
    ..NOT_IP
};
/// The same of IPv6.
const OTHER_V6: Expected = Expected {
    client: CLIENT_V6_VALUE,
    checksum: CLIENT_V6_VALUE,
    ..NOT_IP
};

impl Expected {
    fn with_checksum(self) -> Self {
        Self {
            checksum: CHECKSUM_VALUE,
            ..self
        }
    }

    fn kept(self) -> Self {
        Self {
            dns: true,
            more_ports: true,
            ..self
        }
    }

    fn kept_by_more_ports(self) -> Self {
        Self {
            more_ports: true,
            ..self
        }
    }
}

/// All frames of the table.
pub(crate) fn table() -> Vec<Frame> {
    let groups = [
        udp_over_ipv4(),
        udp_over_ipv6(),
        below_tags(),
        fragments(),
        not_udp(),
        cut_short(),
    ];
    groups.into_iter().flatten().collect()
}

fn frame(name: &'static str, bytes: Vec<u8>, expected: Expected) -> Frame {
    Frame {
        name,
        bytes,
        expected,
    }
}

/// The response that most frames are made of: `udp(53, ..)` with a checksum.
fn response() -> Vec<u8> {
    udp(53, 40_000, CHECKSUM, &dns(RESPONSE))
}

fn query() -> Vec<u8> {
    udp(53, 40_000, CHECKSUM, &dns(QUERY))
}

pub(crate) fn response_v4(tags: &[u16]) -> Vec<u8> {
    ethernet(tags, IPV4, &ipv4(&[], 0, UDP, &response()))
}

pub(crate) fn response_v6(tags: &[u16]) -> Vec<u8> {
    ethernet(tags, IPV6, &ipv6(UDP, &response()))
}

fn udp_over_ipv4() -> Vec<Frame> {
    let other = OTHER_V4.with_checksum();
    let over = |datagram: &[u8]| ethernet(&[], IPV4, &ipv4(&[], 0, UDP, datagram));
    let with_options = |options: &[u8]| ethernet(&[], IPV4, &ipv4(options, 0, UDP, &response()));
    let mdns = |flags| over(&udp(5353, 5353, CHECKSUM, &dns(flags)));
    vec![
        frame("response", response_v4(&[]), other.kept()),
        frame("query from port 53", over(&query()), other),
        frame(
            "response, no checksum",
            over(&udp(53, 9, 0, &dns(RESPONSE))),
            OTHER_V4.kept(),
        ),
        frame(
            "query to port 53",
            over(&udp(9, 53, CHECKSUM, &dns(QUERY))),
            other,
        ),
        frame(
            "response to port 53 only",
            over(&udp(9, 53, CHECKSUM, &dns(RESPONSE))),
            other,
        ),
        frame(
            "response from port 5300",
            over(&udp(5300, 9, CHECKSUM, &dns(RESPONSE))),
            other.kept_by_more_ports(),
        ),
        frame(
            "query from port 5300",
            over(&udp(5300, 9, CHECKSUM, &dns(QUERY))),
            other,
        ),
        frame(
            "response from port 5301",
            over(&udp(5301, 9, CHECKSUM, &dns(RESPONSE))),
            other,
        ),
        frame(
            "mDNS response",
            mdns(MDNS_RESPONSE),
            other.kept_by_more_ports(),
        ),
        frame("mDNS query", mdns(0), other),
        frame(
            "response behind 4 bytes of options",
            with_options(&[1; 4]),
            other.kept(),
        ),
        frame(
            "response behind 40 bytes of options",
            with_options(&[1; 40]),
            other.kept(),
        ),
        frame(
            "response, don't fragment",
            ethernet(&[], IPV4, &ipv4(&[], 0x4000, UDP, &response())),
            other.kept(),
        ),
    ]
}

fn udp_over_ipv6() -> Vec<Frame> {
    let other = OTHER_V6.with_checksum();
    let over = |datagram: &[u8]| ethernet(&[], IPV6, &ipv6(UDP, datagram));
    vec![
        frame("IPv6 response", response_v6(&[]), other.kept()),
        frame("IPv6 query from port 53", over(&query()), other),
        frame(
            "IPv6 response, no checksum",
            over(&udp(53, 9, 0, &dns(RESPONSE))),
            OTHER_V6.kept(),
        ),
        frame(
            "IPv6 query to port 53",
            over(&udp(9, 53, CHECKSUM, &dns(QUERY))),
            other,
        ),
        frame(
            "IPv6 mDNS response",
            over(&udp(5353, 5353, CHECKSUM, &dns(MDNS_RESPONSE))),
            other.kept_by_more_ports(),
        ),
        frame(
            "IPv6 mDNS query",
            over(&udp(5353, 5353, CHECKSUM, &dns(0))),
            other,
        ),
        frame(
            "IPv6 response from another port",
            over(&udp(99, 9, CHECKSUM, &dns(RESPONSE))),
            other,
        ),
    ]
}

/// Tags on the wire. The kernel strips the outer one, if it is of 802.1Q or 802.1ad.
fn below_tags() -> Vec<Frame> {
    let (v4, v6) = (OTHER_V4.with_checksum(), OTHER_V6.with_checksum());
    let tagged_query = |tags| ethernet(tags, IPV4, &ipv4(&[], 0, UDP, &query()));
    let tagged_query_v6 = |tags| ethernet(tags, IPV6, &ipv6(UDP, &query()));
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
            ethernet(&[DOT1AD, DOT1Q], IPV4, &ipv4(&[1; 8], 0, UDP, &response())),
            v4.kept(),
        ),
        frame(
            "mDNS response below 802.1Q",
            ethernet(
                &[DOT1Q],
                IPV4,
                &ipv4(&[], 0, UDP, &udp(5353, 5353, CHECKSUM, &dns(MDNS_RESPONSE))),
            ),
            v4.kept_by_more_ports(),
        ),
        frame(
            "ARP below 802.1Q",
            ethernet(&[DOT1Q], ARP, &[0; 46]),
            NOT_IP,
        ),
    ]
}

/// A first fragment has the ports and is kept; all fragments go by client.
fn fragments() -> Vec<Frame> {
    let fragment = |bits, payload: &[u8]| ethernet(&[], IPV4, &ipv4(&[], bits, UDP, payload));
    let tagged = |bits| ethernet(&[DOT1Q], IPV4, &ipv4(&[], bits, UDP, &response()));
    // Next header UDP, offset 0, more fragments.
    let mut fragment_v6 = vec![UDP, 0, 0, 1, 0, 0, 0, 7];
    fragment_v6.extend(response());
    vec![
        frame(
            "first fragment",
            fragment(0x2000, &response()),
            OTHER_V4.kept(),
        ),
        frame("middle fragment", fragment(0x2010, &response()), OTHER_V4),
        frame("last fragment", fragment(0x0010, &response()), OTHER_V4),
        frame(
            "first fragment below 802.1Q",
            tagged(0x2000),
            OTHER_V4.kept(),
        ),
        frame("last fragment below 802.1Q", tagged(0x0010), OTHER_V4),
        frame(
            "IPv6 first fragment",
            ethernet(&[], IPV6, &ipv6(IPV6_FRAGMENT, &fragment_v6)),
            OTHER_V6,
        ),
    ]
}

fn not_udp() -> Vec<Frame> {
    let segment = tcp(53, 40_000, &dns(RESPONSE));
    vec![
        frame(
            "TCP from port 53",
            ethernet(&[], IPV4, &ipv4(&[], 0, TCP, &segment)),
            OTHER_V4,
        ),
        frame(
            "IPv6 TCP from port 53",
            ethernet(&[], IPV6, &ipv6(TCP, &segment)),
            OTHER_V6,
        ),
        frame("ARP", ethernet(&[], ARP, &[0; 46]), NOT_IP),
        frame(
            "response below an MPLS label",
            ethernet(
                &[],
                MPLS,
                &[&[0, 1, 1, 64][..], &ipv4(&[], 0, UDP, &response())].concat(),
            ),
            NOT_IP,
        ),
    ]
}

/// Captures cut inside the headers: nothing can be said of them, and nothing is.
fn cut_short() -> Vec<Frame> {
    let cut = |mut bytes: Vec<u8>, length| {
        bytes.truncate(length);
        bytes
    };
    let v4 = OTHER_V4.with_checksum();
    vec![
        frame("no bytes at all", Vec::new(), NOT_IP),
        frame("MAC addresses only", cut(response_v4(&[]), 12), NOT_IP),
        frame("ethertype IPv4 only", cut(response_v4(&[]), 14), NOT_IP),
        frame(
            "cut in the source address",
            cut(response_v4(&[]), 28),
            NOT_IP,
        ),
        frame(
            "IPv4 header only",
            cut(response_v4(&[]), 34),
            Expected {
                checksum: 0,
                ..OTHER_V4
            },
        ),
        frame("cut before the QR bit", cut(response_v4(&[]), 44), v4),
        frame(
            "cut behind the QR bit",
            cut(response_v4(&[]), 45),
            v4.kept(),
        ),
        frame("IPv6 header cut", cut(response_v6(&[]), 53), NOT_IP),
        frame("tag type only", cut(response_v4(&[DOT1Q]), 14), NOT_IP),
        frame("tag only", cut(response_v4(&[DOT1Q]), 18), NOT_IP),
    ]
}

/// A frame as a capture socket gets it: the kernel has taken the outer tag out of it, as
/// `skb_vlan_untag` does for 802.1Q and 802.1ad.
pub(crate) fn received(wire: &[u8]) -> (Vec<u8>, Option<VlanTag>) {
    match wire.get(12..18) {
        Some(&[t0, t1, c0, c1, ..]) if matches!(u16::from_be_bytes([t0, t1]), DOT1Q | DOT1AD) => {
            let tag = VlanTag {
                tci: u16::from_be_bytes([c0, c1]),
                tpid: u16::from_be_bytes([t0, t1]),
            };
            ([&wire[..12], &wire[16..]].concat(), Some(tag))
        }
        _ => (wire.to_vec(), None),
    }
}

/// Runs `check` for every frame as a file has it and as a socket gets it, with a name for failures.
pub(crate) fn for_each_view(mut check: impl FnMut(&str, Packet<'_>, Expected)) {
    for Frame {
        name,
        bytes,
        expected,
    } in table()
    {
        check(
            &format!("{name}, in a file"),
            Packet::ethernet(&bytes),
            expected,
        );
        let (stripped, vlan) = received(&bytes);
        let packet = Packet {
            vlan,
            ..Packet::ethernet(&stripped)
        };
        check(&format!("{name}, received"), packet, expected);
    }
}
