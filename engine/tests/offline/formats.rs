//! Each form in which captures come.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use dnsflow_testkit::capture::{Order, Pcap, Pcapng, Unit, gzip, pcap, zstd};
use dnsflow_testkit::export::Export;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{COOKED, ETHERNET, RAW_IP, UNREADABLE, cooked, response};
use dnsflow_testkit::requirements::core_counts;

use crate::BUILT;

/// Responses 0 to `count` - 1 as Ethernet frames, and their sets.
fn responses(count: u8) -> (Vec<Vec<u8>>, Vec<String>) {
    let all = || (0..count).map(response);
    (
        all().map(|response| response.ethernet()).collect(),
        all().map(|response| response.set()).collect(),
    )
}

/// The lines of `--print` without the first, each as time and names.
fn times(capture: &[u8]) -> Vec<String> {
    let ended = BUILT.sensor(["-r", "-", "--print"]).fed(capture).run();
    ended.assert_success();
    let lines = ended.lines();
    lines[1..]
        .iter()
        .map(|line| {
            line.split('|')
                .skip(3)
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

/// What is exported for bytes that come as a file, on standard input, and to two cores.
fn exports(name: &str, capture: &[u8]) -> Vec<Export> {
    let folder = Folder::new();
    let file = folder.file(name, capture);
    let mut exports = Vec::new();
    for cores in core_counts() {
        let options = format!("--cores {cores}");
        exports.push(BUILT.reading(&file).with(&options).export().0);
        let piped = BUILT.sensor(["-r", "-"]).with(&options).fed(capture);
        exports.push(piped.export().0);
    }
    exports
}

fn assert_exports(name: &str, capture: &[u8], sets: &[String]) {
    for export in exports(name, capture) {
        assert_eq!(export.sets(), sets, "{name}");
    }
}

#[test]
fn pcap_of_either_order_and_every_clock() {
    let (packets, sets) = responses(3);
    let wanted = [
        "10:00:00 n000.example",
        "10:00:01 n001.example",
        "10:00:02 n002.example",
    ];
    for order in [Order::Little, Order::Big] {
        for unit in [Unit::Micro, Unit::Nano, Unit::Patched] {
            let shape = Pcap {
                order,
                unit,
                link: ETHERNET,
            };
            let capture = shape.clocked(&packets);
            assert_exports("capture.pcap", &capture, &sets);
            assert_eq!(times(&capture), wanted, "{shape:?}");
        }
    }
}

/// Two sections of different order; interfaces of different link types, one of which can't be read, and with
/// different clocks; blocks of types that nobody knows, and packets without clock or interface.
#[test]
fn pcapng_of_every_kind() {
    const SECOND: u64 = 36_000;
    let capture = Pcapng::new(Order::Little)
        .block(0x0bad, b"whatever")
        .interface(ETHERNET, None, None)
        .interface(COOKED, Some(9), None)
        .interface(RAW_IP, Some(0x80 | 10), Some(SECOND))
        .packet(0, SECOND * 1_000_000 + 999_999, &response(0).ethernet())
        .packet(
            1,
            (SECOND + 1) * 1_000_000_000 + 5,
            &cooked(&response(1).packet()),
        )
        .packet(2, 2 * 1024 + 1023, &response(2).packet())
        .simple(&response(3).ethernet())
        .section(Order::Big)
        .interface(UNREADABLE, None, None)
        .interface(RAW_IP, Some(3), None)
        .packet(0, 0, &response(4).ethernet())
        .packet(1, (SECOND + 3) * 1000, &response(5).packet())
        .packet(7, 0, &response(6).packet())
        .bytes();
    let wanted = [
        "10:00:00 n000.example",
        "10:00:01 n001.example",
        "10:00:02 n002.example",
        "00:00:00 n003.example",
        "10:00:03 n005.example",
    ];
    assert_eq!(times(&capture), wanted);
    let sets: Vec<String> = [0, 1, 2, 3, 5]
        .map(|number| response(number).set())
        .to_vec();
    assert_exports("capture.pcapng", &capture, &sets);
    let (_, account) = BUILT.sensor(["-r", "-"]).fed(&capture).export();
    assert_eq!(
        (account.total.received, account.total.count("link_type")),
        (7, 2)
    );
}

#[test]
fn gzip_of_one_and_of_several_members() {
    let (packets, sets) = responses(20);
    let capture = pcap(&packets);
    assert_exports("capture.pcap.gz", &gzip(&capture), &sets);
    let members: Vec<u8> = capture.chunks(100).flat_map(gzip).collect();
    assert_exports("capture.pcap.gz", &members, &sets);
    // The bytes tell, not the name.
    assert_exports("capture", &gzip(&capture), &sets);
}

#[test]
fn zstd_of_one_and_of_several_frames() {
    let (packets, sets) = responses(20);
    let capture = pcap(&packets);
    assert_exports("capture.pcap.zst", &zstd(&capture), &sets);
    let mut frames: Vec<u8> = capture.chunks(100).flat_map(zstd).collect();
    assert_exports("capture.pcap.zst", &frames, &sets);
    // RFC 8878 section 3.1.2: a frame to be skipped.
    frames.extend(b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc");
    frames.splice(0..0, *b"\x5f\x2a\x4d\x18\x01\x00\x00\x00z");
    assert_exports("capture.pcap.zst", &frames, &sets);
}

/// As much as there is, and it is said, even where the rest ends with a packet. A zstd block is all or
/// nothing, so there are several.
#[test]
fn a_compressed_file_that_is_cut_gives_what_is_there() {
    let (packets, sets) = responses(250);
    let sets: BTreeSet<String> = sets.into_iter().collect();
    let packets = packets.iter().cycle().take(10_000);
    let capture = pcap(packets);
    for compressed in [gzip(&capture), zstd(&capture)] {
        let folder = Folder::new();
        let file = folder.file("cut", &compressed[..compressed.len() * 3 / 4]);
        let export = folder.path("export.pcap");
        let ended = BUILT.reading(&file).option("-w", &export).run();
        ended.assert_failure(1, &["the file is cut at offset"]);
        let got = Export::of(&export).sets();
        assert!((5000..9900).contains(&got.len()), "{}", got.len());
        assert!(got.iter().all(|set| sets.contains(set)));
    }
}

#[test]
fn a_fifo_is_read_once_whatever_the_cores() {
    let (packets, sets) = responses(200);
    let capture = pcap(&packets);
    for cores in core_counts() {
        let folder = Folder::new();
        let fifo = folder.path("fifo");
        let made = Command::new("mkfifo").arg(&fifo).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        let (path, bytes) = (fifo.clone(), capture.clone());
        let writer = thread::spawn(move || write(&path, &bytes));
        let options = format!("--cores {cores}");
        let (export, _) = BUILT.reading(&fifo).with(&options).export();
        assert_eq!(export.sets(), sets);
        writer.join().expect("all of it was read");
    }
}

fn write(path: &Path, bytes: &[u8]) {
    let mut fifo = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("a FIFO to write to");
    fifo.write_all(bytes).expect("a reader");
}
