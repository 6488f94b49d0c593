//! IP, UDP and TCP.

use std::net::IpAddr;

use super::link::{IPV4, IPV6};
use super::{be16, tunnel};

/// IP protocols, as the IANA has them.
pub const TCP: u8 = 6;
/// The IP protocol of UDP.
pub const UDP: u8 = 17;
const IPV4_INSIDE: u8 = 4;
const IPV6_INSIDE: u8 = 41;
const FRAGMENT: u8 = 44;
const GRE: u8 = 47;

/// Flags of TCP segments (RFC 9293, section 3.1).
pub const ACK: u8 = 0x10;
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub const FIN_ACK: u8 = 0x11;
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub const SYN_ACK: u8 = 0x12;
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub const PUSH_ACK: u8 = 0x18;

/// The port that clients ask from.
pub const CLIENT_PORT: u16 = 40_000;

/// Who answers and who asked; both addresses are of one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Where packets come from.
    pub resolver: IpAddr,
    /// Where they go.
    pub client: IpAddr,
}

impl Ends {
    /// One of 65,536 clients of a resolver over IPv4, or over IPv6.
    #[must_use]
    pub fn new(ipv6: bool, client: u16) -> Self {
        let [high, low] = client.to_be_bytes();
        if ipv6 {
            Self::of("2001:db8:53::53", &format!("2001:db8::{client:x}"))
        } else {
            Self::of("198.51.100.53", &format!("10.20.{high}.{low}"))
        }
    }

    /// One of 256 pairs of tunnel ends.
    #[must_use]
    pub fn outer(ipv6: bool, pair: u8) -> Self {
        if ipv6 {
            Self::of("2001:db8:ff::1", &format!("2001:db8:fe::{pair:x}"))
        } else {
            Self::of("172.16.0.1", &format!("172.17.0.{pair}"))
        }
    }

    /// Two addresses.
    ///
    /// # Panics
    /// If one is none.
    #[must_use]
    pub fn of(resolver: &str, client: &str) -> Self {
        let address = |text: &str| text.parse().expect("it is written as an address");
        Self {
            resolver: address(resolver),
            client: address(client),
        }
    }

    /// Whether they are of version 6.
    #[must_use]
    pub fn is_ipv6(self) -> bool {
        self.client.is_ipv6()
    }

    /// The EtherType of packets between them.
    #[must_use]
    pub fn ether_type(self) -> u16 {
        if self.is_ipv6() { IPV6 } else { IPV4 }
    }

    fn bytes(self) -> Vec<u8> {
        match (self.resolver, self.client) {
            (IpAddr::V4(from), IpAddr::V4(to)) => [from.octets(), to.octets()].concat(),
            (IpAddr::V6(from), IpAddr::V6(to)) => [from.octets(), to.octets()].concat(),
            _ => unreachable!("both are of one version"),
        }
    }

    /// An IP packet (RFC 791, section 3.1; RFC 8200, section 3). Extension headers are part of the payload.
    #[must_use]
    pub fn ip(self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        if self.is_ipv6() {
            let header = [&[0x60, 0, 0, 0][..], &be16(payload.len()), &[protocol, 64]].concat();
            return [&header[..], &self.bytes(), payload].concat();
        }
        self.ipv4(&[], 0, 0, protocol, payload)
    }

    /// An IPv4 packet with options, a multiple of 4 bytes; `place` is the field of flags and fragment offset.
    #[must_use]
    pub fn ipv4(
        self,
        options: &[u8],
        identification: u16,
        place: u16,
        protocol: u8,
        payload: &[u8],
    ) -> Vec<u8> {
        let words = u8::try_from(5 + options.len() / 4).expect("options of at most 40 bytes");
        let header_bytes = usize::from(words) * 4;
        let mut header = vec![0x40 | words, 0];
        header.extend(be16(header_bytes + payload.len()));
        header.extend(identification.to_be_bytes());
        header.extend(place.to_be_bytes());
        header.extend([64, protocol, 0, 0]);
        header.extend(self.bytes());
        header.extend(options);
        let sum = checksum(&[&header]);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        [&header[..], payload].concat()
    }

