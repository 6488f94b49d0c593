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
pub(crate) const MPLS_MULTICAST: u16 = 0x8848;
pub(crate) const PPPOE_SESSION: u16 = 0x8864;
pub(crate) const PPPOE_DISCOVERY: u16 = 0x8863;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const DOT1Q: u16 = 0x8100;
pub(crate) const DOT1AD: u16 = 0x88a8;
pub(crate) const QINQ_OLD: u16 = 0x9100;

pub(crate) const HOP_BY_HOP: u8 = 0;
pub(crate) const ICMP: u8 = 1;
pub(crate) const IPIP: u8 = 4;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const IPV6_INSIDE: u8 = 41;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const GRE: u8 = 47;
pub(crate) const AUTHENTICATION: u8 = 51;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const DESTINATION: u8 = 60;
pub(crate) const SCTP: u8 = 132;

/// PPP protocols.
pub(crate) const PPP_IPV4: u16 = 0x0021;
pub(crate) const PPP_IPV6: u16 = 0x0057;
pub(crate) const PPP_MPLS: u16 = 0x0281;
pub(crate) const PPP_LCP: u16 = 0xc021;

/// GRE protocols besides the ethertypes.
pub(crate) const ERSPAN_II: u16 = 0x88be;
pub(crate) const ERSPAN_III: u16 = 0x22eb;

/// TCP flags of the segments of a connection.
pub(crate) const SYN_ACK: u8 = 0x12;
pub(crate) const PUSH_ACK: u8 = 0x18;
pub(crate) const FIN_ACK: u8 = 0x11;

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

/// A TCP segment with its payload, `flags` as in [`SYN_ACK`].
pub(crate) fn tcp(source: u16, destination: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(source.to_be_bytes());
    segment.extend(destination.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0, 0, 0x80, 1, 0x50, flags, 0xff, 0xff]);
    segment.extend([0; 4]);
    segment.extend(payload);
    segment
}

/// An MPLS stack of `labels`, the last one the bottom, over a packet.
pub(crate) fn mpls(labels: u8, packet: &[u8]) -> Vec<u8> {
    let mut stack = Vec::new();
    for label in 1..=labels {
        stack.extend([0, label, u8::from(label == labels) | 0x10, 64]);
    }
    stack.extend(packet);
    stack
}

/// A PPPoE session header with the PPP protocol (RFC 2516, section 4).
pub(crate) fn pppoe(protocol: u16, packet: &[u8]) -> Vec<u8> {
    let mut session = vec![0x11, 0, 0, 7];
    session.extend(length(2 + packet.len()));
    session.extend(protocol.to_be_bytes());
    session.extend(packet);
    session
}

/// An IEEE 802.3 frame, its type field the length of what follows, with these bytes as the header.
pub(crate) fn behind_llc(header: &[u8], packet: &[u8]) -> Vec<u8> {
    tagged_llc(&[], header, packet)
}

/// The same with a SNAP header below tags.
pub(crate) fn snap(tags: &[u16], ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let [high, low] = ethertype.to_be_bytes();
    tagged_llc(tags, &[0xaa, 0xaa, 3, 0, 0, 0, high, low], packet)
}

fn tagged_llc(tags: &[u16], header: &[u8], packet: &[u8]) -> Vec<u8> {
    let payload = [header, packet].concat();
    ethernet(tags, u16::from_be_bytes(length(payload.len())), &payload)
}

/// An IPv6 extension header of 8 bytes before `payload`, of a kind that has its length in it.
pub(crate) fn extension(next_header: u8, payload: &[u8]) -> Vec<u8> {
    [&[next_header, 0, 1, 4, 0, 0, 0, 0][..], payload].concat()
}

/// An IPv6 fragment header: offset in units of 8 bytes, and whether more follow.
pub(crate) fn fragment_v6(next_header: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![next_header, 0];
    header.extend((offset << 3 | u16::from(more)).to_be_bytes());
    header.extend([0, 0, 0, 9]);
    header.extend(payload);
    header
}

/// A GRE header without options over a packet (RFC 2784, section 2).
pub(crate) fn gre(protocol: u16, packet: &[u8]) -> Vec<u8> {
    [&[0, 0][..], &protocol.to_be_bytes(), packet].concat()
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
