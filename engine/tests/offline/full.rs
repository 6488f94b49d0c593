//! An output that fails is one output that fails: the others go on, and what it did not take is counted.

use std::path::Path;
use std::{fs, io};

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{Export, assert_same};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::Namespace;
use dnsflow_testkit::process::{Ended, Process};
use dnsflow_testkit::requirements::{core_counts, requirements};
use dnsflow_testkit::sensor::output_dropped;

use crate::BUILT;

const SMALL_BYTES: usize = 256 << 10;

/// How the run ended, and the bytes of the file that had no room for all.
fn run_into_small(options: &[&str], capture: &Path) -> (Ended, Vec<u8>) {
    Folder::small(SMALL_BYTES, |folder| {
        let written = folder.path("export.pcap");
        let sensor = BUILT.reading(capture).option("-w", &written);
        let ended = options
            .iter()
            .fold(sensor, |sensor, words| sensor.with(words))
            .run();
        (ended, fs::read(&written).expect("it is there"))
    })
}

#[test]
fn collectors_get_everything_beside_a_file_that_is_full() {
    if !requirements("collectors_get_everything_beside_a_file_that_is_full", &[]) {
        return;
    }
    let traffic = BUILT.traffic(50_000, "--noise 0");
    for cores in core_counts() {
        let namespace = Namespace::new("full");
        let collector = Collector::listen(&namespace, "127.0.0.1:0");
        let (ended, bytes) = Folder::small(SMALL_BYTES, |folder| {
            let written = folder.path("export.pcap");
            let mut command = namespace.command(BUILT.path("dnsflow"));
            command
                .arg("-r")
                .arg(&traffic.capture)
                .arg("-w")
                .arg(&written);
            command.args(["-u", &collector.address(), "--cores", cores]);
            let ended = Process::spawn("dnsflow", &mut command).wait();
            (ended, fs::read(&written).expect("it is there"))
        });
        ended.assert_failure(1, &["export.pcap", "No space left", "go on", "Make room"]);
        let account = ended.account();
        assert_eq!(account.lines_with("No space left"), 1, "{}", ended.stderr);
        assert_same(&traffic.sets, &collector.finish().sets());
        assert_eq!((account.taken, account.missed), (account.datagrams, 0));
        let export = Export::parse_start(&bytes).expect("whole records");
        export.assert_no_gap();
        let written = u64::try_from(export.datagrams()).expect("a count");
        assert!(written > 0, "{}", ended.stderr);
        assert_eq!(
            written + output_dropped(&ended.stderr, "datagrams"),
            account.datagrams
        );
    }
}

#[test]
fn printed_records_go_on_beside_a_file_that_is_full() {
    if !requirements("printed_records_go_on_beside_a_file_that_is_full", &[]) {
        return;
    }
    let traffic = BUILT.traffic(50_000, "--noise 0");
    for cores in core_counts() {
        let (ended, _) = run_into_small(&["--print --cores", cores], &traffic.capture);
        ended.assert_failure(1, &["export.pcap", "No space left"]);
        assert_eq!(ended.lines().len(), traffic.sets.len() + 1);
        assert_eq!(output_dropped(&ended.stderr, "lines"), 0);
    }
}

/// A reader that closes standard output has seen enough; that the run goes on for others is said, and it is a failure.
#[test]
fn a_closed_reader_beside_another_output() {
    let traffic = BUILT.traffic(50_000, "--noise 0");
    for cores in core_counts() {
        let folder = Folder::new();
        let written = folder.path("export.pcap");
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let ended = BUILT
            .reading(&traffic.capture)
            .with("--print")
            .option("-w", &written)
            .option("--cores", cores)
            .stdout(writer)
            .run();
        ended.assert_failure(1, &["standard output", "pipe"]);
        assert_same(&traffic.sets, &Export::of(&written).sets());
        let lines = u64::try_from(traffic.sets.len()).expect("a count");
        assert_eq!(output_dropped(&ended.stderr, "lines"), lines);
    }
}

#[test]
fn the_only_output_ends_the_run_and_stays_readable() {
    if !requirements("the_only_output_ends_the_run_and_stays_readable", &[]) {
        return;
    }
    let traffic = BUILT.traffic(50_000, "--noise 0");
    for cores in core_counts() {
        let (ended, bytes) = run_into_small(&["--cores", cores], &traffic.capture);
        ended.assert_failure(1, &["export.pcap", "No space left"]);
        let account = ended.account();
        assert!(account.total.received < traffic.packets, "it ended early");
        let export = Export::parse_start(&bytes).expect("whole records");
        let written = u64::try_from(export.datagrams()).expect("a count");
        assert_eq!(
            written + output_dropped(&ended.stderr, "datagrams"),
            account.datagrams
        );
    }
}

#[test]
fn with_strict_output_one_failure_ends_the_run() {
    if !requirements("with_strict_output_one_failure_ends_the_run", &[]) {
        return;
    }
    let traffic = BUILT.traffic(50_000, "--noise 0");
    for cores in core_counts() {
        let options = ["--print --strict-output --cores", cores];
        let (ended, bytes) = run_into_small(&options, &traffic.capture);
        ended.assert_failure(1, &["export.pcap", "No space left"]);
        assert!(
            ended.account().total.received < traffic.packets,
            "it ended early"
        );
        Export::parse_start(&bytes).expect("whole records");
    }
}
