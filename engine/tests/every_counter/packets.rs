//! Packets built by hand: responses, and all that they can travel in.

use std::net::IpAddr;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
const IPV4_INSIDE: u8 = 4;
const IPV6_INSIDE: u8 = 41;
const GRE: u8 = 47;

/// TCP flags (RFC 9293 section 3.1).
pub(crate) const SYN_ACK: u8 = 0x12;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const FIN_ACK: u8 = 0x11;

/// The port that clients ask from.
pub(crate) const CLIENT_PORT: u16 = 40_000;

/// Who answers and who asked; both addresses are of one version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) resolver: IpAddr,
    pub(crate) client: IpAddr,
}

impl Ends {
    /// One of 65,536 clients of a resolver over IPv4, or over IPv6.
    pub(crate) fn new(ipv6: bool, client: u16) -> Self {
        let [high, low] = client.to_be_bytes();
        if ipv6 {
            Ends::of("2001:db8:53::53", &format!("2001:db8::{client:x}"))
        } else {
            Ends::of("198.51.100.53", &format!("10.20.{high}.{low}"))
        }
    }

    /// One of 256 pairs of tunnel ends.
    pub(crate) fn outer(ipv6: bool, pair: u8) -> Self {
        if ipv6 {
            Ends::of("2001:db8:ff::1", &format!("2001:db8:fe::{pair:x}"))
        } else {
            Ends::of("172.16.0.1", &format!("172.17.0.{pair}"))
        }
    }

    pub(crate) fn of(resolver: &str, client: &str) -> Self {
        let address = |text: &str| text.parse().expect("it is written as an address");
        Ends {
            resolver: address(resolver),
            client: address(client),
        }
    }

    fn bytes(self) -> Vec<u8> {
        match (self.resolver, self.client) {
            (IpAddr::V4(from), IpAddr::V4(to)) => [from.octets(), to.octets()].concat(),
            (IpAddr::V6(from), IpAddr::V6(to)) => [from.octets(), to.octets()].concat(),
            _ => unreachable!("both are of one version"),
        }
    }

    /// An IP packet (RFC 791 section 3.1, RFC 8200 section 3).
    pub(crate) fn ip(self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        if self.client.is_ipv6() {
            let header = [&[0x60, 0, 0, 0][..], &be16(payload.len()), &[protocol, 64]].concat();
            return [&header[..], &self.bytes(), payload].concat();
        }
        self.ipv4(0, 0, protocol, payload)
    }

    fn ipv4(self, identification: u16, place: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = [&[0x45, 0][..], &be16(20 + payload.len())].concat();
        header.extend(identification.to_be_bytes());
        header.extend(place.to_be_bytes());
        header.extend([64, protocol, 0, 0]);
        header.extend(self.bytes());
        let sum = checksum(&[&header]);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        [&header[..], payload].concat()
    }

    /// A UDP datagram with its checksum, in an IP packet.
    pub(crate) fn udp(self, source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
        self.ip(UDP, &self.udp_datagram(source, destination, payload))
    }

    /// A UDP datagram with its checksum (RFC 768, RFC 8200 section 8.1).
    pub(crate) fn udp_datagram(self, source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
        let length = be16(8 + payload.len());
        let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
        let pseudo = [&self.bytes()[..], &[0, UDP], &length].concat();
        let sum = match checksum(&[&pseudo, &ports, &length, payload]) {
            0 => 0xffff,
            sum => sum,
        };
        [&ports[..], &length, &sum.to_be_bytes(), payload].concat()
    }

    /// A TCP segment from port 53, in an IP packet (RFC 9293 section 3.1).
    pub(crate) fn tcp(self, client_port: u16, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut segment = [53_u16.to_be_bytes(), client_port.to_be_bytes()].concat();
        segment.extend(sequence.to_be_bytes());
        segment.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(payload);
        self.ip(TCP, &segment)
    }

    /// One fragment of a datagram: its place in bytes, a multiple of 8, and whether others follow.
    pub(crate) fn fragment(self, of: u16, place: usize, more: bool, payload: &[u8]) -> Vec<u8> {
        let units = u16::try_from(place / 8).expect("a datagram has at most 65,535 bytes");
        if self.client.is_ipv6() {
            let mut header = vec![UDP, 0];
            header.extend((units << 3 | u16::from(more)).to_be_bytes());
            header.extend(u32::from(of).to_be_bytes());
            return self.ip(44, &[&header, payload].concat());
        }
        self.ipv4(of, units | u16::from(more) << 13, UDP, payload)
    }

    /// A datagram in fragments of at most `bytes`, a multiple of 8.
    pub(crate) fn fragments(self, of: u16, datagram: &[u8], bytes: usize) -> Vec<Vec<u8>> {
        let parts = (0..).step_by(bytes).zip(datagram.chunks(bytes));
        parts
            .map(|(place, part)| {
                self.fragment(of, place, place + part.len() < datagram.len(), part)
            })
            .collect()
    }

    /// An IP packet inside another.
    pub(crate) fn ip_in_ip(self, packet: &[u8]) -> Vec<u8> {
        let protocol = if packet[0] >> 4 == 6 {
            IPV6_INSIDE
        } else {
            IPV4_INSIDE
        };
        self.ip(protocol, packet)
    }

