//! Responses, and the headers of IP and UDP around them.

use std::net::IpAddr;

/// Two addresses of one version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
}

/// A response with one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// Tells it from others.
    pub(crate) number: u8,
    /// Where it goes; the address in it is of the same version.
    pub(crate) ends: Ends,
}

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

impl Ends {
    /// A resolver and its client.
    pub(crate) fn inner(v6: bool) -> Self {
        if v6 {
            Self::of("2001:db8::53", "2001:db8::7")
        } else {
            Self::of("198.51.100.53", "203.0.113.7")
        }
    }

    /// The ends of the tunnel number `depth` from the outside.
    pub(crate) fn outer(v6: bool, depth: u8) -> Self {
        if v6 {
            Self::of(
                &format!("2001:db8:ff::{depth}:1"),
                &format!("2001:db8:ff::{depth}:2"),
            )
        } else {
            Self::of(&format!("10.0.{depth}.1"), &format!("10.0.{depth}.2"))
        }
    }

    fn of(from: &str, to: &str) -> Self {
        let address = |text: &str| text.parse().expect("it is written as an address");
        Ends {
            from: address(from),
            to: address(to),
        }
    }

    pub(crate) fn is_v6(self) -> bool {
        self.from.is_ipv6()
    }

    pub(crate) fn ether_type(self) -> [u8; 2] {
        if self.is_v6() {
            [0x86, 0xdd]
        } else {
            [0x08, 0x00]
        }
    }

    fn bytes(self) -> Vec<u8> {
        match (self.from, self.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => [from.octets(), to.octets()].concat(),
            (IpAddr::V6(from), IpAddr::V6(to)) => [from.octets(), to.octets()].concat(),
            _ => unreachable!("both are of one version"),
        }
    }

    /// RFC 791 section 3.1, RFC 8200 section 3.
    pub(crate) fn packet(self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let length = |bytes: usize| u16::try_from(bytes).expect("short").to_be_bytes();
        if self.is_v6() {
            let header = [
                &[0x60, 0, 0, 0][..],
                &length(payload.len()),
                &[protocol, 64],
            ]
            .concat();
            return [&header, &self.bytes(), payload].concat();
        }
        let start = [
            &[0x45, 0][..],
            &length(20 + payload.len()),
            &[0, 9, 0, 0, 64, protocol],
        ]
        .concat();
        let sum = checksum(&[&start, &self.bytes()]);
        [&start[..], &sum, &self.bytes(), payload].concat()
    }

    /// RFC 768: the checksum is also over both addresses, the protocol and the length.
    pub(crate) fn datagram(self, from: u16, to: u16, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(8 + body.len()).expect("short").to_be_bytes();
        let start = [from.to_be_bytes(), to.to_be_bytes(), length].concat();
        let sum = checksum(&[&self.bytes(), &[0, 17], &length, &start, body]);
        [&start[..], &sum, body].concat()
    }

    /// A whole UDP packet.
    pub(crate) fn udp(self, from: u16, to: u16, body: &[u8]) -> Vec<u8> {
        self.packet(17, &self.datagram(from, to, body))
    }
}

impl Answer {
    pub(crate) fn ether_type(&self) -> [u8; 2] {
        self.ends.ether_type()
    }

    pub(crate) fn name(&self) -> String {
        format!("n{}.layers.example", self.number)
    }

    pub(crate) fn address(&self) -> IpAddr {
        let (v4, v6) = (
            [192, 0, 2, self.number],
            [0x2001, 0xdb8, 1, 0, 0, 0, 0, u16::from(self.number)],
        );
        if self.ends.is_v6() {
            v6.into()
        } else {
            v4.into()
        }
    }

    /// RFC 1035 section 4.1.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut question = Vec::new();
        for label in self.name().split('.') {
            question.push(u8::try_from(label.len()).expect("short"));
            question.extend_from_slice(label.as_bytes());
        }
        let (kind, address) = match self.address() {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (28, address.octets().to_vec()),
        };
        let length = u8::try_from(address.len()).expect("4 or 16");
        [
            &[0, self.number, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0][..],
            &question,
            &[0, 0, kind, 0, 1],
            &[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, length],
            &address,
        ]
        .concat()
    }

    /// The UDP datagram, without IP.
    pub(crate) fn datagram(&self) -> Vec<u8> {
        self.ends
            .datagram(53, 40_000 + u16::from(self.number), &self.message())
    }

    /// The IP packet.
    pub(crate) fn packet(&self) -> Vec<u8> {
        self.ends.packet(17, &self.datagram())
    }

    /// The Ethernet frame.
    pub(crate) fn ethernet(&self) -> Vec<u8> {
        ethernet(self.ether_type(), &self.packet())
    }
}

/// IEEE 802.3, with an EtherType.
pub(crate) fn ethernet(ether_type: [u8; 2], payload: &[u8]) -> Vec<u8> {
    [&MACS[..], &ether_type, payload].concat()
}

/// RFC 1071.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let mut sum: u32 = parts
        .concat()
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = !u16::try_from(sum).expect("it was folded");
    sum.to_be_bytes()
}
