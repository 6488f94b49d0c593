//! Each tunnel over IPv4 and over IPv6, with IPv4 and IPv6 inside, and the mirrors.

use std::path::Path;

use dnsflow_testkit::packets::{ETHERNET, Ends, RAW_IP, Response, geneve, gre, gtp, vxlan};
use dnsflow_testkit::requirements::programs;
use dnsflow_testkit::tshark;

use crate::capture::{Capture, record};

/// The GRE protocol and EtherType of Ethernet inside (RFC 1701: transparent bridging).
const BRIDGED: u16 = 0x6558;

/// A UDP tunnel over both versions.
fn over_udp(capture: Capture, port: u16, body: impl Fn(&Response) -> Vec<u8>) -> Capture {
    [false, true].into_iter().fold(capture, |capture, v6| {
        capture.both(|response| Ends::outer(v6, 1).udp(50_000, port, &body(response)))
    })
}

/// A tunnel that is an IP protocol, over both versions.
fn over_ip(capture: Capture, protocol: u8, body: impl Fn(&Response) -> Vec<u8>) -> Capture {
    [false, true].into_iter().fold(capture, |capture, v6| {
        capture.both(|response| Ends::outer(v6, 1).ip(protocol, &body(response)))
    })
}

#[test]
fn vxlan_of_either_port() {
    let body = |response: &Response| vxlan(&response.ethernet());
    over_udp(Capture::new(RAW_IP), 4789, body).check("vxlan");
    over_udp(Capture::new(RAW_IP), 8472, body)
        .dissect("-d", "udp.port==8472,vxlan")
        .check("vxlan-linux");
}

#[test]
fn geneve_with_options() {
    let mut capture = Capture::new(RAW_IP);
    for options in [0, 1, 5] {
        capture = over_udp(capture, 6081, |response| {
            geneve(options, response.ends.ether_type(), &response.packet())
        });
        capture = over_udp(capture, 6081, |response| {
            geneve(options, BRIDGED, &response.ethernet())
        });
    }
    capture.check("geneve");
}

#[test]
fn gre_with_options() {
    let mut capture = Capture::new(RAW_IP);
    for flags in [0, 0x80, 0x20, 0x10, 0x30, 0xb0] {
        capture = over_ip(capture, 47, |response| {
            gre(flags, response.ends.ether_type(), &response.packet())
        });
        capture = over_ip(capture, 47, |response| {
            gre(flags, BRIDGED, &response.ethernet())
        });
    }
    capture.check("gre");
}

#[test]
fn gre_with_labels() {
    let label = [0x23, 0x45, 0x61, 64];
    over_ip(Capture::new(RAW_IP), 47, |response| {
        gre(0x20, 0x8847, &[&label[..], &response.packet()].concat())
    })
    .check("gre-mpls");
}

#[test]
fn gre_over_udp() {
    let body = |response: &Response| gre(0x20, response.ends.ether_type(), &response.packet());
    over_udp(Capture::new(RAW_IP), 4754, body).check("gre-udp");
}

#[test]
fn erspan() {
    let mirrored = |flags, protocol, header: &'static [u8]| {
        move |response: &Response| gre(flags, protocol, &[header, &response.ethernet()].concat())
    };
    let type_1 = mirrored(0, 0x88be, &[]);
    let type_2 = mirrored(0x10, 0x88be, &[0x10, 5, 0x18, 1, 0, 0, 0, 2]);
    let type_3 = mirrored(0x10, 0x22eb, &[0x20, 5, 0x18, 1, 0, 0, 0, 3, 0, 0, 0, 0]);
    // The platform's header of identifier 3 has an index and time.
    let platform = mirrored(
        0x10,
        0x22eb,
        &[
            0x20, 5, 0x18, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0x0c, 0, 0, 0, 0, 0, 0, 1,
        ],
    );
    let capture = over_ip(Capture::new(RAW_IP), 47, type_1);
    let capture = over_ip(capture, 47, type_2);
    let capture = over_ip(capture, 47, type_3);
    over_ip(capture, 47, platform).check("erspan");
}

#[test]
fn gtp_with_extensions() {
    let mut capture = Capture::new(RAW_IP);
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
        capture = over_udp(capture, 2152, |response| {
            gtp(flags, optional, &response.packet())
        });
    }
    capture.check("gtp");
}

#[test]
fn ip_in_ip() {
    let protocol = |response: &Response| if response.ends.is_ipv6() { 41 } else { 4 };
    [false, true]
        .into_iter()
        .fold(Capture::new(RAW_IP), |capture, v6| {
            capture.both(|response| Ends::outer(v6, 1).ip(protocol(response), &response.packet()))
        })
        .check("ip-in-ip");
}

#[test]
fn juniper_mirror() {
    let body = |response: &Response| [&[0, 0, 0, 1, 0, 0, 0, 2][..], &response.packet()].concat();
    over_udp(Capture::new(RAW_IP), 30_030, body)
        .option("-J", "30030")
        .dissect("-d", "udp.port==30030,jmirror")
        .check("jmirror");
}

/// tshark knows no such dissector. But what the datagrams carry are the records of a capture file, so they are
/// made one.
#[test]
fn records_of_a_capture() {
    let capture = over_udp(Capture::new(RAW_IP), 9000, |response| {
        record(&response.ethernet())
    })
    .option("-X", "9000");
    let path = capture.write("pcap-record");
    capture.check_sensor(&path);
    if programs("records_of_a_capture", &["tshark"]) {
        let unpacked = capture.write_records("unpacked", ETHERNET, &payloads(&path));
        assert_eq!(capture.dissected(&unpacked), capture.expected());
    }
}

/// The UDP payloads of all packets.
fn payloads(path: &Path) -> Vec<Vec<u8>> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("tshark writes hexadecimal");
        u8::from_str_radix(pair, 16).expect("tshark writes hexadecimal")
    };
    let rows = tshark::fields(path, &[""; 0], ["udp.payload"]);
    let payloads = rows.iter().map(|[text]| text.as_bytes().chunks(2));
    payloads.map(|pairs| pairs.map(byte).collect()).collect()
}