    /// A UDP datagram with its checksum, in an IP packet.
    #[must_use]
    pub fn udp(self, source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
        self.ip(UDP, &self.udp_datagram(source, destination, payload))
    }

    /// A UDP datagram with its checksum (RFC 768; RFC 8200, section 8.1).
    #[must_use]
    pub fn udp_datagram(self, source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
        let length = be16(8 + payload.len());
        let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
        let pseudo = [&self.bytes()[..], &[0, UDP], &length].concat();
        let sum = match checksum(&[&pseudo, &ports, &length, payload]) {
            0 => 0xffff,
            sum => sum,
        };
        udp(source, destination, sum, payload)
    }

    /// A TCP segment from port 53, in an IP packet.
    #[must_use]
    pub fn tcp(self, client_port: u16, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        self.ip(TCP, &segment(53, client_port, sequence, flags, payload))
    }

    /// One fragment of a datagram: its place in bytes, a multiple of 8, and whether others follow.
    #[must_use]
    pub fn fragment(self, of: u16, place: usize, more: bool, payload: &[u8]) -> Vec<u8> {
        let units = u16::try_from(place / 8).expect("a datagram has at most 65,535 bytes");
        if self.is_ipv6() {
            return self.ip(FRAGMENT, &fragment(UDP, of, units, more, payload));
        }
        self.ipv4(&[], of, units | u16::from(more) << 13, UDP, payload)
    }

    /// A datagram in fragments of at most `bytes`, a multiple of 8.
    #[must_use]
    pub fn fragments(self, of: u16, datagram: &[u8], bytes: usize) -> Vec<Vec<u8>> {
        let parts = (0..).step_by(bytes).zip(datagram.chunks(bytes));
        parts
            .map(|(place, part)| {
                self.fragment(of, place, place + part.len() < datagram.len(), part)
            })
            .collect()
    }

    /// An IP packet inside another.
    #[must_use]
    pub fn ip_in_ip(self, packet: &[u8]) -> Vec<u8> {
        let protocol = if packet[0] >> 4 == 6 {
            IPV6_INSIDE
        } else {
            IPV4_INSIDE
        };
        self.ip(protocol, packet)
    }

    /// GRE over IP.
    #[must_use]
    pub fn gre(self, protocol: u16, inside: &[u8]) -> Vec<u8> {
        self.ip(GRE, &tunnel::gre(0, protocol, inside))
    }

    /// VXLAN over UDP.
    #[must_use]
    pub fn vxlan(self, source: u16, frame: &[u8]) -> Vec<u8> {
        self.udp(source, 4789, &tunnel::vxlan(frame))
    }
}

/// A UDP datagram (RFC 768).
#[must_use]
pub fn udp(source: u16, destination: u16, checksum: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(source.to_be_bytes());
    datagram.extend(destination.to_be_bytes());
    datagram.extend(be16(8 + payload.len()));
    datagram.extend(checksum.to_be_bytes());
    datagram.extend(payload);
    datagram
}

/// A TCP segment without a checksum (RFC 9293, section 3.1); `flags` as in [`SYN_ACK`].
#[must_use]
pub fn segment(source: u16, destination: u16, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(source.to_be_bytes());
    segment.extend(destination.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

/// An IPv6 extension header of 8 bytes, of a kind that has its length in it (RFC 8200, section 4.2).
#[must_use]
pub fn extension(next_header: u8, payload: &[u8]) -> Vec<u8> {
    [&[next_header, 0, 1, 4, 0, 0, 0, 0][..], payload].concat()
}

/// An IPv6 fragment header (RFC 8200, section 4.5); `units` are of 8 bytes.
#[must_use]
pub fn fragment(next_header: u8, of: u16, units: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![next_header, 0];
    header.extend((units << 3 | u16::from(more)).to_be_bytes());
    header.extend(u32::from(of).to_be_bytes());
    header.extend(payload);
    header
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
