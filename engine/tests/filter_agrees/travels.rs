//! Responses in everything that both sides know: transports, fragments, tags, labels, sessions, tunnels.

use dnsflow_packet::{Frame, LinkType, Timestamp};

use dnsflow_testkit::agreement::Seen;
use dnsflow_testkit::packets::{
    ACK, CLIENT_PORT, Ends, IPV6, Response, SYN_ACK, ether_type, ethernet, ethernet_of, geneve,
    gre, gtp, pppoe, snap, vxlan,
};

/// Packets that make one response at least, if what they are in is chosen.
pub(crate) struct Travel {
    pub(crate) name: String,
    pub(crate) packets: Vec<Seen>,
}

/// Every way to carry a response in every way to carry packets.
pub(crate) fn all() -> Vec<Travel> {
    let mut travels = Vec::new();
    for ipv6 in [false, true] {
        for (inner, packets) in carried(ipv6) {
            for (outer, frames) in carrying(&packets) {
                let packets = frames.iter().map(|frame| seen(frame)).collect();
                let name = format!("{inner}, {outer}, IPv6: {ipv6}");
                travels.push(Travel { name, packets });
            }
        }
    }
    travels
}

fn seen(frame: &[u8]) -> Seen {
    Seen::in_file(&Frame {
        bytes: frame,
        wire_bytes: u32::try_from(frame.len()).expect("a short packet"),
        at: Timestamp::default(),
        link: LinkType::Ethernet,
        vlan: None,
    })
}

/// The IP packets that a response is in.
fn carried(ipv6: bool) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let response = Response::new(Ends::new(ipv6, 7), "www.example", 40);
    let Response { ends, .. } = response;
    let stream = response.in_stream();
    let mut carried = vec![
        ("UDP", vec![response.packet()]),
        ("fragments", ends.fragments(7, &response.datagram(), 256)),
        // The ports alone, and not even the header.
        (
            "small fragments",
            ends.fragments(7, &response.datagram(), 8),
        ),
        (
            "TCP",
            vec![
                ends.tcp(CLIENT_PORT, 99, SYN_ACK, &[]),
                ends.tcp(CLIENT_PORT, 100, ACK, &stream[..30]),
                ends.tcp(CLIENT_PORT, 130, ACK, &stream[30..]),
            ],
        ),
    ];
    if ipv6 {
        // Each says what follows it, and that it has 8 bytes.
        let behind = |first: u8, headers: &[u8], transport: &[u8]| {
            ends.ip(first, &[headers, transport].concat())
        };
        let datagram = response.datagram();
        let options = [17, 0, 1, 4, 0, 0, 0, 0];
        let more = [[60, 0, 1, 4, 0, 0, 0, 0], options].concat();
        let alone = [17, 0, 0, 0, 0, 0, 0, 9];
        let segment = ends.tcp(CLIENT_PORT, 99, SYN_ACK, &stream);
        carried.extend([
            ("hop-by-hop options", vec![behind(0, &options, &datagram)]),
            ("two extension headers", vec![behind(0, &more, &datagram)]),
            ("a fragment alone", vec![behind(44, &alone, &datagram)]),
            (
                "TCP behind options",
                vec![behind(60, &[6, 0, 1, 4, 0, 0, 0, 0], &segment[40..])],
            ),
        ]);
    }
    carried
}

