//! Outputs that end before the sensor does: those that went away are no failure, those that are full are.

use std::fs::File;
use std::io;
use std::process::Stdio;

use dnsflow_testkit::requirements::core_counts;

use crate::BUILT;

fn full() -> File {
    File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full")
}

/// The writing end of a pipe that nobody reads any more.
fn closed() -> Stdio {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn who_reads_only_the_first_lines_hears_no_complaint() {
    let traffic = BUILT.traffic(50_000, "");
    for cores in core_counts() {
        for option in ["--print", "-w -"] {
            let (mut reader, writer) = io::pipe().expect("a pipe");
            let running = BUILT
                .reading(&traffic.capture)
                .with(option)
                .option("--cores", cores)
                .stdout(writer)
                .start();
            let mut first = [0; 100];
            io::Read::read_exact(&mut reader, &mut first).expect("the first lines");
            drop(reader);
            let ended = running.wait();
            ended.assert_success();
            assert!(!ended.stderr.contains("ipe"), "{option}: {}", ended.stderr);
        }
    }
}

#[test]
fn nor_does_who_reads_nothing() {
    let traffic = BUILT.traffic(100, "");
    for options in ["--print", "-w -", "--print-filter"] {
        let ended = BUILT
            .reading(&traffic.capture)
            .with(options)
            .stdout(closed())
            .run();
        ended.assert_success();
        assert!(!ended.stderr.contains("ipe"), "{options}: {}", ended.stderr);
    }
}

#[test]
fn what_is_full_is_an_error() {
    let traffic = BUILT.traffic(2000, "");
    for cores in core_counts() {
        let ended = BUILT
            .reading(&traffic.capture)
            .with("-w /dev/full")
            .option("--cores", cores)
            .run();
        ended.assert_failure(1, &["/dev/full", "No space left on device"]);
        for options in ["--print", "-w -", "--print-filter"] {
            let ended = BUILT
                .reading(&traffic.capture)
                .with(options)
                .option("--cores", cores)
                .stdout(full())
                .run();
            ended.assert_failure(1, &["No space left on device"]);
        }
    }
}

/// There is nobody to tell, and that is no reason to fail at what can be done.
#[test]
fn a_standard_error_that_takes_nothing_stops_nothing() {
    let traffic = BUILT.traffic(100, "");
    for stderr in [Stdio::from(full()), closed()] {
        let ended = BUILT
            .reading(&traffic.capture)
            .with("--print")
            .stderr(stderr)
            .run();
        ended.assert_success();
        assert_eq!(ended.lines().len(), traffic.sets.len() + 1);
    }
}

#[test]
fn no_progress_is_drawn_into_a_pipe() {
    let traffic = BUILT.traffic(200_000, "");
    let ended = BUILT.reading(&traffic.capture).with("-w /dev/null").run();
    ended.assert_success();
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "the account and nothing else: {lines:?}");
    assert!(!ended.stderr.contains(['\r', '\x1b']), "{:?}", ended.stderr);
}
