//! What the programs say of the frames in the table.

mod frames;

use dnsflow_filters::{
    BalanceKey, DLT_EN10MB, Interpreter, Packet, Program, Selection, compile, fanout_checksum,
    fanout_client, sample, share,
};
use frames::build::{DOT1AD, DOT1Q, QINQ_OLD};
use frames::{for_each_view, response_v4, response_v6};

const SNAP_LENGTH: u32 = 2048;

fn interpreter(program: &Program) -> Interpreter {
    Interpreter::new(program).expect("reads only what an interpreter knows")
}

fn selection(ports: &[u16], mdns: bool) -> Program {
    let expression = Selection::new(ports.iter().copied(), mdns).expression(DLT_EN10MB);
    compile(&expression, DLT_EN10MB, SNAP_LENGTH).expect("the default expression compiles")
}

fn no_random() -> u32 {
    panic!("asked for a random word")
}

#[test]
fn selections_keep_responses_only() {
    let dns = interpreter(&selection(&[53], false));
    let more_ports = interpreter(&selection(&[5300, 53], true));
    for_each_view(|name, packet, expected| {
        let snap = |kept| if kept { SNAP_LENGTH } else { 0 };
        assert_eq!(dns.run(&packet, no_random), snap(expected.dns), "{name}");
        assert_eq!(
            more_ports.run(&packet, no_random),
            snap(expected.more_ports),
            "{name}, more"
        );
    });
}

#[test]
fn fanout_values_are_the_key() {
    let client = interpreter(&fanout_client());
    let checksum = interpreter(&fanout_checksum());
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
    for key in [BalanceKey::Client, BalanceKey::Checksum] {
        let shares: Vec<_> = (0..COUNT)
            .map(|index| {
                let share = share(index, COUNT, key).expect("a share below the count");
                interpreter(
                    &share
                        .then(selection(&[53], false))
                        .expect("a short program"),
                )
            })
            .collect();
        for_each_view(|name, packet, expected| {
            let value = match key {
                BalanceKey::Client => expected.client,
                BalanceKey::Checksum => expected.checksum,
            };
            for (index, share) in (0..).zip(&shares) {
                let kept = expected.dns && value % COUNT == index;
                let snap = if kept { SNAP_LENGTH } else { 0 };
                assert_eq!(
                    share.run(&packet, no_random),
                    snap,
                    "{name}, {key:?} {index}"
                );
            }
        });
    }
}

#[test]
fn what_is_not_ip_is_in_share_0() {
    let everything = || compile("", DLT_EN10MB, SNAP_LENGTH).expect("keeps every packet");
    let arp = frames::build::ethernet(&[], frames::build::ARP, &[0; 46]);
    for (index, kept) in [(0, SNAP_LENGTH), (1, 0)] {
        let share = share(index, 2, BalanceKey::Checksum).expect("a share below the count");
        let share = interpreter(&share.then(everything()).expect("a short program"));
        assert_eq!(share.run(&Packet::ethernet(&arp), no_random), kept);
    }
}

/// A frame with more tags than is looked below belongs to no one's client.
#[test]
fn three_tags_in_the_frame_are_one_too_many() {
    let tags = [QINQ_OLD, DOT1AD, DOT1Q];
    let default = interpreter(&selection(&[53], false));
    for bytes in [response_v4(&tags), response_v6(&tags)] {
        let packet = Packet::ethernet(&bytes);
        assert_eq!(default.run(&packet, no_random), 0);
        assert_eq!(
            interpreter(&fanout_client()).run(&packet.for_fanout(), no_random),
            0
        );
    }
}

#[test]
fn three_tags_on_the_wire_are_two_when_received() {
    let default = interpreter(&selection(&[53], false));
    let (bytes, vlan) = frames::received(&response_v4(&[DOT1AD, DOT1Q, DOT1Q]));
    let packet = Packet {
        vlan,
        ..Packet::ethernet(&bytes)
    };
    assert_eq!(default.run(&packet, no_random), SNAP_LENGTH);
    assert_eq!(
        interpreter(&fanout_client()).run(&packet.for_fanout(), no_random),
        0xc000_024d
    );
}

/// A capture cut anywhere is kept exactly from the QR bit on.
#[test]
fn every_cut_is_decided_by_what_is_left() {
    let default = interpreter(&selection(&[53], false));
    let ethernet = 14;
    for tags in [&[][..], &[DOT1Q], &[DOT1AD, DOT1Q]] {
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
    let ports: Vec<u16> = (1..=300).map(|port| 7 * port).collect();
    let program = interpreter(&selection(&ports, false));
    for port in 0..=2200u16 {
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
    let filter = share(1, 2, BalanceKey::Client)
        .expect("second of two")
        .then(filter);
    let filter = sample(10)
        .expect("one of ten")
        .then(filter.expect("a short program"));
    let filter = filter.expect("a short program");
    assert!(
        filter
            .name()
            .starts_with("sample 1 of 10, then share 1 of 2 by client, then (udp"),
        "{}",
        filter.name()
    );
    let filter = interpreter(&filter);
    // The client's address is odd.
    let bytes = response_v4(&[]);
    assert_eq!(filter.run(&Packet::ethernet(&bytes), || 20), SNAP_LENGTH);
    assert_eq!(filter.run(&Packet::ethernet(&bytes), || 21), 0);
}
