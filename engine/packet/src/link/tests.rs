//! The link layers, one frame each, and hostile bytes for all.

use proptest::prelude::*;

use super::*;
use crate::Timestamp;

const V4: &[u8] = &[0x45, 0, 0, 20, 1, 2, 3, 4];
const V6: &[u8] = &[0x60, 0, 0, 0, 0, 0, 17, 64];
const MACS: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const SNAP: &[u8] = &[0xaa, 0xaa, 3, 0, 0, 0];
const ZEROS: &[u8] = &[0; 256];

/// Link types by their numbers: all that are read.
const NUMBERS: &[u32] = &[
    0, 1, 6, 7, 9, 10, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 129, 163, 192, 204, 228,
    229, 239, 253, 276, 281, 284, 285,
];

fn frame(number: u32, bytes: &[u8]) -> Frame<'_> {
    Frame {
        bytes,
        wire_bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        at: Timestamp::default(),
        link: LinkType::from_number(number),
        vlan: None,
    }
}

/// The protocol and the bytes that are found behind `parts`, in which the last stands for the
/// packet. Also cuts the frame at every byte: up to the packet that is damage, or what stands there
/// is no packet.
fn read(number: u32, parts: &[&[u8]]) -> Result<(u16, Vec<u8>), Reject> {
    let bytes = parts.concat();
    let whole = frame(number, &bytes);
    let found = network(&whole);
    if let Ok(found) = found {
        assert_eq!(
            &bytes[found.offset_in(&whole)..][..found.bytes.len()],
            found.bytes
        );
        for cut in 0..found.offset_in(&whole) {
            let cut = network(&frame(number, &bytes[..cut]));
            assert!(
                matches!(cut, Err(Reject::LinkDamaged | Reject::NotIp)),
                "{number}: {cut:?}"
            );
        }
    }
    found.map(|found| (found.protocol, found.bytes.to_vec()))
}

#[track_caller]
fn ipv4(number: u32, header: &[&[u8]]) {
    assert_eq!(
        read(number, &[header, &[V4]].concat()),
        Ok((IPV4, V4.to_vec()))
    );
}

#[track_caller]
fn ipv6(number: u32, header: &[&[u8]]) {
    assert_eq!(
        read(number, &[header, &[V6]].concat()),
        Ok((IPV6, V6.to_vec()))
    );
}

#[track_caller]
fn refused(number: u32, parts: &[&[u8]], reason: Reject) {
    assert_eq!(read(number, parts), Err(reason));
}

#[test]
fn numbers() {
    for number in NUMBERS {
        let link = LinkType::from_number(*number);
        assert_ne!(link, LinkType::Unsupported(*number));
        let dlt = link.dlt().expect("it has a number");
        assert_eq!(LinkType::from_number(dlt), link);
    }
    assert_eq!(LinkType::from_number(147).dlt(), Some(147));
    refused(147, &[ZEROS], Reject::LinkType);
}

#[test]
fn interfaces() {
    let of = LinkType::from_hardware;
    assert_eq!(of(1), Some(LinkType::Ethernet));
    assert_eq!(of(772), Some(LinkType::Ethernet));
    for tunnel in [512, 519, 768, 769, 776, 778, 823, 65534] {
        assert_eq!(of(tunnel), Some(LinkType::Ip));
    }
    assert_eq!(of(803), Some(LinkType::Radiotap));
    assert_eq!(of(280), None);
}

#[test]
fn ethernet_and_tags() {
    ipv4(1, &[MACS, &[0x08, 0x00]]);
    ipv6(1, &[MACS, &[0x86, 0xdd]]);
    for tag in [[0x81, 0x00, 0, 7], [0x88, 0xa8, 0, 7], [0x91, 0x00, 0, 7]] {
        ipv4(1, &[MACS, &tag, &[0x08, 0x00]]);
        ipv6(1, &[MACS, &tag, &[0x81, 0, 0, 9], &[0x86, 0xdd]]);
        ipv4(
            1,
            &[
                MACS,
                &[0x88, 0xa8, 0, 1],
                &[0x91, 0, 0, 2],
                &tag,
                &tag,
                &[0x08, 0x00],
            ],
        );
    }
    let tags = [0x81, 0x00, 0, 7].repeat(8);
    ipv4(1, &[MACS, &tags, &[0x08, 0x00]]);
    let tags = [0x81, 0x00, 0, 7].repeat(64);
    refused(1, &[MACS, &tags, &[0x08, 0x00], V4], Reject::LinkDamaged);
}

