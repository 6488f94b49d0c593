//! What the programs say of the frames in the table.

use dnsflow_filters::{
    Balance, Interpreter, MAX_MPLS_LABELS, MAX_VLAN_TAGS, Packet, Program, VlanTag, capture_filter,
    compile, sample,
};
use dnsflow_packet::tunnel::Tunnels;
use dnsflow_packet::{LinkType, Selection};
use dnsflow_testkit::frames::build::{
    ARP, DOT1AD, DOT1Q, IPV4, MPLS, QINQ_OLD, QUERY, UDP, dns, ethernet_of, ipv4, mpls, udp,
};
use dnsflow_testkit::frames::{
    self, CHOICES, Expected, Frame, JMIRROR_PORT, PCAP_RECORD_PORT, Tag, response_v4, response_v6,
};

const SNAP_LENGTH: u32 = 2048;

fn interpreter(program: &Program) -> Interpreter {
    Interpreter::new(program).expect("reads only what an interpreter knows")
}

fn selection(ports: &[u16], mdns: bool) -> Program {
    let selection = Selection::new(ports.iter().copied(), mdns);
    program(&selection)
}

fn program(selection: &Selection) -> Program {
    capture_filter(selection, LinkType::Ethernet, SNAP_LENGTH)
        .expect("below the limit of instructions")
}

fn no_random() -> u32 {
    panic!("asked for a random word")
}

fn client() -> Program {
    Balance::client().fanout().expect("a short program")
}

fn by_checksum() -> Balance {
    Balance::checksum([53, 5300, 5353])
}

fn snap(kept: bool) -> u32 {
    if kept { SNAP_LENGTH } else { 0 }
}

/// The default selection with one of [`CHOICES`].
fn selection_with(choice: &str) -> Selection {
    let none = Tunnels::default();
    Selection::default().tunnels(match choice {
        "jmirror" => none.with_juniper_ports([JMIRROR_PORT]),
        "pcap record" => none.with_record_ports([PCAP_RECORD_PORT]),
        word => word.parse().expect("a kind of tunnel"),
    })
}

/// The default selection with all of [`CHOICES`].
fn selection_with_all() -> Selection {
    let tunnels = Tunnels::all()
        .with_juniper_ports([JMIRROR_PORT])
        .with_record_ports([PCAP_RECORD_PORT]);
    Selection::default().tunnels(tunnels)
}

/// A frame as a socket gets it, and the tag that the kernel has taken out of it.
fn received(wire: &[u8]) -> (Vec<u8>, Option<VlanTag>) {
    let (frame, tag) = frames::received(wire);
    (frame, tag.map(|Tag { tci, tpid }| VlanTag { tci, tpid }))
}

