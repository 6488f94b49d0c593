//! `dnsflow-gen` as its users meet it: files, interfaces, accounts and errors.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use dnsflow_capfile::pcap::{FILE_HEADER_BYTES, RECORD_HEADER_BYTES};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::generator::number;
use dnsflow_testkit::network::Namespace;
use dnsflow_testkit::process::{Ended, Process};
use dnsflow_testkit::programs::Programs;
use dnsflow_testkit::requirements::{programs, requirements};
use dnsflow_testkit::tshark::{self, tshark};

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-gen"));

/// Has tshark check what it does not by default.
const CHECKS: [&str; 3] = [
    "-oip.check_checksum:TRUE",
    "-oudp.check_checksum:TRUE",
    "-otcp.check_checksum:TRUE",
];

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let make = |seed| stdout(&["-w", "-", "-n", "2000", "--seed", seed, "--noise", "30"]);
    let first = make("7");
    assert_eq!(first, make("7"));
    assert_ne!(first, make("8"));
}

#[test]
fn a_file_and_standard_output_get_the_same() {
    let folder = Folder::new();
    let file = folder.path("packets.pcap");
    run(&["-w", text(&file), "-n", "500"]);
    assert_eq!(
        fs::read(&file).expect("a file"),
        stdout(&["-w", "-", "-n", "500"])
    );
}

#[test]
fn every_record_is_whole_and_later_than_the_one_before() {
    let blob = stdout(&["-w", "-", "-n", "3000", "--rate", "2000"]);
    assert_eq!(blob[..4], 0xa1b2_c3d4_u32.to_le_bytes());
    assert_eq!(blob[20..24], 1_u32.to_le_bytes());
    let packets = packets(&blob);
    assert_eq!(packets.len(), 3000);
    assert!(packets.is_sorted_by_key(|packet| packet.stamp));
    let seconds = packets[2999].stamp - packets[0].stamp;
    assert_eq!(
        seconds, 1_499_500,
        "2999 packets at 2000 a second, in microseconds"
    );
    assert!(packets.iter().all(|packet| packet.frame.len() <= 1514));
}

#[test]
fn the_account_adds_up() {
    let folder = Folder::new();
    let expected = folder.path("expected.tsv");
    let capture = folder.path("packets.pcap");
    let options = [
        "-w",
        text(&capture),
        "-n",
        "20000",
        "--noise",
        "25",
        "--json",
        "-e",
    ];
    let json = stdout(&[&options[..], &[text(&expected)]].concat());
    let json = String::from_utf8(json).expect("JSON is text");
    assert_eq!(number(&json, "packets"), 20_000);
    assert_eq!(number(&json, "responses"), number(&json, "sets"));
    let kinds = [
        "query",
        "nxdomain",
        "server_failure",
        "other_type",
        "no_recursion_available",
        "no_recursion_desired",
        "no_address",
        "truncated",
        "other_traffic",
    ];
    let noise: usize = kinds.iter().map(|kind| number(&json, kind)).sum();
    assert!(kinds.iter().all(|kind| number(&json, kind) > 0), "{json}");
    assert_eq!(number(&json, "responses") + noise, 20_000);
    assert!((4500..5500).contains(&noise), "{noise}");
    let lines = fs::read_to_string(&expected).expect("a file");
    assert_eq!(lines.lines().count(), number(&json, "responses"));
    assert!(lines.lines().all(|line| line.split('\t').count() == 5));
    let blob = fs::read(&capture).expect("a file");
    let bytes: usize = packets(&blob).iter().map(|packet| packet.frame.len()).sum();
    assert_eq!(bytes, number(&json, "bytes"));
}

/// What is selected changes what is expected, and nothing else.
#[test]
fn the_selection_changes_what_is_expected() {
    let folder = Folder::new();
    let (capture, expected) = (folder.path("packets.pcap"), folder.path("expected.tsv"));
    let make = |selection: &[&str]| {
        let options = ["-w", text(&capture), "-n", "5000", "--noise", "50"];
        let options = [&options[..], &["-e", text(&expected), "--json"], selection].concat();
        let json = String::from_utf8(stdout(&options)).expect("JSON is text");
        let lines = fs::read_to_string(&expected).expect("a file");
        assert_eq!(lines.lines().count(), number(&json, "sets"));
        (fs::read(&capture).expect("a file"), json, lines)
    };
    let (packets, json, lines) = make(&[]);
    assert_eq!(number(&json, "sets"), number(&json, "responses"));
    let all = "--format v5 --select all --types any --authoritative";
    let all: Vec<&str> = all.split_whitespace().collect();
    let (same, json, more) = make(&all);
    assert!(packets == same, "the packets");
    let not_told = ["query", "truncated", "other_traffic"];
    let not_told: usize = not_told.iter().map(|kind| number(&json, kind)).sum();
    assert_eq!(number(&json, "sets"), 5000 - not_told);
    assert!(more.lines().all(|line| line.split('\t').count() == 12));
    for code in ["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"] {
        assert!(more.contains(&format!("\t{code}\t")), "{code}");
    }
    let (_, _, v5) = make(&["--format", "v5"]);
    let first_columns = |line: &str| line.split('\t').take(5).collect::<Vec<_>>().join("\t");
    assert!(v5.lines().map(first_columns).eq(lines.lines()));
}