#[test]
fn what_is_not_ip_keeps_its_ether_type() {
    assert_eq!(
        read(1, &[MACS, &[0x08, 0x06], &[1; 28]]),
        Ok((0x0806, vec![1; 28]))
    );
}

#[test]
fn lengths_and_llc() {
    ipv4(1, &[MACS, &[0, 16], SNAP, &[0x08, 0x00]]);
    ipv4(1, &[MACS, &[0x81, 0, 0, 1], &[0, 16], SNAP, &[0x08, 0x00]]);
    ipv4(1, &[MACS, &[0, 16], SNAP, &[0x81, 0, 0, 1], &[0x08, 0x00]]);
    ipv6(
        1,
        &[MACS, &[0, 16], &[0xaa, 0xaa, 3, 0, 0, 0xf8], &[0x86, 0xdd]],
    );
    ipv4(1, &[MACS, &[0, 11], &[6, 6, 3]]);
    refused(1, &[MACS, &[0, 3], &[0x42, 0x42, 3]], Reject::NotIp);
    refused(1, &[MACS, &[0, 20], SNAP, &[0x01, 0x37], V4], Reject::NotIp);
}

#[test]
fn switch_tags() {
    for number in [281, 284] {
        ipv4(number, &[MACS, &[0xc0, 1, 2, 3], &[0x08, 0x00]]);
    }
    ipv6(
        285,
        &[MACS, &[0xda, 0xda, 0, 0, 0xc0, 1, 2, 3], &[0x86, 0xdd]],
    );
    ipv6(
        284,
        &[MACS, &[0xc0, 1, 2, 3], &[0x81, 0, 0, 1], &[0x86, 0xdd]],
    );
}

#[test]
fn token_ring_and_fddi() {
    ipv4(6, &[&[0x10, 0x40], MACS, SNAP, &[0x08, 0x00]]);
    let routed = [&MACS[..6], &[0x82], &MACS[7..]].concat();
    ipv4(
        6,
        &[
            &[0x10, 0x40],
            &routed,
            &[0x06, 0x30, 0, 1, 0, 2],
            SNAP,
            &[0x08, 0x00],
        ],
    );
    ipv6(10, &[&[0x50], MACS, SNAP, &[0x86, 0xdd]]);
}

#[test]
fn arcnet() {
    ipv4(7, &[&[1, 2, 0xf0]]);
    ipv4(7, &[&[1, 2, 0xd4, 0, 0, 1]]);
    ipv6(7, &[&[1, 2, 0xc4, 0, 0, 1]]);
    ipv4(7, &[&[1, 2, 0xd4, 0xff, 0xff, 0xff, 0xd4, 0, 0, 1]]);
    ipv4(7, &[&[1, 2, 0xd4, 3, 0, 1]]);
    refused(7, &[&[1, 2, 0xd4, 4, 0, 1], V4], Reject::NotIp);
    refused(7, &[&[1, 2, 0xd5, 0, 0, 1], V4], Reject::NotIp);
    ipv4(129, &[&[1, 2, 0, 0, 0xf0]]);
    ipv4(129, &[&[1, 2, 0, 0, 0xd4, 0, 0, 1]]);
    ipv6(129, &[&[1, 2, 0, 0, 0xc4, 0, 0, 1]]);
}

#[test]
fn address_families() {
    ipv4(0, &[&[2, 0, 0, 0]]);
    ipv6(0, &[&[0, 0, 0, 30]]);
    ipv4(108, &[&[0, 0, 0, 2]]);
    ipv6(108, &[&[0, 0, 0, 24]]);
    refused(108, &[&[0, 0, 0, 7], &[1, 2, 3]], Reject::NotIp);
}