/// The frames that packets are in.
fn carrying(packets: &[Vec<u8>]) -> Vec<(String, Vec<Vec<u8>>)> {
    let each =
        |frame: &dyn Fn(&[u8]) -> Vec<u8>| packets.iter().map(|packet| frame(packet)).collect();
    let mut ways: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    for tags in [
        &[][..],
        &[0x8100],
        &[0x88a8],
        &[0x9100],
        &[0x88a8, 0x8100],
        &[0x8100, 0x9100, 0x88a8, 0x8100],
    ] {
        ways.push((
            format!("tags {tags:x?}"),
            each(&|packet| ethernet(tags, packet)),
        ));
    }
    ways.push((
        "two labels".to_owned(),
        each(&|packet| {
            let stack = [&[0, 1, 0, 64, 0, 2, 1, 64][..], packet].concat();
            ethernet_of(&[0x8100], 0x8847, &stack)
        }),
    ));
    ways.push((
        "PPPoE".to_owned(),
        each(&|packet| {
            let protocol = if ether_type(packet) == IPV6 {
                0x57
            } else {
                0x21
            };
            ethernet_of(&[], 0x8864, &pppoe(protocol, packet))
        }),
    ));
    ways.push((
        "SNAP".to_owned(),
        each(&|packet| snap(&[], ether_type(packet), packet)),
    ));
    for ipv6 in [false, true] {
        for (name, tunnel) in tunnels() {
            let outer = Ends::outer(ipv6, 1);
            let tunnelled = each(&|packet| ethernet(&[0x88a8, 0x8100], &tunnel(outer, packet)));
            ways.push((format!("{name}, outer IPv6: {ipv6}"), tunnelled));
            let nested = each(&|packet| {
                let inner = tunnel(Ends::outer(!ipv6, 2), packet);
                ethernet(&[], &tunnel(outer, &inner))
            });
            ways.push((format!("{name} twice, outer IPv6: {ipv6}"), nested));
        }
        let of = |(packet, number): (&Vec<u8>, u16)| {
            let outer = Ends::outer(ipv6, 1);
            let datagram = outer.udp_datagram(9, 4789, &vxlan(&ethernet(&[], packet)));
            let parts = outer.fragments(number, &datagram, 64);
            parts
                .iter()
                .map(|part| ethernet(&[], part))
                .collect::<Vec<_>>()
        };
        let fragments = packets.iter().zip(1..).flat_map(of).collect();
        ways.push((format!("VXLAN in fragments, IPv6: {ipv6}"), fragments));
    }
    ways
}

type Tunnel = fn(Ends, &[u8]) -> Vec<u8>;

fn tunnels() -> Vec<(&'static str, Tunnel)> {
    vec![
        ("VXLAN", |outer, packet| {
            outer.vxlan(9, &ethernet(&[], packet))
        }),
        ("VXLAN of Linux", |outer, packet| {
            outer.udp(9, 8472, &vxlan(&ethernet(&[], packet)))
        }),
        ("VXLAN from its port", |outer, packet| {
            outer.udp(4789, 9, &vxlan(&ethernet(&[0x8100], packet)))
        }),
        ("Geneve", |outer, packet| {
            outer.udp(9, 6081, &geneve(0, 0x6558, &ethernet(&[], packet)))
        }),
        ("Geneve from its port", |outer, packet| {
            outer.udp(6081, 9, &geneve(0, 0x6558, &ethernet(&[], packet)))
        }),
        ("GTP-U", |outer, packet| {
            outer.udp(9, 2152, &gtp(0, &[], packet))
        }),
        ("GTP-U from its port", |outer, packet| {
            outer.udp(2152, 9, &gtp(0, &[], packet))
        }),
        ("GRE", |outer, packet| outer.gre(ether_type(packet), packet)),
        ("GRE with Ethernet", |outer, packet| {
            outer.gre(0x6558, &ethernet(&[], packet))
        }),
        ("GRE over UDP", |outer, packet| {
            outer.udp(9, 4754, &gre(0, ether_type(packet), packet))
        }),
        ("GRE over UDP from its port", |outer, packet| {
            outer.udp(4754, 9, &gre(0, ether_type(packet), packet))
        }),
        ("ERSPAN I", |outer, packet| {
            outer.gre(0x88be, &ethernet(&[], packet))
        }),
        ("ERSPAN III", |outer, packet| {
            let header = [0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            outer.gre(0x22eb, &[&header[..], &ethernet(&[], packet)].concat())
        }),
        ("IP in IP", Ends::ip_in_ip),
        ("jmirror", |outer, packet| {
            outer.udp(9, 30030, &[&[0; 8][..], packet].concat())
        }),
        ("pcap record", |outer, packet| {
            outer.udp(9, 30031, &[&[0; 16][..], &ethernet(&[], packet)].concat())
        }),
    ]
}
