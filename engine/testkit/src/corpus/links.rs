//! Each link type and what may stand between it and IP, and the extension headers of IPv6.

use super::Capture;
use crate::packets::{ETHERNET, RAW_IP, Response, ethernet_of, pppoe};

/// All of them.
pub(super) fn all() -> Vec<Capture> {
    [
        ethernet_and_tags(),
        length_and_llc(),
        token_ring_and_fddi(),
        address_families(),
        raw(),
        cooked(),
        point_to_point(),
        point_to_point_over_ethernet(),
        labels(),
        pseudowires_without_control_word(),
        arcnet(),
        ieee_80211(),
        headers_of_wireless_drivers(),
        netfilter(),
        extension_headers(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const MACS: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// A header, an EtherType, and the packet.
fn typed(header: &[u8], response: &Response) -> Vec<u8> {
    let kind = response.ends.ether_type().to_be_bytes();
    [header, &kind, &response.packet()].concat()
}

/// IEEE 802.2 with SNAP (RFC 1042).
fn snap(header: &[u8], response: &Response) -> Vec<u8> {
    typed(&[header, &[0xaa, 0xaa, 3, 0, 0, 0]].concat(), response)
}

/// Ethernet and tags.
#[must_use]
pub fn ethernet_and_tags() -> Vec<Capture> {
    let mut capture = Capture::new(ETHERNET).both(Response::ethernet);
    for outer in [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00]] {
        for inner in [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00]] {
            let two = [&outer[..], &[0, 7], &inner, &[0, 8]].concat();
            capture =
                capture.both(|response| typed(&[MACS, &outer, &[0x20, 7]].concat(), response));
            capture = capture.both(|response| typed(&[MACS, &two].concat(), response));
            capture = capture.both(|response| typed(&[MACS, &two, &two].concat(), response));
        }
    }
    vec![capture.named("tags")]
}

/// Length and LLC.
#[must_use]
pub fn length_and_llc() -> Vec<Capture> {
    vec![
        Capture::new(ETHERNET)
            .both(|response| {
                let length = u16::try_from(8 + response.packet().len())
                    .expect("short")
                    .to_be_bytes();
                snap(&[MACS, &length].concat(), response)
            })
            .named("llc"),
    ]
}

/// Token Ring and FDDI.
#[must_use]
pub fn token_ring_and_fddi() -> Vec<Capture> {
    let routed = [
        &MACS[..6],
        &[0x82],
        &MACS[7..],
        &[0x06, 0x30, 0, 0x11, 0, 0x20],
    ]
    .concat();
    vec![
        Capture::new(6)
            .both(|response| snap(&[&[0x10, 0x40], MACS].concat(), response))
            .both(|response| snap(&[&[0x10, 0x40][..], &routed].concat(), response))
            .named("token-ring"),
        Capture::new(10)
            .both(|response| snap(&[&[0x50], MACS].concat(), response))
            .named("fddi"),
    ]
}

/// Address families.
#[must_use]
pub fn address_families() -> Vec<Capture> {
    let family = |response: &Response| if response.ends.is_ipv6() { 24 } else { 2 };
    vec![
        Capture::new(0)
            .both(|response| [&[family(response), 0, 0, 0][..], &response.packet()].concat())
            .both(|response| [&[0, 0, 0, family(response)][..], &response.packet()].concat())
            .named("null"),
        Capture::new(108)
            .both(|response| [&[0, 0, 0, family(response)][..], &response.packet()].concat())
            .named("loop"),
    ]
}

/// Raw.
#[must_use]
pub fn raw() -> Vec<Capture> {
    vec![
        Capture::new(RAW_IP).both(Response::packet).named("raw"),
        Capture::new(12).both(Response::packet).named("raw-12"),
        Capture::new(14).both(Response::packet).named("raw-14"),
        Capture::new(228).one(false, Response::packet).named("ipv4"),
        Capture::new(229).one(true, Response::packet).named("ipv6"),
    ]
}

/// Cooked.
#[must_use]
pub fn cooked() -> Vec<Capture> {
    let version_1 =
        |hardware: [u8; 2]| [&[0, 0], &hardware[..], &[0, 6, 2, 0, 0, 0, 0, 2, 0, 0]].concat();
    let version_2 = [
        &[0, 0, 0, 0, 0, 2, 0, 1, 0, 6][..],
        &[2, 0, 0, 0, 0, 2, 0, 0],
    ]
    .concat();
    vec![
        Capture::new(113)
            .both(|response| typed(&version_1([0, 1]), response))
            .both(|response| typed(&version_1([0xff, 0xfe]), response))
            .both(|response| {
                typed(
                    &[&version_1([0, 1])[..], &[0x81, 0, 0, 7]].concat(),
                    response,
                )
            })
            .both(|response| snap(&[&version_1([0, 1])[..], &[0, 4]].concat(), response))
            .named("cooked"),
        Capture::new(276)
            .both(|response| {
                [
                    &response.ends.ether_type().to_be_bytes(),
                    &version_2[..],
                    &response.packet(),
                ]
                .concat()
            })
            .both(|response| typed(&[&[0x81, 0][..], &version_2, &[0, 7]].concat(), response))
            .named("cooked-2"),
    ]
}

fn ppp(response: &Response) -> Vec<u8> {
    [
        &[0, if response.ends.is_ipv6() { 0x57 } else { 0x21 }][..],
        &response.packet(),
    ]
    .concat()
}

fn session(response: &Response) -> Vec<u8> {
    let protocol = if response.ends.is_ipv6() { 0x57 } else { 0x21 };
    pppoe(protocol, &response.packet())
}

/// Point to point.
#[must_use]
pub fn point_to_point() -> Vec<Capture> {
    let framed = |response: &Response| [&[0xff, 3][..], &ppp(response)].concat();
    let cisco = |response: &Response| typed(&[0x0f, 0], response);
    vec![
        Capture::new(9).both(ppp).both(framed).named("ppp"),
        Capture::new(204)
            .both(|response| [&[0][..], &framed(response)].concat())
            .both(|response| [&[1][..], &framed(response)].concat())
            .named("ppp-direction"),
        Capture::new(50)
            .both(framed)
            .both(cisco)
            .named("ppp-serial"),
        Capture::new(104)
            .both(cisco)
            .both(|response| typed(&[0x8f, 0], response))
            .named("cisco-hdlc"),
    ]
}

/// Point to point over Ethernet.
#[must_use]
pub fn point_to_point_over_ethernet() -> Vec<Capture> {
    vec![
        Capture::new(51).both(session).named("pppoe"),
        Capture::new(ETHERNET)
            .both(|response| ethernet_of(&[], 0x8864, &session(response)))
            .both(|response| ethernet_of(&[0x8100], 0x8864, &session(response)))
            .named("pppoe-ethernet"),
    ]
}

/// Labels.
#[must_use]
pub fn labels() -> Vec<Capture> {
    let (top, bottom) = ([0x12, 0x34, 0x50, 64], [0x23, 0x45, 0x61, 64]);
    let one = |response: &Response| [&bottom[..], &response.packet()].concat();
    let two = |response: &Response| [&top[..], &one(response)].concat();
    let wire = |control: &[u8], response: &Response| {
        ethernet_of(
            &[],
            0x8847,
            &[&top, &bottom, control, &response.ethernet()].concat(),
        )
    };
    vec![
        Capture::new(ETHERNET)
            .both(|response| ethernet_of(&[], 0x8847, &one(response)))
            .both(|response| ethernet_of(&[], 0x8848, &one(response)))
            .both(|response| ethernet_of(&[], 0x8847, &two(response)))
            .both(|response| ethernet_of(&[0x8100], 0x8847, &two(response)))
            .named("mpls"),
        Capture::new(9)
            .both(|response| [&[0xff, 3, 0x02, 0x81][..], &two(response)].concat())
            .named("mpls-ppp"),
        Capture::new(ETHERNET)
            .both(|response| wire(&[0, 0, 0, 0], response))
            .both(|response| wire(&[0, 0, 0, 9], response))
            .dissect("-d", "mpls.label==144470,pwethcw")
            .named("pseudowire"),
    ]
}

/// Pseudowires without control word.
#[must_use]
pub fn pseudowires_without_control_word() -> Vec<Capture> {
    let vendor = [0x00, 0x1b, 0x21, 0, 0, 1, 0x00, 0x1b, 0x21, 0, 0, 2];
    let frame = |response: &Response| {
        let inner = typed(&vendor, response);
        ethernet_of(&[], 0x8847, &[&[0x23, 0x45, 0x61, 64][..], &inner].concat())
    };
    vec![
        Capture::new(ETHERNET)
            .both(frame)
            .dissect("-d", "mpls.label==144470,pwethnocw")
            .named("pseudowire-bare"),
    ]
}

/// ARCNET.
#[must_use]
pub fn arcnet() -> Vec<Capture> {
    let protocol = |response: &Response| if response.ends.is_ipv6() { 0xc4 } else { 0xd4 };
    vec![
        Capture::new(7)
            .both(|response| {
                [&[1, 2, protocol(response), 0, 0, 1][..], &response.packet()].concat()
            })
            .one(false, |response| {
                [&[1, 2, 0xf0][..], &response.packet()].concat()
            })
            .named("arcnet"),
        Capture::new(129)
            .both(|response| {
                [
                    &[1, 2, 0, 0, protocol(response), 0, 0, 1][..],
                    &response.packet(),
                ]
                .concat()
            })
            .one(false, |response| {
                [&[1, 2, 0, 0, 0xf0][..], &response.packet()].concat()
            })
            .named("arcnet-linux"),
    ]
}

/// An IEEE 802.11 data frame from an access point.
fn wireless(response: &Response) -> Vec<u8> {
    snap(
        &[
            &[0x88, 2, 0, 0],
            MACS,
            &[2, 0, 0, 0, 0, 3, 0x10, 0],
            &[0, 0],
        ]
        .concat(),
        response,
    )
}

/// IEEE 802.11.
#[must_use]
pub fn ieee_80211() -> Vec<Capture> {
    let plain = [&[0x08, 1, 0, 0], MACS, &[2, 0, 0, 0, 0, 3, 0x10, 0]].concat();
    let bridged = [
        &[0x08, 3, 0, 0],
        MACS,
        &[2, 0, 0, 0, 0, 3, 0x10, 0],
        &[2, 0, 0, 0, 0, 4],
    ]
    .concat();
    vec![
        Capture::new(105)
            .both(wireless)
            .both(|response| snap(&plain, response))
            .both(|response| snap(&bridged, response))
            .both(|response| {
                let start = [
                    &[0x88, 2, 0, 0],
                    MACS,
                    &[2, 0, 0, 0, 0, 3, 0x10, 0],
                    &[0x80, 0],
                ]
                .concat();
                let length = u16::try_from(8 + response.packet().len())
                    .expect("short")
                    .to_be_bytes();
                snap(&[&start, MACS, &length].concat(), response)
            })
            .named("80211"),
    ]
}

/// Headers of wireless drivers.
#[must_use]
pub fn headers_of_wireless_drivers() -> Vec<Capture> {
    let timed = [
        &[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0][..],
        &[0; 4],
        &[9; 8],
        &[0],
    ]
    .concat();
    let padded = [0, 0, 9, 0, 2, 0, 0, 0, 0x20];
    vec![
        Capture::new(127)
            .both(|response| [&[0, 0, 8, 0, 0, 0, 0, 0][..], &wireless(response)].concat())
            .both(|response| [&timed, &wireless(response)[..]].concat())
            .both(|response| {
                let frame = wireless(response);
                [&padded, &frame[..26], &[0, 0], &frame[26..]].concat()
            })
            .named("radiotap"),
        Capture::new(119)
            .both(|response| {
                let header = [&[0x44, 0, 0, 0, 144, 0, 0, 0][..], &[0; 136]].concat();
                [&header[..], &wireless(response)].concat()
            })
            .named("prism"),
        Capture::new(163)
            .both(|response| {
                let header = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56]].concat();
                [&header[..], &wireless(response)].concat()
            })
            .named("avs"),
        Capture::new(192)
            .both(|response| [&[0, 0, 8, 0, 105, 0, 0, 0][..], &wireless(response)].concat())
            .both(|response| [&[0, 0, 8, 0, 1, 0, 0, 0][..], &response.ethernet()].concat())
            .named("ppi"),
    ]
}