#[test]
fn raw() {
    for number in [12, 14, 101, 228, 229] {
        ipv4(number, &[]);
        ipv6(number, &[]);
        refused(number, &[&[0x50]], Reject::NotIp);
        refused(number, &[], Reject::LinkDamaged);
    }
}

#[test]
fn ppp() {
    ipv4(9, &[&[0xff, 0x03, 0x00, 0x21]]);
    ipv6(9, &[&[0xff, 0x03, 0x57]]);
    ipv6(9, &[&[0x00, 0x57]]);
    ipv4(9, &[&[0x21]]);
    ipv4(9, &[&[0x02, 0x81], &[0, 1, 0x01, 64]]);
    refused(9, &[&[0xff, 0x03, 0xc0, 0x21, 1]], Reject::NotIp);
    ipv4(204, &[&[1], &[0xff, 0x03, 0x00, 0x21]]);
    ipv4(50, &[&[0xff, 0x03, 0x00, 0x21]]);
    ipv6(50, &[&[0x0f, 0x00, 0x86, 0xdd]]);
}

#[test]
fn ppp_over_ethernet() {
    let session = &[0x11, 0, 0, 1, 0, 22, 0x00, 0x21];
    ipv4(51, &[session]);
    ipv4(1, &[MACS, &[0x88, 0x64], session]);
    ipv4(1, &[MACS, &[0x81, 0, 0, 5], &[0x88, 0x64], session]);
    refused(51, &[&[0x11, 0xa7, 0, 1, 0, 22], V4], Reject::NotIp);
    refused(51, &[&[0x21, 0, 0, 1, 0, 22], V4], Reject::LinkDamaged);
}

#[test]
fn cisco_hdlc() {
    ipv4(104, &[&[0x0f, 0, 0x08, 0x00]]);
    ipv6(104, &[&[0x8f, 0, 0x86, 0xdd]]);
    ipv4(104, &[&[0x0f, 0, 0x88, 0x47], &[0, 1, 0x01, 64]]);
}

#[test]
fn labels() {
    let mpls = [MACS, &[0x88, 0x47]].concat();
    let top: &[u8] = &[0x12, 0x34, 0x50, 64];
    let bottom: &[u8] = &[0x12, 0x34, 0x51, 64];
    ipv4(1, &[&mpls, bottom]);
    ipv6(1, &[&mpls, top, top, bottom]);
    ipv4(1, &[MACS, &[0x88, 0x48], bottom]);
    ipv4(1, &[&mpls, &top.repeat(15), bottom]);
    refused(
        1,
        &[&mpls, &top.repeat(16), bottom, V4],
        Reject::LinkDamaged,
    );
    refused(1, &[&mpls, bottom, &[0x10, 0, 0, 0x21], V4], Reject::NotIp);
}

#[test]
fn pseudowires() {
    let mpls = [MACS, &[0x88, 0x47], &[0x12, 0x34, 0x51, 64]].concat();
    let control: &[u8] = &[0, 0, 0, 9];
    for address in [0x00, 0x02, 0x12, 0x44, 0x60, 0xfe] {
        let inner = [&[address], &MACS[1..]].concat();
        ipv4(1, &[&mpls, control, &inner, &[0x08, 0x00]]);
        ipv6(
            1,
            &[&mpls, control, &inner, &[0x81, 0, 0, 1], &[0x86, 0xdd]],
        );
        // What starts like an IPv6 header is taken for one, and for IPv4 if its length can be.
        if address >> 4 != 6 {
            ipv4(1, &[&mpls, &[address & !7 | 2], &MACS[1..], &[0x08, 0x00]]);
        }
    }
    refused(
        1,
        &[&mpls, control, MACS, &[0x08, 0x06], &[0; 28]],
        Reject::NotIp,
    );
    refused(1, &[&mpls, control, MACS, &[0x08, 0x00], V6], Reject::NotIp);
    let endless = [control, MACS, &[0x88, 0x47], &[0, 1, 1, 64]]
        .concat()
        .repeat(40);
    refused(1, &[&mpls, &endless], Reject::LinkDamaged);
}