/// Runs `check` for every frame as a file has it and as a socket gets it, with a name for failures.
fn for_each_view(mut check: impl FnMut(&str, Packet<'_>, Expected)) {
    for Frame {
        name,
        bytes,
        expected,
    } in frames::table()
    {
        check(
            &format!("{name}, in a file"),
            Packet::ethernet(&bytes),
            expected,
        );
        let (stripped, vlan) = received(&bytes);
        let packet = Packet {
            vlan,
            ..Packet::ethernet(&stripped)
        };
        check(&format!("{name}, received"), packet, expected);
    }
}

#[test]
fn selections_keep_what_was_chosen() {
    let dns = interpreter(&selection(&[53], false));
    let plain = interpreter(&program(&Selection::default().plain()));
    let more_ports = interpreter(&selection(&[5300, 53], true));
    for_each_view(|name, packet, expected| {
        let run = |program: &Interpreter| program.run(&packet, no_random);
        assert_eq!(run(&dns), snap(expected.dns), "{name}");
        assert_eq!(run(&plain), snap(expected.plain), "{name}, plain");
        assert_eq!(run(&more_ports), snap(expected.more_ports), "{name}, more");
    });
}

#[test]
fn tunnels_are_kept_if_chosen() {
    let all = selection_with_all();
    let (all, plain) = (
        interpreter(&program(&all)),
        interpreter(&program(&all.plain())),
    );
    let each = CHOICES.map(|choice| (choice, interpreter(&program(&selection_with(choice)))));
    for_each_view(|name, packet, expected| {
        for (choice, program) in &each {
            let kept = expected.dns || expected.chosen.contains(choice);
            assert_eq!(
                program.run(&packet, no_random),
                snap(kept),
                "{name}, {choice}"
            );
        }
        let any = !expected.chosen.is_empty();
        let kept = expected.dns || any;
        assert_eq!(all.run(&packet, no_random), snap(kept), "{name}, all");
        // IPv6 extension headers are not looked behind for a tunnel then.
        let tunnelled = plain.run(&packet, no_random) > 0;
        assert!(tunnelled || !expected.plain, "{name}, all but plain");
        assert!(!tunnelled || any || expected.plain, "{name}, all but plain");
    });
}

#[test]
fn each_choice_is_in_the_table() {
    for choice in CHOICES {
        let count = frames::table()
            .iter()
            .filter(|frame| frame.expected.chosen == [choice])
            .count();
        assert!(count > 0, "{choice}");
    }
}

#[test]
fn fanout_values_are_the_key() {
    let client = interpreter(&client());
    let checksum = interpreter(&by_checksum().fanout().expect("a short program"));
    for_each_view(|name, packet, expected| {
        // Received packets start at the network header there, outgoing ones at the MAC header.
        for packet in [packet.for_fanout(), packet] {
            assert_eq!(
                client.run(&packet, no_random),
                expected.client,
                "{name}, by client"
            );
            assert_eq!(
                checksum.run(&packet, no_random),
                expected.checksum,
                "{name}, by checksum"
            );
        }
    });
}

#[test]
fn each_packet_with_whole_headers_is_in_one_share() {
    const COUNT: u32 = 3;
    for balance in [Balance::client(), by_checksum()] {
        let shares: Vec<_> = (0..COUNT)
            .map(|index| {
                let share = balance
                    .share(index, COUNT)
                    .expect("a share below the count");
                interpreter(
                    &share
                        .then(selection(&[53], false))
                        .expect("a short program"),
                )
            })
            .collect();
        for_each_view(|name, packet, expected| {
            let value = if balance == Balance::client() {
                expected.client
            } else {
                expected.checksum
            };
            for (index, share) in (0..).zip(&shares) {
                let kept = expected.dns && value % COUNT == index;
                assert_eq!(
                    share.run(&packet, no_random),
                    snap(kept),
                    "{name}, {balance:?} {index}"
                );
            }
        });
    }
}

#[test]
fn what_is_not_ip_is_in_share_0() {
    let everything = || compile("", LinkType::Ethernet, SNAP_LENGTH).expect("keeps every packet");
    let arp = ethernet_of(&[], ARP, &[0; 46]);
    for (index, kept) in [(0, SNAP_LENGTH), (1, 0)] {
        let share = by_checksum()
            .share(index, 2)
            .expect("a share below the count");
        let share = interpreter(&share.then(everything()).expect("a short program"));
        assert_eq!(share.run(&Packet::ethernet(&arp), no_random), kept);
    }
}

/// What has more tags or labels than are looked below is kept, but belongs to no one's client.
#[test]
fn one_too_many_is_not_looked_below() {
    let tags = [DOT1AD, DOT1Q, QINQ_OLD].repeat(4);
    let labels = u8::try_from(MAX_MPLS_LABELS).expect("a few");
    let query = ipv4(&[], 0, UDP, &udp(53, 9, 0, &dns(QUERY)));
    let tagged = |count| ethernet_of(&tags[..count], IPV4, &query);
    let labelled = |labels| ethernet_of(&[], MPLS, &mpls(labels, &query));
    let default = interpreter(&selection(&[53], false));
    for (bytes, looked_below) in [
        (tagged(MAX_VLAN_TAGS), true),
        (tagged(MAX_VLAN_TAGS + 1), false),
        (labelled(labels), true),
        (labelled(labels + 1), false),
    ] {
        let packet = Packet::ethernet(&bytes);
        assert_eq!(default.run(&packet, no_random) == 0, looked_below);
        let value = interpreter(&client()).run(&packet.for_fanout(), no_random);
        assert_eq!(value > 0, looked_below);
    }
}

#[test]
fn one_more_tag_on_the_wire_is_stripped() {
    let tags = [&[DOT1AD][..], &[DOT1Q; MAX_VLAN_TAGS]].concat();
    let default = interpreter(&selection(&[53], false));
    let (bytes, vlan) = received(&response_v4(&tags));
    let packet = Packet {
        vlan,
        ..Packet::ethernet(&bytes)
    };
    assert_eq!(default.run(&packet, no_random), SNAP_LENGTH);
    assert_eq!(
        interpreter(&client()).run(&packet.for_fanout(), no_random),
        0xc000_024d
    );
}

/// A capture cut anywhere is kept exactly from the QR bit on.
#[test]
fn every_cut_is_decided_by_what_is_left() {
    let default = interpreter(&selection(&[53], false));
    let ethernet = 14;
    for tags in [&[][..], &[DOT1Q], &[DOT1AD, DOT1Q, DOT1Q, DOT1Q]] {
        let cases = [(response_v4(tags), 20), (response_v6(tags), 40)];
        for (bytes, ip_header) in cases {
            let qr_bit = ethernet + 4 * tags.len() + ip_header + 8 + 2;
            for length in 0..=bytes.len() {
                let packet = Packet::ethernet(&bytes[..length]);
                let kept = default.run(&packet, no_random) > 0;
                assert_eq!(kept, length > qr_bit, "{} tags, {length} bytes", tags.len());
            }
        }
    }
}

#[test]
fn many_ports_are_all_kept_and_no_other() {
    // Far more than a jump of 255 instructions can pass.
    let ports: Vec<u16> = (1..=120).map(|port| 7 * port).collect();
    let program = interpreter(&selection(&ports, false));
    for port in 0..=900u16 {
        let [high, low] = port.to_be_bytes();
        for (mut bytes, at) in [(response_v4(&[]), 34), (response_v6(&[DOT1Q]), 58)] {
            bytes[at..at + 2].copy_from_slice(&[high, low]);
            let kept = program.run(&Packet::ethernet(&bytes), no_random) > 0;
            assert_eq!(kept, ports.contains(&port), "port {port}");
        }
    }
}

#[test]
fn a_sample_is_decided_by_the_random_word() {
    let program = sample(4)
        .expect("one of four")
        .then(selection(&[53], false));
    let program = interpreter(&program.expect("a short program"));
    let bytes = response_v4(&[]);
    let kept = |random: u32| program.run(&Packet::ethernet(&bytes), || random) > 0;
    let sampled = (1000..2000).filter(|&random| kept(random)).count();
    assert_eq!(sampled, 250);

    let everything = sample(1).expect("one of one").then(selection(&[53], false));
    let everything = interpreter(&everything.expect("a short program"));
    assert_eq!(everything.run(&Packet::ethernet(&bytes), || 7), SNAP_LENGTH);
    assert!(sample(0).is_err());
}

#[test]
fn prologues_add_up() {
    let filter = selection(&[53], false);
    let filter = Balance::client()
        .share(1, 2)
        .expect("second of two")
        .then(filter);
    let filter = sample(10)
        .expect("one of ten")
        .then(filter.expect("a short program"));
    let filter = filter.expect("a short program");
    assert!(
        filter
            .name()
            .starts_with("sample 1 of 10, then share 1 of 2 by client, then on Ethernet, "),
        "{}",
        filter.name()
    );
    let filter = interpreter(&filter);
    // The client's address is odd.
    let bytes = response_v4(&[]);
    assert_eq!(filter.run(&Packet::ethernet(&bytes), || 20), SNAP_LENGTH);
    assert_eq!(filter.run(&Packet::ethernet(&bytes), || 21), 0);
}
