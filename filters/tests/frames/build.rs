//! Frames from their headers, with just the fields that filters look at.

pub(crate) const CLIENT_V4: [u8; 4] = [192, 0, 2, 77];
pub(crate) const RESOLVER_V4: [u8; 4] = [198, 51, 100, 53];
pub(crate) const CLIENT_V6: [u8; 16] = [
    0x20, 0x01, 0x0d, 0xb8, 0, 7, 0, 0, 0x02, 0x11, 0x22, 0xff, 0xfe, 0x33, 0x44, 0x55,
];
pub(crate) const RESOLVER_V6: [u8; 16] = [
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
];

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const MPLS: u16 = 0x8847;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const DOT1Q: u16 = 0x8100;
pub(crate) const DOT1AD: u16 = 0x88a8;
pub(crate) const QINQ_OLD: u16 = 0x9100;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const IPV6_FRAGMENT: u8 = 44;

/// DNS flags: QR, RD and RA of a response, RD of a query.
pub(crate) const RESPONSE: u16 = 0x8180;
pub(crate) const QUERY: u16 = 0x0100;
/// DNS flags of an mDNS response: QR and AA.
pub(crate) const MDNS_RESPONSE: u16 = 0x8400;

/// Ethernet II with any number of VLAN tags, outermost first, each numbered 100 up.
pub(crate) fn ethernet(tags: &[u16], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2];
    for (tpid, vlan) in tags.iter().zip(100u16..) {
        frame.extend(tpid.to_be_bytes());
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// IPv4 from the resolver to the client. `options` is a multiple of 4 bytes; `fragment` the flags
/// and offset field.
pub(crate) fn ipv4(options: &[u8], fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let words = 5 + options.len() / 4;
    let mut packet = vec![
        0x40 | u8::try_from(words).expect("options of at most 40 bytes"),
        0,
    ];
    packet.extend(length(words * 4 + payload.len()));
    packet.extend([0x12, 0x34]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(RESOLVER_V4);
    packet.extend(CLIENT_V4);
    packet.extend(options);
    packet.extend(payload);
    packet
}

/// IPv6 from the resolver to the client; extension headers are part of the payload.
pub(crate) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(length(payload.len()));
    packet.extend([next_header, 64]);
    packet.extend(RESOLVER_V6);
    packet.extend(CLIENT_V6);
    packet.extend(payload);
    packet
}

pub(crate) fn udp(source: u16, destination: u16, checksum: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(source.to_be_bytes());
    datagram.extend(destination.to_be_bytes());
    datagram.extend(length(8 + payload.len()));
    datagram.extend(checksum.to_be_bytes());
    datagram.extend(payload);
    datagram
}

/// A TCP segment from the same ports, its payload as if the header were UDP's 8 bytes longer.
pub(crate) fn tcp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(source.to_be_bytes());
    segment.extend(destination.to_be_bytes());
    segment.extend([
        0, 0, 0, 1, 0, 0, 0x80, 1, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0,
    ]);
    segment.extend(length(payload.len()));
    segment.extend(payload);
    segment
}

/// A DNS message with these flags and one question, `example. A IN`.
pub(crate) fn dns(flags: u16) -> Vec<u8> {
    let mut message = vec![0xab, 0xcd];
    message.extend(flags.to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(b"\x07example\0\0\x01\0\x01");
    message
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes)
        .expect("test packets are short")
        .to_be_bytes()
}