#[test]
fn cooked() {
    let cooked = |hardware: [u8; 2], protocol: [u8; 2]| {
        [&[0, 0], &hardware[..], &[0, 6], &[0; 8], &protocol].concat()
    };
    ipv4(113, &[&cooked([0, 1], [0x08, 0x00])]);
    ipv6(
        113,
        &[&cooked([0, 1], [0x81, 0x00]), &[0, 1], &[0x86, 0xdd]],
    );
    ipv4(113, &[&cooked([0, 1], [0x00, 0x04]), SNAP, &[0x08, 0x00]]);
    ipv4(
        113,
        &[
            &cooked([2, 0], [0x88, 0x64]),
            &[0x11, 0, 0, 1, 0, 9, 0, 0x21],
        ],
    );
    for protocol in [1, 3, 0x0c] {
        refused(113, &[&cooked([0, 1], [0, protocol]), V4], Reject::NotIp);
    }
    let cooked2 = |hardware: [u8; 2], protocol: [u8; 2]| {
        [&protocol[..], &[0; 6], &hardware, &[0, 6], &[0; 8]].concat()
    };
    ipv4(276, &[&cooked2([0, 1], [0x08, 0x00])]);
    ipv6(276, &[&cooked2([0xff, 0xfe], [0x86, 0xdd])]);
    refused(276, &[&cooked2([0, 1], [0, 1]), V4], Reject::NotIp);
}

