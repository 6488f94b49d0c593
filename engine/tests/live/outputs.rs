//! Outputs that block while packets come: they cost the other outputs nothing, and a signal ends the run.

use std::io::{self, Read as _};
use std::process::{Command, Stdio};

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::{alone, core_counts, requirements};
use dnsflow_testkit::sensor::output_dropped;

use crate::BUILT;

/// More lines than queue and pipe hold.
const MANY: &str = "--rate 100000 --count 200000 --frames 200000 --noise 0";

fn start(wire: &Wire, options: &[&str], stdout: impl Into<Stdio>) -> Process {
    let mut command = wire.sensor.command(BUILT.path("dnsflow"));
    command
        .args(["--interface", TAP, "--ring", "256"])
        .args(options);
    command
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped());
    let mut process = Process::start("dnsflow", &mut command);
    process.wait_until_it_says("dnsflow: filter:");
    process
}

#[test]
fn standard_output_that_nobody_reads() {
    if !requirements("standard_output_that_nobody_reads", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let (wire, folder) = (Wire::new(), Folder::new());
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = collector.address();
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let options = ["--cores", cores, "--print", "-u", &address];
        let mut sensor = start(&wire, &options, writer);
        let sent = BUILT.send(&wire.sender, OUT, &folder, MANY);
        sensor.signal("TERM");
        let ended = sensor.wait();
        ended.assert_success();
        let account = ended.account();
        account.assert_nothing_lost_by_the_kernel();
        assert_same(&sent.sets, &collector.finish().sets());
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("text");
        assert!(text.ends_with('\n'), "whole lines");
        let printed = text.lines().count() - 1;
        assert!(printed > 0, "the pipe is full");
        assert_eq!(
            printed as u64 + output_dropped(&ended.stderr, "lines"),
            sent.sets.len() as u64
        );
        assert_eq!(account.lines_with("is not read fast enough"), 1);
    }
}

#[test]
fn a_fifo_that_nobody_reads() {
    if !requirements("a_fifo_that_nobody_reads", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let (wire, folder) = (Wire::new(), Folder::new());
        let fifo = folder.argument("fifo");
        let made = Command::new("mkfifo").arg(&fifo).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo");
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = collector.address();
        let options = ["--cores", cores, "-w", &fifo, "-u", &address];
        let mut sensor = start(&wire, &options, Stdio::null());
        sensor.wait_until_it_says("waiting for a reader of the FIFO");
        let few = "--rate 100000 --count 2000 --frames 2000 --noise 0";
        let sent = BUILT.send(&wire.sender, OUT, &folder, few);
        sensor.signal("TERM");
        let ended = sensor.wait();
        ended.assert_success();
        assert_same(&sent.sets, &collector.finish().sets());
        let lost = output_dropped(&ended.stderr, "datagrams");
        assert_eq!(lost, ended.account().datagrams);
    }
}

/// A file that is full is said once and counted, and collectors get everything.
#[test]
fn a_file_that_is_full() {
    if !requirements("a_file_that_is_full", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let (wire, folder) = (Wire::new(), Folder::new());
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = collector.address();
        let options = ["--cores", cores, "-w", "/dev/full", "-u", &address];
        let mut sensor = start(&wire, &options, Stdio::null());
        let few = "--rate 100000 --count 20000 --frames 20000 --noise 0";
        let sent = BUILT.send(&wire.sender, OUT, &folder, few);
        sensor.wait_until_it_says("the other outputs go on without it");
        assert!(sensor.is_running());
        sensor.signal("TERM");
        let ended = sensor.wait();
        ended.assert_failure(1, &["/dev/full", "No space left"]);
        let account = ended.account();
        assert_eq!(account.lines_with("No space left"), 1);
        assert_same(&sent.sets, &collector.finish().sets());
        let lost = output_dropped(&ended.stderr, "datagrams");
        assert_eq!(lost, account.datagrams);
    }
}

#[test]
fn the_only_output_ends_the_run() {
    if !requirements("the_only_output_ends_the_run", &[]) {
        return;
    }
    let _alone = alone();
    for options in [
        &["-w", "/dev/full"][..],
        &["-w", "/dev/full", "--strict-output", "-u", "127.0.0.1:9"],
    ] {
        let (wire, folder) = (Wire::new(), Folder::new());
        let sensor = start(&wire, options, Stdio::null());
        let few = "--rate 100000 --count 20000 --frames 20000 --noise 0";
        let _ = BUILT.send(&wire.sender, OUT, &folder, few);
        let ended = sensor.wait();
        ended.assert_failure(1, &["/dev/full", "No space left"]);
    }
}
