//! Files that end too early, are damaged, or are no captures at all.

use std::fs;

use dnsflow_capfile::pcap::{FILE_HEADER_BYTES, RECORD_HEADER_BYTES};
use dnsflow_testkit::capture::{Order, Pcapng, empty, pcap};
use dnsflow_testkit::export::Export;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{ETHERNET, response};
use dnsflow_testkit::process::Ended;

use crate::BUILT;

/// What comes of `capture`: how it ended, and the sets that were exported, if it came so far.
fn outcome(capture: &[u8]) -> (Ended, Option<Vec<String>>) {
    let folder = Folder::new();
    let file = folder.file("capture", capture);
    let export = folder.path("export.pcap");
    let ended = BUILT.reading(&file).option("-w", &export).run();
    let sets = export.exists().then(|| Export::of(&export).sets());
    (ended, sets)
}

/// Cuts `capture` everywhere behind its head; `ends` are the offsets at which a packet is whole, and where
/// the file may end.
fn cut_everywhere(capture: &[u8], head: usize, ends: &[usize], boundaries: &[usize]) {
    let sets: Vec<String> = (0..)
        .map(|number| response(number).set())
        .take(ends.len())
        .collect();
    for length in head..=capture.len() {
        let whole = ends.iter().filter(|end| **end <= length).count();
        let (ended, got) = outcome(&capture[..length]);
        assert_eq!(got.as_deref(), Some(&sets[..whole]), "{length} bytes");
        if boundaries.contains(&length) {
            ended.assert_success();
            assert!(!ended.stderr.contains("cut"), "{}", ended.stderr);
        } else {
            let start = boundaries.iter().filter(|at| **at < length).max();
            let offset = format!("offset {};", start.expect("the head ends before"));
            ended.assert_failure(1, &["cut", &offset]);
        }
    }
}

#[test]
fn a_pcap_file_cut_anywhere_gives_every_whole_packet() {
    let packets: Vec<Vec<u8>> = (0..3).map(|number| response(number).ethernet()).collect();
    let mut ends = Vec::new();
    let mut at = FILE_HEADER_BYTES;
    for packet in &packets {
        at += RECORD_HEADER_BYTES + packet.len();
        ends.push(at);
    }
    let boundaries = [&[FILE_HEADER_BYTES], &ends[..]].concat();
    cut_everywhere(&pcap(&packets), FILE_HEADER_BYTES, &ends, &boundaries);
}

#[test]
fn a_pcapng_file_cut_anywhere_gives_every_whole_packet() {
    let mut file = Pcapng::new(Order::Big);
    let head = file.len();
    let mut boundaries = vec![head];
    let mut ends = Vec::new();
    file = file.interface(ETHERNET, Some(6), None);
    boundaries.push(file.len());
    for number in 0..3 {
        file = file.packet(0, 0, &response(number).ethernet());
        boundaries.push(file.len());
        ends.push(file.len());
    }
    cut_everywhere(&file.bytes(), head, &ends, &boundaries);
}

#[test]
fn what_is_no_capture_is_called_so() {
    let head = empty();
    for (bytes, words) in [
        (b"".as_slice(), "the file is empty"),
        (&head[..1], "not a capture file"),
        (&head[..3], "not a capture file"),
        (&head[..4], "cut at offset 0"),
        (&head[..23], "cut at offset 0"),
        (b"#!/bin/sh\nexit 0\n", "not a capture file"),
        (&[0; 100], "not a capture file"),
        (&[0xff; 100], "not a capture file"),
        (b"\x1f\x8b", "capture"),
        (b"\x28\xb5\x2f\xfd", "capture"),
    ] {
        let (ended, export) = outcome(bytes);
        ended.assert_failure(1, &[words, "capture: "]);
        assert_eq!(export, None, "nothing was opened for {bytes:?}");
    }
}

#[test]
fn a_head_alone_is_a_capture_without_packets() {
    for bytes in [empty(), Pcapng::new(Order::Little).bytes()] {
        let (ended, sets) = outcome(&bytes);
        ended.assert_success();
        assert_eq!(sets, Some(vec![]));
        assert_eq!(ended.account().total.received, 0);
    }
}

#[test]
fn the_same_is_said_of_standard_input() {
    for (bytes, words) in [
        (b"".as_slice(), "the file is empty"),
        (b"#!/bin/sh\nexit 0\n", "not a capture file"),
    ] {
        let ended = BUILT.sensor(["-r", "-"]).fed(bytes).run();
        ended.assert_failure(1, &[words]);
    }
}

#[test]
fn an_export_that_is_there_survives_a_wrong_name() {
    let folder = Folder::new();
    let export = folder.file("export.pcap", b"precious");
    let wrong = folder.file("capture", b"no capture");
    BUILT
        .reading(&wrong)
        .option("-w", &export)
        .run()
        .assert_failure(1, &["not a capture file"]);
    assert_eq!(fs::read(&export).expect("it is there"), b"precious");
}

#[test]
fn damage_is_told_with_its_place_and_costs_what_follows() {
    let packets: Vec<Vec<u8>> = (0..3).map(|number| response(number).ethernet()).collect();
    let mut capture = pcap(&packets);
    let second = FILE_HEADER_BYTES + RECORD_HEADER_BYTES + packets[0].len();
    capture[second + 8..second + 12].fill(0xff);
    let (ended, sets) = outcome(&capture);
    ended.assert_failure(1, &[&format!("damaged at offset {second}")]);
    assert_eq!(sets, Some(vec![response(0).set()]));

    let file = Pcapng::new(Order::Little)
        .interface(ETHERNET, None, None)
        .packet(0, 0, &response(0).ethernet());
    let second = file.len();
    let mut capture = file.packet(0, 0, &response(1).ethernet()).bytes();
    for wrong in [
        [3, 0, 0, 0],
        [11, 0, 0, 0],
        [0xff; 4],
        [0xfc, 0xff, 0xff, 0x7f],
    ] {
        capture[second + 4..second + 8].copy_from_slice(&wrong);
        let (ended, sets) = outcome(&capture);
        ended.assert_failure(1, &[&format!("at offset {second}")]);
        assert_eq!(sets, Some(vec![response(0).set()]));
    }
}

#[test]
fn a_packet_that_was_cut_by_a_snap_length_is_counted() {
    let packet = response(0).ethernet();
    let mut capture = pcap([&packet]);
    // The record says that 20 bytes more were on the wire, and the packet's own headers do as well.
    let length = u32::try_from(packet.len()).expect("a short packet");
    capture.truncate(capture.len() - 20);
    capture[FILE_HEADER_BYTES + 8..FILE_HEADER_BYTES + 12]
        .copy_from_slice(&(length - 20).to_le_bytes());
    let (ended, sets) = outcome(&capture);
    ended.assert_success();
    assert_eq!(sets, Some(vec![]));
    assert_eq!(ended.account().total.count("cut"), 1);
}
