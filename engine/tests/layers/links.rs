//! Each link type and what may stand between it and IP, and the extension headers of IPv6.

use crate::capture::{Capture, ETHERNET, RAW};
use crate::frames::{Answer, ethernet};

const MACS: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// A header, an EtherType, and the packet.
fn typed(header: &[u8], answer: &Answer) -> Vec<u8> {
    [header, &answer.ether_type(), &answer.packet()].concat()
}

/// IEEE 802.2 with SNAP (RFC 1042).
fn snap(header: &[u8], answer: &Answer) -> Vec<u8> {
    typed(&[header, &[0xaa, 0xaa, 3, 0, 0, 0]].concat(), answer)
}

#[test]
fn ethernet_and_tags() {
    let mut capture = Capture::new(ETHERNET).both(Answer::ethernet);
    for outer in [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00]] {
        for inner in [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00]] {
            let two = [&outer[..], &[0, 7], &inner, &[0, 8]].concat();
            capture = capture.both(|answer| typed(&[MACS, &outer, &[0x20, 7]].concat(), answer));
            capture = capture.both(|answer| typed(&[MACS, &two].concat(), answer));
            capture = capture.both(|answer| typed(&[MACS, &two, &two].concat(), answer));
        }
    }
    capture.check("tags");
}

#[test]
fn length_and_llc() {
    Capture::new(ETHERNET)
        .both(|answer| {
            let length = u16::try_from(8 + answer.packet().len())
                .expect("short")
                .to_be_bytes();
            snap(&[MACS, &length].concat(), answer)
        })
        .check("llc");
}

#[test]
fn token_ring_and_fddi() {
    let routed = [
        &MACS[..6],
        &[0x82],
        &MACS[7..],
        &[0x06, 0x30, 0, 0x11, 0, 0x20],
    ]
    .concat();
    Capture::new(6)
        .both(|answer| snap(&[&[0x10, 0x40], MACS].concat(), answer))
        .both(|answer| snap(&[&[0x10, 0x40][..], &routed].concat(), answer))
        .check("token-ring");
    Capture::new(10)
        .both(|answer| snap(&[&[0x50], MACS].concat(), answer))
        .check("fddi");
}

#[test]
fn address_families() {
    let family = |answer: &Answer| if answer.ends.is_v6() { 24 } else { 2 };
    Capture::new(0)
        .both(|answer| [&[family(answer), 0, 0, 0][..], &answer.packet()].concat())
        .both(|answer| [&[0, 0, 0, family(answer)][..], &answer.packet()].concat())
        .check("null");
    Capture::new(108)
        .both(|answer| [&[0, 0, 0, family(answer)][..], &answer.packet()].concat())
        .check("loop");
}

#[test]
fn raw() {
    Capture::new(RAW).both(Answer::packet).check("raw");
    Capture::new(12).both(Answer::packet).check("raw-12");
    Capture::new(14).both(Answer::packet).check("raw-14");
    Capture::new(228).one(false, Answer::packet).check("ipv4");
    Capture::new(229).one(true, Answer::packet).check("ipv6");
}

#[test]
fn cooked() {
    let version_1 =
        |hardware: [u8; 2]| [&[0, 0], &hardware[..], &[0, 6, 2, 0, 0, 0, 0, 2, 0, 0]].concat();
    Capture::new(113)
        .both(|answer| typed(&version_1([0, 1]), answer))
        .both(|answer| typed(&version_1([0xff, 0xfe]), answer))
        .both(|answer| typed(&[&version_1([0, 1])[..], &[0x81, 0, 0, 7]].concat(), answer))
        .both(|answer| snap(&[&version_1([0, 1])[..], &[0, 4]].concat(), answer))
        .check("cooked");
    let version_2 = [
        &[0, 0, 0, 0, 0, 2, 0, 1, 0, 6][..],
        &[2, 0, 0, 0, 0, 2, 0, 0],
    ]
    .concat();
    Capture::new(276)
        .both(|answer| [&answer.ether_type(), &version_2[..], &answer.packet()].concat())
        .both(|answer| typed(&[&[0x81, 0][..], &version_2, &[0, 7]].concat(), answer))
        .check("cooked-2");
}

fn ppp(answer: &Answer) -> Vec<u8> {
    [
        &[0, if answer.ends.is_v6() { 0x57 } else { 0x21 }][..],
        &answer.packet(),
    ]
    .concat()
}

fn pppoe(answer: &Answer) -> Vec<u8> {
    let ppp = ppp(answer);
    let length = u16::try_from(ppp.len()).expect("short").to_be_bytes();
    [&[0x11, 0, 0, 9][..], &length, &ppp].concat()
}

