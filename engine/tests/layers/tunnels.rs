//! Each tunnel over IPv4 and over IPv6, with IPv4 and IPv6 inside, and the mirrors.

use crate::capture::{Capture, RAW, record, write_file};
use crate::frames::{Answer, Ends};
use crate::tshark;

pub(crate) const VXLAN: [u8; 8] = [8, 0, 0, 0, 0, 1, 2, 0];

/// A UDP tunnel over both versions.
fn over_udp(capture: Capture, port: u16, body: impl Fn(&Answer) -> Vec<u8>) -> Capture {
    [false, true].into_iter().fold(capture, |capture, v6| {
        capture.both(|answer| Ends::outer(v6, 1).udp(50_000, port, &body(answer)))
    })
}

/// A tunnel that is an IP protocol, over both versions.
fn over_ip(capture: Capture, protocol: u8, body: impl Fn(&Answer) -> Vec<u8>) -> Capture {
    [false, true].into_iter().fold(capture, |capture, v6| {
        capture.both(|answer| Ends::outer(v6, 1).packet(protocol, &body(answer)))
    })
}

fn ethernet(header: &[u8]) -> impl Fn(&Answer) -> Vec<u8> {
    move |answer| [header, &answer.ethernet()].concat()
}

#[test]
fn vxlan() {
    over_udp(Capture::new(RAW), 4789, ethernet(&VXLAN)).check("vxlan");
    over_udp(Capture::new(RAW), 8472, ethernet(&VXLAN))
        .dissect("-d", "udp.port==8472,vxlan")
        .check("vxlan-linux");
}

/// RFC 8926, with so many words of options: each has a class, a type and its length.
pub(crate) fn geneve(ether_type: [u8; 2], options: u8) -> Vec<u8> {
    let options = [1, 2, 3, 0].repeat(usize::from(options));
    let words = u8::try_from(options.len() / 4).expect("at most 63");
    [&[words, 0][..], &ether_type, &[0, 0, 7, 0], &options].concat()
}

#[test]
fn geneve_with_options() {
    let mut capture = Capture::new(RAW);
    for options in [0, 1, 5] {
        capture = over_udp(capture, 6081, |answer| {
            [geneve(answer.ether_type(), options), answer.packet()].concat()
        });
        capture = over_udp(capture, 6081, ethernet(&geneve([0x65, 0x58], options)));
    }
    capture.check("geneve");
}

/// RFC 2890, with the fields that `flags` call for.
pub(crate) fn gre(flags: u8, protocol: [u8; 2]) -> Vec<u8> {
    let fields = [0, 0, 0, 9].repeat(usize::try_from(flags.count_ones()).expect("at most 8"));
    [&[flags, 0][..], &protocol, &fields].concat()
}

#[test]
fn gre_with_options() {
    let mut capture = Capture::new(RAW);
    for flags in [0, 0x80, 0x20, 0x10, 0x30, 0xb0] {
        capture = over_ip(capture, 47, |answer| {
            [gre(flags, answer.ether_type()), answer.packet()].concat()
        });
        capture = over_ip(capture, 47, ethernet(&gre(flags, [0x65, 0x58])));
    }
    capture.check("gre");
}

#[test]
fn gre_with_labels() {
    let labels = [gre(0x20, [0x88, 0x47]), vec![0x23, 0x45, 0x61, 64]].concat();
    over_ip(Capture::new(RAW), 47, |answer| {
        [&labels[..], &answer.packet()].concat()
    })
    .check("gre-mpls");
}

#[test]
fn gre_over_udp() {
    let body = |answer: &Answer| [gre(0x20, answer.ether_type()), answer.packet()].concat();
    over_udp(Capture::new(RAW), 4754, body).check("gre-udp");
}

#[test]
fn erspan() {
    let type_1 = gre(0, [0x88, 0xbe]);
    let type_2 = [gre(0x10, [0x88, 0xbe]), vec![0x10, 5, 0x18, 1, 0, 0, 0, 2]].concat();
    let type_3 = |last: u8| {
        let start = [0x20, 5, 0x18, 1, 0, 0, 0, 3, 0, 0, 0, last];
        [&gre(0x10, [0x22, 0xeb])[..], &start].concat()
    };
    // The platform's header of identifier 3 has an index and time.
    let platform = [type_3(1), vec![0x0c, 0, 0, 0, 0, 0, 0, 1]].concat();
    let capture = over_ip(Capture::new(RAW), 47, ethernet(&type_1));
    let capture = over_ip(capture, 47, ethernet(&type_2));
    let capture = over_ip(capture, 47, ethernet(&type_3(0)));
    over_ip(capture, 47, ethernet(&platform)).check("erspan");
}

/// 3GPP TS 29.281 section 5.1, with optional fields.
pub(crate) fn gtp(flags: u8, optional: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(optional.len() + payload.len())
        .expect("short")
        .to_be_bytes();
    [
        &[0x30 | flags, 255][..],
        &length,
        &[0, 0, 0, 5],
        optional,
        payload,
    ]
    .concat()
}

#[test]
fn gtp_with_extensions() {
    let mut capture = Capture::new(RAW);
    // Sequence; number of the packet; the container of a PDU session (3GPP TS 38.415), alone and behind the UDP
    // port's header.
    let extensions: [(u8, &[u8]); 5] = [
        (0, &[]),
        (2, &[0, 9, 0, 0]),
        (1, &[0, 0, 9, 0]),
        (4, &[0, 0, 0, 0x85, 1, 0x10, 9, 0]),
        (6, &[0, 9, 0, 0x40, 1, 0x12, 0x34, 0x85, 1, 0x10, 9, 0]),
    ];
    for (flags, optional) in extensions {
        capture = over_udp(capture, 2152, |answer| {
            gtp(flags, optional, &answer.packet())
        });
    }
    capture.check("gtp");
}

#[test]
fn ip_in_ip() {
    let protocol = |answer: &Answer| if answer.ends.is_v6() { 41 } else { 4 };
    [false, true]
        .into_iter()
        .fold(Capture::new(RAW), |capture, v6| {
            capture.both(|answer| Ends::outer(v6, 1).packet(protocol(answer), &answer.packet()))
        })
        .check("ip-in-ip");
}

#[test]
fn juniper_mirror() {
    let body = |answer: &Answer| [&[0, 0, 0, 1, 0, 0, 0, 2][..], &answer.packet()].concat();
    over_udp(Capture::new(RAW), 30_030, body)
        .option("-J", "30030")
        .dissect("-d", "udp.port==30030,jmirror")
        .check("jmirror");
}

/// tshark knows no such dissector. But what the datagrams carry are the records of a capture file, so they are
/// made one.
#[test]
fn records_of_a_capture() {
    let capture =
        over_udp(Capture::new(RAW), 9000, |answer| record(&answer.ethernet())).option("-X", "9000");
    let path = capture.write("pcap-record");
    capture.check_sensor(&path);
    if let Some(records) = tshark::payloads(&path) {
        let unpacked = write_file("pcap-record-unpacked", 1, &records.concat());
        assert_eq!(capture.dissected(&unpacked), capture.expected());
    }
}