/// An attribute of netlink, padded, in one byte order or the other.
fn attribute(big: bool, kind: u16, value: &[u8]) -> Vec<u8> {
    let both = |number: u16| {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let length = u16::try_from(4 + value.len()).expect("short");
    let mut bytes = [&both(length), &both(kind), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(big: bool, kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + content.len()).expect("short");
    if big {
        [
            &length.to_be_bytes()[..],
            &kind.to_be_bytes(),
            &[0; 10],
            content,
        ]
        .concat()
    } else {
        [
            &length.to_le_bytes()[..],
            &kind.to_le_bytes(),
            &[0; 10],
            content,
        ]
        .concat()
    }
}

#[test]
fn netfilter_log() {
    for big in [false, true] {
        let prefix = attribute(big, 10, &[b'x'; 300]);
        for (packet, protocol) in [(V4, IPV4), (V6, IPV6)] {
            let frame = [&[2, 0, 0, 5][..], &prefix, &attribute(big, 9, packet)].concat();
            assert_eq!(read(239, &[&frame]), Ok((protocol, packet.to_vec())));
        }
        refused(239, &[&[2, 0, 0, 5], &prefix], Reject::NotIp);
        refused(239, &[&[2, 0, 0, 5], &[0; 4], &prefix], Reject::LinkDamaged);
    }
}

#[test]
fn netlink() {
    let header = [&[0, 4, 3, 0x38][..], &[0; 10], &[0, 12]].concat();
    for big in [false, true] {
        let other = message(big, 0x0301, &[2, 0, 0, 5]);
        for (kind, payload) in [(0x0300, 10), (0x0400, 9)] {
            let content = [&[2, 0, 0, 5][..], &attribute(big, payload, V4)].concat();
            let packet = message(big, kind, &content);
            assert_eq!(read(253, &[&header, &packet]), Ok((IPV4, V4.to_vec())));
            assert_eq!(
                read(253, &[&header, &other, &packet]),
                Ok((IPV4, V4.to_vec()))
            );
            assert_eq!(read(113, &[&header, &packet]), Ok((IPV4, V4.to_vec())));
            let route = [&header[..15], &[0]].concat();
            refused(253, &[&route, &packet], Reject::NotIp);
        }
        refused(253, &[&header, &other, &other], Reject::NotIp);
        refused(253, &[&header, &other, &[0; 16]], Reject::LinkDamaged);
    }
}

#[test]
fn wireless_data() {
    let header = |kind: u8, flags: u8| [&[kind, flags, 0, 0], MACS, &[2; 6], &[0x10, 0]].concat();
    let ip: &[u8] = &[SNAP, &[0x08, 0x00]].concat();
    ipv4(105, &[&header(0x08, 1), ip]);
    ipv4(105, &[&header(0x08, 3), &[2; 6], ip]);
    ipv4(105, &[&header(0x88, 2), &[0, 0], ip]);
    ipv4(105, &[&header(0x88, 3), &[2; 6], &[0, 0], ip]);
    ipv4(105, &[&header(0x88, 0x82), &[0, 0], &[1, 2, 3, 4], ip]);
    ipv4(105, &[&header(0x88, 2), &[0x80, 0], MACS, &[0, 16], ip]);
    // Beacons, null data, encrypted data, another version, a later fragment.
    for (kind, flags) in [(0x80, 0), (0x48, 0), (0xc8, 0), (0x08, 0x41), (0x09, 1)] {
        refused(105, &[&header(kind, flags), ip, V4], Reject::NotIp);
    }
    let mut later = header(0x08, 1);
    later[22] |= 1;
    refused(105, &[&later, ip, V4], Reject::NotIp);
}

#[test]
fn headers_of_wireless_drivers() {
    let data = [&[0x88, 1, 0, 0], MACS, &[2; 6], &[0x10, 0], &[0, 0]].concat();
    let ip: &[u8] = &[SNAP, &[0x08, 0x00]].concat();
    ipv4(127, &[&[0, 0, 8, 0, 0, 0, 0, 0], &data, ip]);
    ipv4(127, &[&[0, 0, 9, 0, 2, 0, 0, 0, 0x10], &data, ip]);
    ipv4(127, &[&[0, 0, 9, 0, 2, 0, 0, 0, 0x20], &data, &[0, 0], ip]);
    let timed = [
        &[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0][..],
        &[0; 4],
        &[9; 8][..],
        &[0x20],
    ]
    .concat();
    ipv4(127, &[&timed, &data, &[0, 0], ip]);
    refused(
        127,
        &[&[1, 0, 8, 0, 0, 0, 0, 0], &data, ip, V4],
        Reject::LinkDamaged,
    );
    refused(
        127,
        &[&[0, 0, 7, 0, 0, 0, 0, 0], &data, ip, V4],
        Reject::LinkDamaged,
    );
    let endless = [&[0, 0, 64, 0][..], &[0xff; 60], &data, ip, V4].concat();
    refused(127, &[&endless], Reject::LinkDamaged);

    ipv4(119, &[&[0x44, 0, 0, 0, 144, 0, 0, 0], &[0; 136], &data, ip]);
    ipv4(119, &[&[0, 0, 0, 0x44, 0, 0, 0, 144], &[0; 136], &data, ip]);
    ipv4(
        163,
        &[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64], &[0; 56], &data, ip],
    );

    ipv4(192, &[&[0, 0, 8, 0, 105, 0, 0, 0], &data, ip]);
    ipv4(
        192,
        &[&[0, 0, 12, 0, 1, 0, 0, 0], &[0; 4], MACS, &[0x08, 0x00]],
    );
    refused(192, &[&[0, 0, 8, 0, 147, 0, 0, 0], V4], Reject::LinkType);
    let nested = [0, 0, 8, 0, 192, 0, 0, 0].repeat(64);
    refused(192, &[&nested], Reject::LinkDamaged);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        number in prop::sample::select(NUMBERS),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let frame = frame(number, &bytes);
        if let Ok(found) = network(&frame) {
            let at = found.offset_in(&frame);
            prop_assert_eq!(&bytes[at..][..found.bytes.len()], found.bytes);
        }
    }

    #[test]
    fn any_ether_types_are_read_or_refused(
        types in prop::collection::vec(
            prop::sample::select(vec![0x8100_u16, 0x88a8, 0x8847, 0x8864, 0x0800, 0x86dd, 16, 0x880b]),
            0..40,
        ),
        filling in prop::collection::vec(any::<u8>(), 4),
        wide in any::<bool>(),
    ) {
        let filling = if wide { &filling[..] } else { &filling[..2] };
        let nested: Vec<u8> = types.iter().flat_map(|kind| [&kind.to_be_bytes(), filling].concat()).collect();
        let bytes = [MACS, &nested].concat();
        if let Ok(found) = network(&frame(1, &bytes)) {
            prop_assert!(found.bytes.len() <= bytes.len() - 14);
        }
    }
}
