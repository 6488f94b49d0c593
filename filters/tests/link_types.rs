//! The programs of link types other than Ethernet, and of packets at other offsets, against those
//! that the table of frames and libpcap vouch for.

use dnsflow_filters::{Interpreter, Packet, capture_filter, compile, ip_expression};
use dnsflow_packet::tunnel::{Kind, Tunnels};
use dnsflow_packet::{LinkType, Selection};
use dnsflow_testkit::frames::{
    self,
    build::{DOT1Q, IPV4, IPV6, ethernet_of},
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Link types as capture files number them.
const NULL: u32 = 0;
const ETHERNET: u32 = 1;
const TOKEN_RING: u32 = 6;
const ARCNET: u32 = 7;
const PPP: u32 = 9;
const FDDI: u32 = 10;
const RAW: u32 = 12;
const RAW_IP: u32 = 101;
const CISCO_HDLC: u32 = 104;
const WIRELESS: u32 = 105;
const LOOP: u32 = 108;
const COOKED: u32 = 113;
const NFLOG: u32 = 239;
const COOKED_2: u32 = 276;
const SWITCH_TAGS: [u32; 3] = [281, 284, 285];
const NOBODYS: u32 = 4242;

/// Bytes of an Ethernet header.
const ETHERNET_BYTES: usize = 14;

fn interpreter(selection: &Selection, link_type: u32) -> Interpreter {
    on(selection, LinkType::from_number(link_type))
}

fn on(selection: &Selection, link_type: LinkType) -> Interpreter {
    let program = capture_filter(selection, link_type, 0).expect("below the limit");
    Interpreter::new(&program).expect("nothing that only a kernel knows")
}

fn keeps(program: &Interpreter, bytes: &[u8]) -> bool {
    program.run(&Packet::ethernet(bytes), || 0) > 0
}

/// Type and what follows of all frames of the table that have a type.
fn table() -> impl Iterator<Item = (&'static str, u16, Vec<u8>, bool)> {
    frames::table().into_iter().filter_map(|frame| {
        let ethertype = u16::from_be_bytes(*frame.bytes.get(12..)?.first_chunk()?);
        let rest = frame.bytes[ETHERNET_BYTES..].to_vec();
        Some((frame.name, ethertype, rest, frame.expected.dns))
    })
}

#[test]
fn what_has_an_ethertype_is_kept_as_on_ethernet() {
    let default = Selection::default();
    let behind = |header: &[u8], ethertype: u16, rest: &[u8]| {
        [header, &ethertype.to_be_bytes(), rest].concat()
    };
    let cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let cooked2 = [0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    for (link_type, header) in [
        (CISCO_HDLC, &[0x0f, 0][..]),
        (COOKED, &cooked),
        (SWITCH_TAGS[0], &[0; 16]),
        (SWITCH_TAGS[1], &[0; 16]),
        (SWITCH_TAGS[2], &[0; 20]),
    ] {
        let program = interpreter(&default, link_type);
        for (name, ethertype, rest, kept) in table() {
            let bytes = behind(header, ethertype, &rest);
            assert_eq!(keeps(&program, &bytes), kept, "{name} on {link_type}");
        }
    }
    let program = interpreter(&default, COOKED_2);
    for (name, ethertype, rest, kept) in table() {
        let bytes = [&ethertype.to_be_bytes(), &cooked2[..], &rest].concat();
        assert_eq!(keeps(&program, &bytes), kept, "{name} on 276");
    }
}

/// A packet behind something of which only the kernel knows what it is.
fn behind(before: &[u8], protocol: u16, rest: &[u8], check: impl Fn(Packet<'_>)) {
    let frame = [before, rest].concat();
    check(Packet {
        frame: &frame,
        wire_length: u32::try_from(frame.len()).expect("a short packet"),
        data_offset: 0,
        network_offset: before.len(),
        protocol,
        vlan: None,
    });
}

#[test]
fn what_the_kernel_has_found_is_kept_as_on_ethernet() {
    let program = on(&Selection::default(), LinkType::Network(0));
    for (name, protocol, rest, kept) in table() {
        for before in [&[][..], &[0; 14], &[0x45; 24]] {
            behind(before, protocol, &rest, |packet| {
                assert_eq!(
                    program.run(&packet, || 0) > 0,
                    kept,
                    "{name} behind {before:x?}"
                );
            });
        }
    }
}

/// Loads of all kinds: fixed, by the header's length, by a computed offset.
#[test]
fn an_expression_counts_from_the_network_header() {
    for expression in [
        "udp src port 53",
        "tcp or udp[10] & 0x80 != 0",
        "ip[ip[0] & 0xf + 7] = 2 or ip6[6] = 44",
        "host 192.0.2.77 and not port 4789",
    ] {
        let compiled = |link_type| {
            let program = compile(expression, link_type, 0).expect("it is sound");
            Interpreter::new(&program).expect("nothing that only a kernel knows")
        };
        let (bare, found) = (compiled(LinkType::Ip), compiled(LinkType::Network(0)));
        let ip = table().filter(|(_, protocol, ..)| [IPV4, IPV6].contains(protocol));
        for (name, protocol, rest, _) in ip {
            let wanted = keeps(&bare, &rest);
            for before in [&[][..], &[0; 14], &[0x45; 24]] {
                behind(before, protocol, &rest, |packet| {
                    let kept = found.run(&packet, || 0) > 0;
                    assert_eq!(kept, wanted, "{name}, {expression}");
                });
            }
        }
    }
}

#[test]
fn ip_is_found_without_an_ethertype() {
    let default = Selection::default();
    let ppp = |ethertype: u16| if ethertype == IPV4 { 0x21 } else { 0x57 };
    let snap = |ethertype: u16| {
        let [high, low] = ethertype.to_be_bytes();
        [0xaa, 0xaa, 3, 0, 0, 0, high, low]
    };
    let token_ring = |source| {
        [
            &[0x10, 0x40, 2, 0, 0, 0, 0, 1][..],
            &[source, 0, 0, 0, 0, 2],
        ]
        .concat()
    };
    let routed = [&token_ring(0x82)[..], &[6, 0, 0, 1, 0, 2]].concat();
    for (name, ethertype, rest, kept) in table() {
        if ![IPV4, IPV6].contains(&ethertype) || rest.is_empty() {
            continue;
        }
        let snap = snap(ethertype);
        for (link_type, header) in [
            (RAW, vec![]),
            (RAW_IP, vec![]),
            (NULL, vec![2, 0, 0, 0]),
            (LOOP, vec![0, 0, 0, 30]),
            (PPP, vec![0xff, 3, 0, ppp(ethertype)]),
            (PPP, vec![0, ppp(ethertype)]),
            (PPP, vec![ppp(ethertype)]),
            (PPP, vec![0xff, 3, ppp(ethertype)]),
            (FDDI, [&[0x50; 13][..], &snap].concat()),
            (TOKEN_RING, [&token_ring(2)[..], &snap].concat()),
            (TOKEN_RING, [&routed[..], &snap].concat()),
        ] {
            let bytes = [&header[..], &rest].concat();
            let program = interpreter(&default, link_type);
            assert_eq!(
                keeps(&program, &bytes),
                kept,
                "{name} on {link_type}, behind {header:x?}"
            );
        }
    }
}

#[test]
fn what_can_not_be_looked_into_is_kept() {
    let default = Selection::default();
    let mpls_in_ppp = [0xff, 3, 2, 0x81, 0, 1, 0x11, 64, 0x45];
    let radiotap_cooked = [&[0, 0, 3, 0x23][..], &[0; 12], &[0; 30]].concat();
    let netlink_cooked2 = [&[0; 8][..], &[3, 0x38], &[0; 10], &[0; 30]].concat();
    // ARCNET, IEEE 802.11, NFLOG, and a number that no one has.
    for (link_type, bytes) in [
        (ARCNET, &[0; 9][..]),
        (WIRELESS, &[0; 9]),
        (NFLOG, &[0; 9]),
        (NOBODYS, &[0; 9]),
        (PPP, &mpls_in_ppp),
        (COOKED, &radiotap_cooked),
        (COOKED_2, &netlink_cooked2),
    ] {
        assert!(
            keeps(&interpreter(&default, link_type), bytes),
            "{link_type}"
        );
    }
    assert!(!keeps(
        &interpreter(&default, PPP),
        &[0xff, 3, 0xc0, 0x21, 1, 1, 0, 4]
    ));
}

/// What follows the ethertype in frames of the table, with some bytes changed and the end cut.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let table: Vec<_> = table()
        .filter(|(_, ethertype, rest, _)| [IPV4, IPV6].contains(ethertype) && !rest.is_empty())
        .map(|(_, _, rest, _)| rest)
        .collect();
    let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..3);
    (select(table), changes, any::<Index>(), any::<bool>()).prop_map(
        |(mut bytes, changes, cut, whole)| {
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if !whole {
                bytes.truncate(1 + cut.index(bytes.len()));
            }
            bytes
        },
    )
}

#[test]
fn a_packet_is_kept_wherever_it_starts() {
    let but_gre = Kind::ALL.iter().filter(|kind| **kind != Kind::Gre);
    let tunnels = but_gre
        .fold(Tunnels::default(), |tunnels, kind| tunnels.with(*kind))
        .with_juniper_ports([30_030]);
    let all = Selection::new([53, 60, 61, 5300], true).tunnels(tunnels);
    let selections = [
        Selection::default(),
        Selection::default().plain(),
        all.clone(),
        all.plain(),
    ];
    let programs = selections.map(|selection| {
        let expected = compile(&ip_expression(&selection), LinkType::Ip, 0).expect("compiles");
        let expected = Interpreter::new(&expected).expect("nothing that only a kernel knows");
        let of = |link_type| interpreter(&selection, link_type);
        (expected, of(NULL), of(PPP), of(ETHERNET))
    });
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(4096)
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&any_packet(), |packet| {
        let (ethertype, protocol) = match packet[0] >> 4 {
            4 => (IPV4, 0x21),
            6 => (IPV6, 0x57),
            _ => (0xffff, 0xff),
        };
        let null = [&[0; 4][..], &packet].concat();
        let ppp = [&[protocol][..], &packet].concat();
        let untagged = ethernet_of(&[], ethertype, &packet);
        let tagged = ethernet_of(&[DOT1Q; 4], ethertype, &packet);
        for (expected, on_null, on_ppp, on_ethernet) in &programs {
            let kept = keeps(expected, &packet);
            prop_assert_eq!(keeps(on_null, &null), kept, "behind 4 bytes");
            prop_assert_eq!(keeps(on_ppp, &ppp), kept, "behind 1 byte");
            prop_assert_eq!(keeps(on_ethernet, &untagged), kept, "on Ethernet");
            prop_assert_eq!(keeps(on_ethernet, &tagged), kept, "below four tags");
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// What most packets of a tap cost: a regression here is paid for every one of them.
#[test]
fn common_packets_are_decided_soon() {
    let default = Selection::default();
    let program = interpreter(&default, ETHERNET);
    let executed = |name: &str| {
        let frame = frames::table().into_iter().find(|frame| frame.name == name);
        let bytes = frame.expect("a frame of that name").bytes;
        program.executed(&Packet::ethernet(&bytes), || 0)
    };
    for (name, most) in [
        ("TCP from port 443", 15),
        ("query to port 53", 16),
        ("response", 27),
        ("IPv6 response", 18),
        ("ICMP", 11),
        ("ARP", 19),
        ("response below 802.1Q", 66),
        ("response below 3 labels", 81),
        ("response in a pseudowire", 90),
    ] {
        assert!(executed(name) <= most, "{name}: {}", executed(name));
    }
}