/// A netlink attribute in little endian order, padded.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("short");
    let mut bytes = [&length.to_le_bytes(), &kind.to_le_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Netfilter.
#[must_use]
pub fn netfilter() -> Vec<Capture> {
    let family = |response: &Response| if response.ends.is_ipv6() { 10 } else { 2 };
    let header = |response: &Response| {
        let hook = [&response.ends.ether_type().to_be_bytes()[..], &[1, 0]].concat();
        [&[family(response), 0, 0, 5][..], &attribute(1, &hook)].concat()
    };
    let log = |response: &Response| {
        [
            header(response),
            attribute(10, b"prefix\0"),
            attribute(9, &response.packet()),
        ]
        .concat()
    };
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
    let queued = |response: &Response| {
        let hook = [
            &[0, 0, 0, 1][..],
            &response.ends.ether_type().to_be_bytes(),
            &[3],
        ]
        .concat();
        let header = [&[family(response), 0, 0, 5][..], &attribute(1, &hook)].concat();
        message(
            0x0300,
            &[header, attribute(10, &response.packet())].concat(),
        )
    };
    vec![
        Capture::new(239).both(log).named("nflog"),
        Capture::new(253)
            .both(queued)
            .both(|response| message(0x0400, &log(response)))
            .named("netlink"),
    ]
}

/// Extension headers.
#[must_use]
pub fn extension_headers() -> Vec<Capture> {
    let behind = |first: u8, headers: &[u8], response: &Response| {
        let payload = [headers, &response.datagram()].concat();
        ethernet_of(&[], 0x86dd, &response.ends.ip(first, &payload))
    };
    // Hop-by-hop and destination options of padding; segment routing that has ended; authentication; a fragment
    // that is all of its datagram.
    let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let long = |next: u8| [&[next, 1, 1, 12][..], &[0; 12]].concat();
    let routing = |next: u8| [&[next, 2, 4, 0, 0, 0, 0, 0][..], &answer_segment()].concat();
    let authentication =
        |next: u8| [&[next, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1][..], &[7; 12]].concat();
    let atomic = |next: u8| [next, 0, 0, 0, 0, 0, 0, 9];
    vec![
        Capture::new(ETHERNET)
            .one(true, |response| behind(0, &options(17), response))
            .one(true, |response| behind(60, &long(17), response))
            .one(true, |response| behind(43, &routing(17), response))
            .one(true, |response| behind(51, &authentication(17), response))
            .one(true, |response| behind(44, &atomic(17), response))
            .one(true, |response| {
                let all = [
                    &options(60)[..],
                    &options(43),
                    &routing(44),
                    &atomic(51),
                    &authentication(60),
                    &long(17),
                ];
                behind(0, &all.concat(), response)
            })
            .named("extensions"),
    ]
}

/// The segment that a routing header has ended at: the client.
fn answer_segment() -> [u8; 16] {
    [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]
}