#[test]
fn point_to_point() {
    let framed = |answer: &Answer| [&[0xff, 3][..], &ppp(answer)].concat();
    Capture::new(9).both(ppp).both(framed).check("ppp");
    Capture::new(204)
        .both(|answer| [&[0][..], &framed(answer)].concat())
        .both(|answer| [&[1][..], &framed(answer)].concat())
        .check("ppp-direction");
    let cisco = |answer: &Answer| typed(&[0x0f, 0], answer);
    Capture::new(50)
        .both(framed)
        .both(cisco)
        .check("ppp-serial");
    Capture::new(104)
        .both(cisco)
        .both(|answer| typed(&[0x8f, 0], answer))
        .check("cisco-hdlc");
}

#[test]
fn point_to_point_over_ethernet() {
    Capture::new(51).both(pppoe).check("pppoe");
    Capture::new(ETHERNET)
        .both(|answer| ethernet([0x88, 0x64], &pppoe(answer)))
        .both(|answer| {
            ethernet(
                [0x81, 0],
                &[&[0, 7, 0x88, 0x64][..], &pppoe(answer)].concat(),
            )
        })
        .check("pppoe-ethernet");
}

#[test]
fn labels() {
    let (top, bottom) = ([0x12, 0x34, 0x50, 64], [0x23, 0x45, 0x61, 64]);
    let one = |answer: &Answer| [&bottom[..], &answer.packet()].concat();
    let two = |answer: &Answer| [&top[..], &one(answer)].concat();
    Capture::new(ETHERNET)
        .both(|answer| ethernet([0x88, 0x47], &one(answer)))
        .both(|answer| ethernet([0x88, 0x48], &one(answer)))
        .both(|answer| ethernet([0x88, 0x47], &two(answer)))
        .both(|answer| ethernet([0x81, 0], &[&[0, 7, 0x88, 0x47][..], &two(answer)].concat()))
        .check("mpls");
    Capture::new(9)
        .both(|answer| [&[0xff, 3, 0x02, 0x81][..], &two(answer)].concat())
        .check("mpls-ppp");
    let wire = |control: &[u8], answer: &Answer| {
        ethernet(
            [0x88, 0x47],
            &[&top, &bottom, control, &answer.ethernet()].concat(),
        )
    };
    Capture::new(ETHERNET)
        .both(|answer| wire(&[0, 0, 0, 0], answer))
        .both(|answer| wire(&[0, 0, 0, 9], answer))
        .dissect("-d", "mpls.label==144470,pwethcw")
        .check("pseudowire");
}

#[test]
fn pseudowires_without_control_word() {
    let vendor = [0x00, 0x1b, 0x21, 0, 0, 1, 0x00, 0x1b, 0x21, 0, 0, 2];
    let frame = |answer: &Answer| {
        let inner = typed(&vendor, answer);
        ethernet(
            [0x88, 0x47],
            &[&[0x23, 0x45, 0x61, 64][..], &inner].concat(),
        )
    };
    Capture::new(ETHERNET)
        .both(frame)
        .dissect("-d", "mpls.label==144470,pwethnocw")
        .check("pseudowire-bare");
}

#[test]
fn arcnet() {
    let protocol = |answer: &Answer| if answer.ends.is_v6() { 0xc4 } else { 0xd4 };
    Capture::new(7)
        .both(|answer| [&[1, 2, protocol(answer), 0, 0, 1][..], &answer.packet()].concat())
        .one(false, |answer| {
            [&[1, 2, 0xf0][..], &answer.packet()].concat()
        })
        .check("arcnet");
    Capture::new(129)
        .both(|answer| {
            [
                &[1, 2, 0, 0, protocol(answer), 0, 0, 1][..],
                &answer.packet(),
            ]
            .concat()
        })
        .one(false, |answer| {
            [&[1, 2, 0, 0, 0xf0][..], &answer.packet()].concat()
        })
        .check("arcnet-linux");
}

/// An IEEE 802.11 data frame from an access point.
fn wireless(answer: &Answer) -> Vec<u8> {
    snap(
        &[
            &[0x88, 2, 0, 0],
            MACS,
            &[2, 0, 0, 0, 0, 3, 0x10, 0],
            &[0, 0],
        ]
        .concat(),
        answer,
    )
}

#[test]
fn ieee_80211() {
    let plain = [&[0x08, 1, 0, 0], MACS, &[2, 0, 0, 0, 0, 3, 0x10, 0]].concat();
    let bridged = [
        &[0x08, 3, 0, 0],
        MACS,
        &[2, 0, 0, 0, 0, 3, 0x10, 0],
        &[2, 0, 0, 0, 0, 4],
    ]
    .concat();
    Capture::new(105)
        .both(wireless)
        .both(|answer| snap(&plain, answer))
        .both(|answer| snap(&bridged, answer))
        .both(|answer| {
            let start = [
                &[0x88, 2, 0, 0],
                MACS,
                &[2, 0, 0, 0, 0, 3, 0x10, 0],
                &[0x80, 0],
            ]
            .concat();
            let length = u16::try_from(8 + answer.packet().len())
                .expect("short")
                .to_be_bytes();
            snap(&[&start, MACS, &length].concat(), answer)
        })
        .check("80211");
}