#[test]
fn shares_reach_the_frames() {
    let frames = |options: &[&str]| {
        let blob = stdout(&[&["-w", "-", "-n", "500", "--noise", "0"], options].concat());
        packets(&blob)
            .iter()
            .map(|packet| packet.frame.to_vec())
            .collect::<Vec<_>>()
    };
    let has_type = |frame: &Vec<u8>, at: usize, kind: [u8; 2]| frame[at..at + 2] == kind;
    let ipv6 = frames(&["--ipv6", "100", "--vlan", "0"]);
    assert!(ipv6.iter().all(|frame| has_type(frame, 12, [0x86, 0xdd])));
    let tagged = frames(&["--ipv6", "0", "--vlan", "100"]);
    assert!(
        tagged
            .iter()
            .all(|frame| has_type(frame, 12, [0x81, 0]) && has_type(frame, 16, [8, 0]))
    );
    let twice = frames(&["--ipv6", "0", "--vlan", "100", "--vlan-tags", "2"]);
    assert!(twice.iter().all(|frame| has_type(frame, 12, [0x88, 0xa8])));
    assert!(twice.iter().all(|frame| has_type(frame, 16, [0x81, 0])));
    let unchecked = frames(&["--ipv6", "0", "--vlan", "0", "--zero-checksum", "100"]);
    assert!(unchecked.iter().all(|frame| has_type(frame, 40, [0, 0])));
    let clients = frames(&[
        "--ipv6",
        "0",
        "--vlan",
        "0",
        "--clients",
        "3",
        "--resolvers",
        "2",
    ]);
    let distinct = |at: usize| {
        clients
            .iter()
            .map(|frame| &frame[at..at + 4])
            .collect::<BTreeSet<_>>()
    };
    assert_eq!((distinct(30).len(), distinct(26).len()), (3, 2));
}

#[test]
fn no_mix_outgrows_an_mtu_of_1500() {
    let everything = "--cname 100 --dname 100 --signed 100 --authority 100 --uncompressed 100 \
                      --odd-names 100 --edns 100 --addresses 16 --ipv6 100 --vlan 100 --vlan-tags 4";
    let options: Vec<&str> = everything.split_whitespace().collect();
    let blob = stdout(&[&["-w", "-", "-n", "20000", "--noise", "0"], &options[..]].concat());
    let largest = packets(&blob).iter().map(|packet| packet.frame.len()).max();
    // The kernel lets one tag go beyond the MTU; the rest counts.
    assert!(largest.is_some_and(|bytes| bytes <= 1514), "{largest:?}");
}

#[test]
fn packets_are_of_a_realistic_size() {
    let json = stdout(&["-w", "/dev/null", "-n", "50000", "--json"]);
    let json = String::from_utf8(json).expect("JSON is text");
    let average = number(&json, "bytes") / number(&json, "packets");
    assert!((180..=220).contains(&average), "{average}");
}

/// An independent dissector finds nothing malformed, all checksums right, and in each response the
/// very set that was promised. Its field list does not tell sections apart, nor escape names, so
/// authority and odd names are left out of the comparison.
#[test]
fn tshark_agrees() {
    if !programs("tshark_agrees", &["tshark"]) {
        return;
    }
    let folder = Folder::new();
    let (capture, expected) = (folder.path("packets.pcap"), folder.path("expected.tsv"));
    run(&[
        "-w",
        text(&capture),
        "-n",
        "20000",
        "--noise",
        "30",
        "--vlan-tags",
        "3",
        "--zero-checksum",
        "5",
    ]);
    let wrong = "_ws.malformed or ip.checksum.status == 0 or udp.checksum.status == 0 \
                 or tcp.checksum.status == 0";
    let complaints = tshark(&capture, &[&CHECKS[..], &["-Y", wrong]].concat());
    assert_eq!(complaints.lines().next(), None, "tshark finds fault");
    let all = tshark(&capture, &["-Y", "dns or tcp or udp"]);
    assert_eq!(all.lines().count(), 20_000);

    run(&[
        "-w",
        text(&capture),
        "-e",
        text(&expected),
        "-n",
        "20000",
        "--noise",
        "0",
        "--odd-names",
        "0",
        "--authority",
        "0",
    ]);
    let mut seen = sets_seen(&capture);
    let expected = fs::read_to_string(&expected).expect("a file");
    let mut expected: Vec<&str> = expected.lines().collect();
    seen.sort();
    expected.sort_unstable();
    assert_eq!(seen.len(), expected.len());
    for (seen, expected) in seen.iter().zip(expected) {
        assert_eq!(seen, expected);
    }
}

