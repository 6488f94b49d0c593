//! Encapsulates a payload in UDP, IP, VLAN tags and Ethernet, with correct lengths and checksums.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ETHERTYPE_SERVICE_VLAN: u16 = 0x88a8;
const IPV4_HEADER_BYTES: u16 = 20;
const UDP_HEADER_BYTES: u16 = 8;
const PROTOCOL_UDP: u8 = 17;
/// Sequence, acknowledgement, a header of 5 words with ACK set, window; the checksum is left out.
const TCP_ACK: [u8; 12] = [
    0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0x6f, 0x70, 0x81, 0x50, 0x10, 0x01, 0xf6,
];
const PROTOCOL_TCP: u8 = 6;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// Everything about a packet but its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) destination_mac: Mac,
    pub(crate) source_mac: Mac,
    /// Tags, outermost first; the first `vlan_tags` of them are used.
    pub(crate) vlans: [u16; 4],
    pub(crate) vlan_tags: u8,
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    /// IPv4 identification, and IPv6 flow label.
    pub(crate) identification: u16,
    pub(crate) hops: u8,
    /// False leaves the UDP checksum of IPv4 at 0 (RFC 768); IPv6 has no such choice.
    pub(crate) checksum: bool,
}

/// Address and port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

/// Writes a UDP packet into `frame`, which is cleared first.
pub(crate) fn write_udp(frame: &mut Vec<u8>, envelope: &Envelope, payload: &[u8]) {
    let payload_bytes = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let udp_bytes = payload_bytes.saturating_add(UDP_HEADER_BYTES);
    write_ip(frame, envelope, PROTOCOL_UDP, udp_bytes);
    let udp_at = frame.len();
    frame.extend_from_slice(&envelope.source.port.to_be_bytes());
    frame.extend_from_slice(&envelope.destination.port.to_be_bytes());
    frame.extend_from_slice(&udp_bytes.to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
    frame.extend_from_slice(payload);
    if envelope.checksum || envelope.source.address.is_ipv6() {
        let sum = pseudo_header(envelope, PROTOCOL_UDP, udp_bytes) + sum(&frame[udp_at..]);
        // A checksum that comes out as 0 is sent as 0xffff (RFC 768).
        let checksum = match fold(sum) {
            0 => 0xffff,
            other => other,
        };
        frame[udp_at + 6..udp_at + 8].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Writes a TCP segment without data into `frame`, which is cleared first.
pub(crate) fn write_tcp(frame: &mut Vec<u8>, envelope: &Envelope) {
    const TCP_BYTES: u16 = 20;
    write_ip(frame, envelope, PROTOCOL_TCP, TCP_BYTES);
    let tcp_at = frame.len();
    frame.extend_from_slice(&envelope.source.port.to_be_bytes());
    frame.extend_from_slice(&envelope.destination.port.to_be_bytes());
    frame.extend_from_slice(&TCP_ACK);
    frame.extend_from_slice(&[0, 0, 0, 0]);
    let sum = pseudo_header(envelope, PROTOCOL_TCP, TCP_BYTES) + sum(&frame[tcp_at..]);
    frame[tcp_at + 16..tcp_at + 18].copy_from_slice(&fold(sum).to_be_bytes());
}

fn write_ip(frame: &mut Vec<u8>, envelope: &Envelope, protocol: u8, payload_bytes: u16) {
    frame.clear();
    frame.extend_from_slice(&envelope.destination_mac);
    frame.extend_from_slice(&envelope.source_mac);
    let tags = &envelope.vlans[..usize::from(envelope.vlan_tags).min(envelope.vlans.len())];
    for (depth, vlan) in tags.iter().enumerate() {
        let innermost = depth + 1 == tags.len();
        let tpid = if innermost {
            ETHERTYPE_VLAN
        } else {
            ETHERTYPE_SERVICE_VLAN
        };
        frame.extend_from_slice(&tpid.to_be_bytes());
        frame.extend_from_slice(&vlan.to_be_bytes());
    }
    match (envelope.source.address, envelope.destination.address) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame.extend_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
            let total = payload_bytes.saturating_add(IPV4_HEADER_BYTES);
            write_ipv4(frame, envelope, protocol, total, [source, destination]);
        }
        (source, destination) => {
            frame.extend_from_slice(&ETHERTYPE_IPV6.to_be_bytes());
            let addresses = [to_ipv6(source), to_ipv6(destination)];
            write_ipv6(frame, envelope, protocol, payload_bytes, addresses);
        }
    }
}

/// RFC 791 section 3.1.
fn write_ipv4(
    frame: &mut Vec<u8>,
    envelope: &Envelope,
    protocol: u8,
    total: u16,
    addresses: [Ipv4Addr; 2],
) {
    let at = frame.len();
    frame.extend_from_slice(&[0x45, 0]);
    frame.extend_from_slice(&total.to_be_bytes());
    frame.extend_from_slice(&envelope.identification.to_be_bytes());
    frame.extend_from_slice(&[0, 0, envelope.hops, protocol, 0, 0]);
    for address in addresses {
        frame.extend_from_slice(&address.octets());
    }
    let checksum = fold(sum(&frame[at..]));
    frame[at + 10..at + 12].copy_from_slice(&checksum.to_be_bytes());
}

/// RFC 8200 section 3.
fn write_ipv6(
    frame: &mut Vec<u8>,
    envelope: &Envelope,
    protocol: u8,
    payload_bytes: u16,
    addresses: [Ipv6Addr; 2],
) {
    let first = 0x6000_0000 | u32::from(envelope.identification);
    frame.extend_from_slice(&first.to_be_bytes());
    frame.extend_from_slice(&payload_bytes.to_be_bytes());
    frame.extend_from_slice(&[protocol, envelope.hops]);
    for address in addresses {
        frame.extend_from_slice(&address.octets());
    }
}

fn to_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// RFC 768 and RFC 8200 section 8.1: both sum to the same for the same addresses.
fn pseudo_header(envelope: &Envelope, protocol: u8, bytes: u16) -> u64 {
    let addresses = match (envelope.source.address, envelope.destination.address) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            sum(&source.octets()) + sum(&destination.octets())
        }
        (source, destination) => {
            sum(&to_ipv6(source).octets()) + sum(&to_ipv6(destination).octets())
        }
    };
    addresses + u64::from(protocol) + u64::from(bytes)
}