#[test]
fn headers_of_wireless_drivers() {
    let timed = [
        &[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0][..],
        &[0; 4],
        &[9; 8],
        &[0],
    ]
    .concat();
    let padded = [0, 0, 9, 0, 2, 0, 0, 0, 0x20];
    Capture::new(127)
        .both(|answer| [&[0, 0, 8, 0, 0, 0, 0, 0][..], &wireless(answer)].concat())
        .both(|answer| [&timed, &wireless(answer)[..]].concat())
        .both(|answer| {
            let frame = wireless(answer);
            [&padded, &frame[..26], &[0, 0], &frame[26..]].concat()
        })
        .check("radiotap");
    Capture::new(119)
        .both(|answer| {
            let header = [&[0x44, 0, 0, 0, 144, 0, 0, 0][..], &[0; 136]].concat();
            [&header[..], &wireless(answer)].concat()
        })
        .check("prism");
    Capture::new(163)
        .both(|answer| {
            let header = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56]].concat();
            [&header[..], &wireless(answer)].concat()
        })
        .check("avs");
    Capture::new(192)
        .both(|answer| [&[0, 0, 8, 0, 105, 0, 0, 0][..], &wireless(answer)].concat())
        .both(|answer| [&[0, 0, 8, 0, 1, 0, 0, 0][..], &answer.ethernet()].concat())
        .check("ppi");
}

/// A netlink attribute in little endian order, padded.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("short");
    let mut bytes = [&length.to_le_bytes(), &kind.to_le_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[test]
fn netfilter() {
    let family = |answer: &Answer| if answer.ends.is_v6() { 10 } else { 2 };
    let header = |answer: &Answer| {
        let hook = [&answer.ether_type()[..], &[1, 0]].concat();
        [&[family(answer), 0, 0, 5][..], &attribute(1, &hook)].concat()
    };
    let log = |answer: &Answer| {
        [
            header(answer),
            attribute(10, b"prefix\0"),
            attribute(9, &answer.packet()),
        ]
        .concat()
    };
    Capture::new(239).both(log).check("nflog");
    let message = |kind: u16, content: &[u8]| {
        let length = u32::try_from(16 + content.len())
            .expect("short")
            .to_le_bytes();
        let netlink = [&[0, 4, 3, 0x38][..], &[0; 10], &[0, 12]].concat();
        [
            &netlink[..],
            &length,
            &kind.to_le_bytes(),
            &[0; 10],
            content,
        ]
        .concat()
    };
    let queued = |answer: &Answer| {
        let hook = [&[0, 0, 0, 1][..], &answer.ether_type(), &[3]].concat();
        let header = [&[family(answer), 0, 0, 5][..], &attribute(1, &hook)].concat();
        message(0x0300, &[header, attribute(10, &answer.packet())].concat())
    };
    Capture::new(253)
        .both(queued)
        .both(|answer| message(0x0400, &log(answer)))
        .check("netlink");
}

#[test]
fn extension_headers() {
    let behind = |first: u8, headers: &[u8], answer: &Answer| {
        let payload = [headers, &answer.datagram()].concat();
        ethernet([0x86, 0xdd], &answer.ends.packet(first, &payload))
    };
    // Hop-by-hop and destination options of padding; segment routing that has ended; authentication; a fragment
    // that is all of its datagram.
    let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let long = |next: u8| [&[next, 1, 1, 12][..], &[0; 12]].concat();
    let routing = |next: u8| [&[next, 2, 4, 0, 0, 0, 0, 0][..], &answer_segment()].concat();
    let authentication =
        |next: u8| [&[next, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1][..], &[7; 12]].concat();
    let atomic = |next: u8| [next, 0, 0, 0, 0, 0, 0, 9];
    Capture::new(ETHERNET)
        .one(true, |answer| behind(0, &options(17), answer))
        .one(true, |answer| behind(60, &long(17), answer))
        .one(true, |answer| behind(43, &routing(17), answer))
        .one(true, |answer| behind(51, &authentication(17), answer))
        .one(true, |answer| behind(44, &atomic(17), answer))
        .one(true, |answer| {
            let all = [
                &options(60)[..],
                &options(43),
                &routing(44),
                &atomic(51),
                &authentication(60),
                &long(17),
            ];
            behind(0, &all.concat(), answer)
        })
        .check("extensions");
}

/// The segment that a routing header has ended at: the client.
fn answer_segment() -> [u8; 16] {
    [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]
}