#[test]
fn wrong_usage_ends_with_2_and_trouble_with_1() {
    let status = |options: &[&str]| output(options).status.code();
    assert_eq!(status(&[]), Some(2));
    assert_eq!(status(&["-w", "-"]), Some(2), "no count");
    assert_eq!(status(&["-w", "-", "-n", "1", "--noise", "101"]), Some(2));
    assert_eq!(status(&["-w", "-", "-n", "1", "--json"]), Some(2));
    assert_eq!(status(&["-w", "-", "-n", "1", "-i", "lo"]), Some(2));
    assert_eq!(status(&["-w", "/nowhere/at/all", "-n", "1"]), Some(1));
    let expecting = |more: &[&str]| {
        let options = ["-w", "/dev/null", "-n", "1", "-e", "/dev/null"];
        output(&[&options[..], more].concat())
    };
    assert_eq!(expecting(&["--format", "v5"]).status.code(), Some(0));
    for beyond in [["--select", "all"], ["--types", "any"]] {
        let refused = expecting(&beyond);
        assert_eq!(refused.status.code(), Some(2));
        assert!(refused.stderr.contains("add --format v5"));
    }
    let nothing_expected = output(&["-w", "-", "-n", "1", "--format", "v5"]);
    assert_eq!(nothing_expected.status.code(), Some(2));
    let missing = output(&["-i", "no-such-if", "-n", "1"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(missing.stderr.contains("no interface no-such-if"));
    let full = output(&["-w", "/dev/full", "-n", "10000"]);
    assert_eq!(full.status.code(), Some(1));
    assert!(full.stderr.contains("/dev/full"));
}

/// Exactly the frames that were asked for arrive at the other end of a veth pair.
#[test]
fn an_interface_gets_exactly_what_is_counted() {
    if !requirements("an_interface_gets_exactly_what_is_counted", &[]) {
        return;
    }
    let namespace = Namespace::new("pair");
    // With IPv6, the kernel's own neighbour discovery would be counted too.
    let disable = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
    namespace.shell(&format!("test ! -e {disable} || echo 1 > {disable}"));
    namespace.ip("link add dev out type veth peer name in");
    for end in ["out", "in"] {
        namespace.ip(&format!("link set dev {end} up"));
    }
    let received = || -> usize {
        let packets = namespace.attribute("in", "statistics/rx_packets");
        packets.parse().expect("a counter")
    };
    let folder = Folder::new();
    let expected = folder.path("expected.tsv");
    for (rate, threads) in [(&["--rate", "50000"][..], "1"), (&[], "2")] {
        let before = received();
        let options = [
            "-i", "out", "-n", "30001", "--json", "--frames", "4000", "-e",
        ];
        let options = [&options[..], &[text(&expected), "--threads", threads], rate].concat();
        let mut command = namespace.command(BUILT.path("dnsflow-gen"));
        let ended = Process::spawn("dnsflow-gen", command.args(options)).wait();
        ended.assert_success();
        let json = ended.text();
        assert_eq!(number(json, "packets"), 30_001, "{json}");
        assert_eq!(number(json, "dropped"), 0, "{json}");
        assert_eq!(received() - before, 30_001);
        let lines = fs::read_to_string(&expected).expect("a file");
        assert_eq!(lines.lines().count(), number(json, "responses"));
    }
}

struct Packet<'a> {
    /// Microseconds.
    stamp: u64,
    frame: &'a [u8],
}

fn packets(blob: &[u8]) -> Vec<Packet<'_>> {
    let word = |at: usize| {
        let bytes = blob[at..at + 4].try_into().expect("four bytes");
        u32::from_le_bytes(bytes)
    };
    let mut packets = Vec::new();
    let mut at = FILE_HEADER_BYTES;
    while at < blob.len() {
        let stamp = u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4));
        assert!(word(at + 4) < 1_000_000);
        assert_eq!(word(at + 8), word(at + 12));
        let len = word(at + 8) as usize;
        at += RECORD_HEADER_BYTES;
        packets.push(Packet {
            stamp,
            frame: &blob[at..at + len],
        });
        at += len;
    }
    assert_eq!(at, blob.len());
    packets
}

/// The sets that tshark finds, in the form of `--expect`.
fn sets_seen(capture: &Path) -> Vec<String> {
    let rows = tshark::fields(capture, &CHECKS, tshark::SET);
    rows.iter().map(|row| tshark::set(row).join("\t")).collect()
}

fn output(options: &[&str]) -> Ended {
    let mut command = Command::new(BUILT.path("dnsflow-gen"));
    Process::spawn("dnsflow-gen", command.args(options)).wait()
}

fn run(options: &[&str]) -> Ended {
    let ended = output(options);
    ended.assert_success();
    ended
}

fn stdout(options: &[&str]) -> Vec<u8> {
    run(options).stdout
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path made of ASCII")
}