    /// GRE (RFC 2784 section 2.1) over IP.
    pub(crate) fn gre(self, protocol: u16, inside: &[u8]) -> Vec<u8> {
        self.ip(GRE, &gre(protocol, inside))
    }

    /// VXLAN (RFC 7348 section 5) over UDP.
    pub(crate) fn vxlan(self, source: u16, frame: &[u8]) -> Vec<u8> {
        self.udp(source, 4789, &vxlan(frame))
    }
}

/// A response to a question for one name, with addresses of the version that carries it.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) ends: Ends,
    pub(crate) name: String,
    pub(crate) addresses: u16,
    /// The message is filled up to this many bytes, within 300, with records of a type that is passed over.
    pub(crate) bytes: usize,
}

impl Response {
    pub(crate) fn new(ends: Ends, name: &str, addresses: u16) -> Self {
        Response {
            ends,
            name: name.to_owned(),
            addresses,
            bytes: 0,
        }
    }

    pub(crate) fn filled(self, bytes: usize) -> Self {
        Response { bytes, ..self }
    }

    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let ipv6 = self.ends.client.is_ipv6();
        (0..self.addresses).map(move |number| {
            let [high, low] = number.to_be_bytes();
            if ipv6 {
                [0x2001, 0xdb8, 0xa, 0, 0, 0, 0, number].into()
            } else {
                [203, 0, high, low].into()
            }
        })
    }

    /// The DNS message (RFC 1035 section 4.1).
    pub(crate) fn message(&self) -> Vec<u8> {
        const FILLER_BYTES: usize = 250;
        let kind = if self.ends.client.is_ipv6() { 28 } else { 1 };
        let mut message = vec![0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in self.name.split('.') {
            message.push(u8::try_from(label.len()).expect("a short label"));
            message.extend(label.as_bytes());
        }
        message.extend([0, 0, kind, 0, 1]);
        let mut records = self.addresses;
        for address in self.addresses() {
            message.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 1, 44]);
            match address {
                IpAddr::V4(address) => message.extend([&[0, 4][..], &address.octets()].concat()),
                IpAddr::V6(address) => message.extend([&[0, 16][..], &address.octets()].concat()),
            }
        }
        while message.len() < self.bytes {
            message.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 1, 44]);
            message.extend(be16(1 + FILLER_BYTES));
            message.push(250);
            message.extend([b'x'; FILLER_BYTES]);
            records += 1;
        }
        message[6..8].copy_from_slice(&records.to_be_bytes());
        message
    }

    /// The UDP datagram that carries it.
    pub(crate) fn datagram(&self) -> Vec<u8> {
        self.ends.udp_datagram(53, CLIENT_PORT, &self.message())
    }

    /// The IP packet that carries it over UDP.
    pub(crate) fn packet(&self) -> Vec<u8> {
        self.ends.udp(53, CLIENT_PORT, &self.message())
    }

    /// What it has before it in a TCP stream is its length (RFC 1035 section 4.2.2).
    pub(crate) fn in_stream(&self) -> Vec<u8> {
        let message = self.message();
        [&be16(message.len())[..], &message].concat()
    }

    /// The set that it has to be exported as: client, resolver, names, IPv4 and IPv6 addresses.
    pub(crate) fn set(&self) -> String {
        let addresses: Vec<String> = self
            .addresses()
            .map(|address| address.to_string())
            .collect();
        let Ends { client, resolver } = self.ends;
        let addresses = addresses.join(",");
        let [ipv4, ipv6] = if client.is_ipv6() {
            ["", addresses.as_str()]
        } else {
            [addresses.as_str(), ""]
        };
        format!("{client}\t{resolver}\t{}\t{ipv4}\t{ipv6}", self.name)
    }
}

/// An Ethernet frame around an IP packet, below tags, the outermost first. It is addressed to nobody.
pub(crate) fn ethernet(tags: &[u16], packet: &[u8]) -> Vec<u8> {
    let kind: u16 = if packet[0] >> 4 == 6 { 0x86dd } else { 0x0800 };
    ethernet_of(tags, kind, packet)
}

/// An Ethernet frame around anything.
pub(crate) fn ethernet_of(tags: &[u16], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 1];
    for (tag, vlan) in tags.iter().zip(100_u16..) {
        frame.extend(tag.to_be_bytes());
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend(kind.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A GRE header without options, and what is behind it.
pub(crate) fn gre(protocol: u16, inside: &[u8]) -> Vec<u8> {
    [&[0, 0][..], &protocol.to_be_bytes(), inside].concat()
}

/// A VXLAN header, and the frame behind it.
pub(crate) fn vxlan(frame: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0, 0, 0, 7, 0][..], frame].concat()
}

fn be16(number: usize) -> [u8; 2] {
    u16::try_from(number)
        .expect("packets and messages have at most 65,535 bytes")
        .to_be_bytes()
}

/// RFC 1071, over parts each of which but the last has an even number of bytes.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u64 = words
        .map(|word| u64::from(word[0]) << 8 | u64::from(word.get(1).copied().unwrap_or(0)))
        .sum();
    let mut folded = sum;
    while folded > 0xffff {
        folded = (folded & 0xffff) + (folded >> 16);
    }
    !u16::try_from(folded).expect("it was folded to 16 bits")
}
