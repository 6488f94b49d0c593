//! The table of frames: each has a name, its bytes as they are on the wire, and what every program
//! should say of it.
//!
//! A new kind of frame is one more entry in one of the groups below; a new program is one more
//! field of [`Expected`].

pub mod build;
mod encapsulated;
mod pieces;
mod tunnelled;

use self::build::*;

/// One frame and what is expected of it.
pub struct Frame {
    /// What it is.
    pub name: &'static str,
    /// From the Ethernet header on.
    pub bytes: Vec<u8>,
    /// What the programs say.
    pub expected: Expected,
}

/// What each program should say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The default selection, port 53, keeps it.
    pub dns: bool,
    /// The same keeps it when it is plain.
    pub plain: bool,
    /// The selection of ports 53 and 5300, with mDNS, keeps it.
    pub more_ports: bool,
    /// Choices of a tunnel or carrier that alone make the default selection keep it, by the names
    /// of [`CHOICES`].
    pub chosen: &'static [&'static str],
    /// Value by client.
    pub client: u32,
    /// Value by UDP checksum, for ports 53, 5300 and 5353.
    pub checksum: u32,
}

/// The port of Juniper's mirror in the table.
pub const JMIRROR_PORT: u16 = 30_030;
/// The port of packets that carry records of a capture.
pub const PCAP_RECORD_PORT: u16 = 30_031;

/// All that can be chosen besides the ports, each under its name.
pub const CHOICES: [&str; 9] = [
    "vxlan",
    "geneve",
    "gre",
    "erspan",
    "gtp",
    "ipip",
    "6in4",
    "jmirror",
    "pcap record",
];

const CLIENT_V4_VALUE: u32 = 0xc000_024d;
/// The words of the client's IPv6 address, 20010db8 00070000 021122ff fe334455, folded.
const CLIENT_V6_VALUE: u32 = 0x2001_0db8 ^ 0x0007_0000 ^ 0x0211_22ff ^ 0xfe33_4455;
const CHECKSUM: u16 = 0xbeef;
const CHECKSUM_VALUE: u32 = 0xbeef;

const NOT_IP: Expected = Expected {
    dns: false,
    plain: false,
    more_ports: false,
    chosen: &[],
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
            plain: true,
            ..self.kept_unless_plain()
        }
    }

    fn kept_unless_plain(self) -> Self {
        Self {
            dns: true,
            more_ports: true,
            ..self
        }
    }

    fn kept_if(self, chosen: &'static [&'static str]) -> Self {
        Self { chosen, ..self }
    }

    fn kept_by_more_ports(self) -> Self {
        Self {
            more_ports: true,
            ..self
        }
    }
}

/// All frames of the table.
#[must_use]
pub fn table() -> Vec<Frame> {
    let groups = [
        udp_over_ipv4(),
        udp_over_ipv6(),
        not_ip(),
        encapsulated::tags(),
        encapsulated::labels(),
        encapsulated::pseudowires(),
        encapsulated::sessions_and_snap(),
        pieces::tcp_segments(),
        pieces::fragments(),
        pieces::fragments_over_ipv6(),
        pieces::extension_headers(),
        tunnelled::in_udp(),
        tunnelled::in_ip(),
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

/// A response over IPv4, below tags.
#[must_use]
pub fn response_v4(tags: &[u16]) -> Vec<u8> {
    ethernet_of(tags, IPV4, &ipv4(&[], 0, UDP, &response()))
}

/// The same over IPv6.
#[must_use]
pub fn response_v6(tags: &[u16]) -> Vec<u8> {
    ethernet_of(tags, IPV6, &ipv6(UDP, &response()))
}

fn udp_over_ipv4() -> Vec<Frame> {
    let other = OTHER_V4.with_checksum();
    let over = |datagram: &[u8]| ethernet_of(&[], IPV4, &ipv4(&[], 0, UDP, datagram));
    let with_options = |options: &[u8]| ethernet_of(&[], IPV4, &ipv4(options, 0, UDP, &response()));
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
            OTHER_V4,
        ),
        frame(
            "response to port 53 only",
            over(&udp(9, 53, CHECKSUM, &dns(RESPONSE))),
            OTHER_V4,
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
            OTHER_V4,
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
            ethernet_of(&[], IPV4, &ipv4(&[], 0x4000, UDP, &response())),
            other.kept(),
        ),
    ]
}

fn udp_over_ipv6() -> Vec<Frame> {
    let other = OTHER_V6.with_checksum();
    let over = |datagram: &[u8]| ethernet_of(&[], IPV6, &ipv6(UDP, datagram));
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
            OTHER_V6,
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
            OTHER_V6,
        ),
    ]
}

fn not_ip() -> Vec<Frame> {
    vec![
        frame("ARP", ethernet_of(&[], ARP, &[0; 46]), NOT_IP),
        frame(
            "ARP that looks like a response",
            ethernet_of(&[], ARP, &ipv4(&[], 0, UDP, &response())),
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

/// A tag that the kernel has taken out of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Priority and number of the VLAN.
    pub tci: u16,
    /// What stood in the place of the EtherType.
    pub tpid: u16,
}

/// A frame as a capture socket gets it: the kernel has taken the outer tag out of it, as `skb_vlan_untag` does for
/// 802.1Q and 802.1ad.
#[must_use]
pub fn received(wire: &[u8]) -> (Vec<u8>, Option<Tag>) {
    match wire.get(12..18) {
        Some(&[t0, t1, c0, c1, ..]) if matches!(u16::from_be_bytes([t0, t1]), DOT1Q | DOT1AD) => {
            let tag = Tag {
                tci: u16::from_be_bytes([c0, c1]),
                tpid: u16::from_be_bytes([t0, t1]),
            };
            ([&wire[..12], &wire[16..]].concat(), Some(tag))
        }
        _ => (wire.to_vec(), None),
    }
}