/// Adds up 32-bit words: folded to 16 bits, the same as the sum of 16-bit words (RFC 1071).
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    let whole: u64 = words
        .iter()
        .map(|word| u64::from(u32::from_be_bytes(*word)))
        .sum();
    whole + u64::from(u32::from_be_bytes(last))
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !((sum & 0xffff) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        // The worked example of RFC 1071 section 3.
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(fold(sum(&bytes)), !0xddf2);
        assert_eq!(sum(&[0x12]), 0x1200_0000);
    }

    #[test]
    fn a_tag_stands_between_the_addresses_and_the_type() {
        let mut envelope = envelope("10.0.0.1", "172.16.0.1");
        envelope.vlans = [7, 9, 0, 0];
        envelope.vlan_tags = 2;
        let mut frame = Vec::new();
        write_udp(&mut frame, &envelope, b"payload");
        assert_eq!(frame[12..22], [0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0]);
        assert_eq!(frame.len(), 12 + 8 + 2 + 20 + 8 + 7);
    }

    #[test]
    fn a_header_with_its_checksum_sums_to_nothing() {
        let mut frame = Vec::new();
        for (client, resolver) in [("10.0.0.1", "172.16.0.1"), ("2001:db8::1", "2001:db8::2")] {
            let envelope = envelope(client, resolver);
            write_udp(&mut frame, &envelope, b"an odd payload.");
            let ip_bytes = if client.contains(':') { 40 } else { 20 };
            if ip_bytes == 20 {
                assert_eq!(fold(sum(&frame[14..34])), 0);
            }
            let udp = &frame[14 + ip_bytes..];
            assert_eq!(
                fold(pseudo_header(&envelope, PROTOCOL_UDP, 23) + sum(udp)),
                0
            );
        }
    }

    fn envelope(source: &str, destination: &str) -> Envelope {
        let endpoint = |text: &str, port| Endpoint {
            address: text.parse().expect("an address"),
            port,
        };
        Envelope {
            destination_mac: [0xff; 6],
            source_mac: [2, 0, 0, 0, 0, 1],
            vlans: [0; 4],
            vlan_tags: 0,
            source: endpoint(source, 53),
            destination: endpoint(destination, 40_000),
            identification: 1,
            hops: 64,
            checksum: true,
        }
    }
}
