//! Each tunnel over IPv4 and over IPv6, with IPv4 and IPv6 inside, and the mirrors.

use super::{Capture, record};
use crate::packets::{Ends, IPV6, RAW_IP, Response, ethernet, geneve, gre, gtp, vxlan};

/// All of them that take no option of the sensor but `--decap`.
pub(super) fn all() -> Vec<Capture> {
    [
        vxlan_of_either_port(),
        geneve_with_options(),
        gre_with_options(),
        gre_with_labels(),
        gre_over_udp(),
        erspan(),
        gtp_with_extensions(),
        ip_in_ip(),
        four(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

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

/// VXLAN of either port.
#[must_use]
pub fn vxlan_of_either_port() -> Vec<Capture> {
    let body = |response: &Response| vxlan(&response.ethernet());
    vec![
        over_udp(Capture::new(RAW_IP), 4789, body).named("vxlan"),
        over_udp(Capture::new(RAW_IP), 8472, body)
            .dissect("-d", "udp.port==8472,vxlan")
            .named("vxlan-linux"),
    ]
}

/// Geneve with options.
#[must_use]
pub fn geneve_with_options() -> Vec<Capture> {
    let mut capture = Capture::new(RAW_IP);
    for options in [0, 1, 5] {
        capture = over_udp(capture, 6081, |response| {
            geneve(options, response.ends.ether_type(), &response.packet())
        });
        capture = over_udp(capture, 6081, |response| {
            geneve(options, BRIDGED, &response.ethernet())
        });
    }
    vec![capture.named("geneve")]
}

/// GRE with options.
#[must_use]
pub fn gre_with_options() -> Vec<Capture> {
    let mut capture = Capture::new(RAW_IP);
    for flags in [0, 0x80, 0x20, 0x10, 0x30, 0xb0] {
        capture = over_ip(capture, 47, |response| {
            gre(flags, response.ends.ether_type(), &response.packet())
        });
        capture = over_ip(capture, 47, |response| {
            gre(flags, BRIDGED, &response.ethernet())
        });
    }
    vec![capture.named("gre")]
}

/// GRE with labels.
#[must_use]
pub fn gre_with_labels() -> Vec<Capture> {
    let label = [0x23, 0x45, 0x61, 64];
    vec![
        over_ip(Capture::new(RAW_IP), 47, |response| {
            gre(0x20, 0x8847, &[&label[..], &response.packet()].concat())
        })
        .named("gre-mpls"),
    ]
}

/// GRE over UDP.
#[must_use]
pub fn gre_over_udp() -> Vec<Capture> {
    let body = |response: &Response| gre(0x20, response.ends.ether_type(), &response.packet());
    vec![over_udp(Capture::new(RAW_IP), 4754, body).named("gre-udp")]
}

/// ERSPAN.
#[must_use]
pub fn erspan() -> Vec<Capture> {
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
    vec![over_ip(capture, 47, platform).named("erspan")]
}

/// GTP-U with extensions.
#[must_use]
pub fn gtp_with_extensions() -> Vec<Capture> {
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
    vec![capture.named("gtp")]
}

/// IP in IP.
#[must_use]
pub fn ip_in_ip() -> Vec<Capture> {
    let protocol = |response: &Response| if response.ends.is_ipv6() { 41 } else { 4 };
    vec![
        [false, true]
            .into_iter()
            .fold(Capture::new(RAW_IP), |capture, v6| {
                capture
                    .both(|response| Ends::outer(v6, 1).ip(protocol(response), &response.packet()))
            })
            .named("ip-in-ip"),
    ]
}

/// Juniper mirror.
#[must_use]
pub fn juniper_mirror() -> Vec<Capture> {
    let body = |response: &Response| [&[0, 0, 0, 1, 0, 0, 0, 2][..], &response.packet()].concat();
    vec![
        over_udp(Capture::new(RAW_IP), 30_030, body)
            .option("-J", "30030")
            .dissect("-d", "udp.port==30030,jmirror")
            .named("jmirror"),
    ]
}

/// The records of a capture file in datagrams. tshark knows no such dissector.
#[must_use]
pub fn records_of_a_capture() -> Capture {
    let body = |response: &Response| record(&response.ethernet());
    over_udp(Capture::new(RAW_IP), 9000, body)
        .option("-X", "9000")
        .named("pcap-record")
}

/// Four tunnels of different kinds, in Ethernet and not, over both versions; `inside` is what the innermost
/// carries.
fn four_deep(inside: &[u8], kind: u16) -> Vec<u8> {
    let (v4, v6) = (false, true);
    let innermost = Ends::outer(v6, 4).udp(50_000, 6081, &geneve(1, kind, inside));
    let third = Ends::outer(v4, 3).udp(50_000, 2152, &gtp(2, &[0, 9, 0, 0], &innermost));
    let bridged = ethernet(&[], &third);
    let second = Ends::outer(v6, 2).ip(47, &gre(0x20, 0x6558, &bridged));
    Ends::outer(v4, 1).vxlan(50_000, &ethernet(&[], &second))
}

/// Four.
#[must_use]
pub fn four() -> Vec<Capture> {
    vec![
        Capture::new(RAW_IP)
            .both(|response| four_deep(&response.packet(), response.ends.ether_type()))
            .both(|response| {
                // Nothing but IP, four times.
                let protocol = if response.ends.is_ipv6() { 41 } else { 4 };
                let fourth = Ends::outer(true, 4).ip(protocol, &response.packet());
                let third = Ends::outer(false, 3).ip(41, &fourth);
                let second = Ends::outer(false, 2).ip(4, &third);
                Ends::outer(true, 1).ip(4, &second)
            })
            .named("four"),
    ]
}

/// Five tunnels inside each other, one more than are followed.
#[must_use]
pub fn five() -> Capture {
    let fifth = |response: &Response| {
        let inside = Ends::outer(true, 5).vxlan(50_000, &response.ethernet());
        four_deep(&inside, IPV6)
    };
    Capture::new(RAW_IP).both(fifth).named("five")
}
