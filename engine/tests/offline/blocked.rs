//! Outputs that are not read: a file is read no faster than they are, and a signal ends the run all the same.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use dnsflow_testkit::export::{Export, assert_same};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::generator::Traffic;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::core_counts;
use dnsflow_testkit::sensor::{Running, output_dropped};

use crate::BUILT;

/// More than queue and pipe hold.
const MANY: u64 = 200_000;

fn many() -> Traffic {
    BUILT.traffic(MANY, "--noise 0")
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
}

/// Waits for the first byte of its output, and then until neither shards nor the thread of the output get any further:
/// look after look they sleep, and have not run in between.
fn until_it_is_blocked(running: &Running, reader: &mut io::PipeReader) {
    let mut first = [0];
    reader.read_exact(&mut first).expect("a byte of the header");
    let tasks = format!("/proc/{}/task", running.id());
    let (mut before, mut same) = (Vec::new(), 0);
    until("it to be blocked", || {
        thread::sleep(Duration::from_millis(50));
        let mut now = Vec::new();
        for task in fs::read_dir(&tasks).ok()?.flatten() {
            let file = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let name = file("comm");
            if name.starts_with("shard") || name.starts_with("output") {
                let state = file("stat");
                let sleeps = state.rsplit(')').next()?.trim_start().starts_with('S');
                now.push((name, sleeps, file("schedstat")));
            }
        }
        let rests = now == before && now.iter().all(|(_, sleeps, _)| *sleeps);
        same = if rests { same + 1 } else { 0 };
        before = now;
        (same == 10).then_some(())
    });
}

#[test]
fn a_slow_reader_loses_nothing_of_a_file() {
    let traffic = many();
    for cores in core_counts() {
        for option in ["--print", "-w -"] {
            let (mut reader, writer) = io::pipe().expect("a pipe");
            let running = BUILT
                .reading(&traffic.capture)
                .with(option)
                .option("--cores", cores)
                .stdout(writer)
                .start();
            until_it_is_blocked(&running, &mut reader);
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).expect("a pipe");
            let ended = running.wait();
            ended.assert_success();
            for unit in ["lines", "datagrams"] {
                assert_eq!(output_dropped(&ended.stderr, unit), 0, "{}", ended.stderr);
            }
            if option == "--print" {
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(lines, traffic.sets.len() + 1);
            } else {
                // The magic number's first byte was taken before.
                bytes.insert(0, 0xd4);
                let export = Export::parse(&bytes).expect("an export");
                assert_same(&traffic.sets, &export.sets());
            }
        }
    }
}

/// What is in the pipe and what was dropped are everything, and lines in the pipe are whole.
#[test]
fn a_signal_ends_a_run_that_waits_for_its_reader() {
    let traffic = many();
    for cores in core_counts() {
        for signal in ["TERM", "INT"] {
            let (mut reader, writer) = io::pipe().expect("a pipe");
            let mut running = BUILT
                .reading(&traffic.capture)
                .with("--print")
                .option("--cores", cores)
                .stdout(writer)
                .start();
            until_it_is_blocked(&running, &mut reader);
            assert!(running.is_running());
            running.signal(signal);
            let ended = running.wait();
            ended.assert_success();
            let mut text = String::new();
            reader.read_to_string(&mut text).expect("text");
            assert!(text.ends_with('\n'));
            let exported = ended.account().total.exported;
            let printed = text.lines().count() - 1;
            assert_eq!(
                printed as u64 + output_dropped(&ended.stderr, "lines"),
                exported,
                "{}",
                ended.stderr
            );
            assert!(exported < traffic.sets.len() as u64, "it was ended early");
            assert!(ended.stderr.contains("lines"), "{}", ended.stderr);
        }
    }
}

/// The end of the input is not the end of the output: a signal ends the wait for that, too.
#[test]
fn a_signal_ends_the_wait_for_the_last_lines() {
    let traffic = BUILT.traffic(10_000, "--noise 0");
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let mut running = BUILT
        .reading(&traffic.capture)
        .with("--print")
        .stdout(writer)
        .start();
    until_it_is_blocked(&running, &mut reader);
    running.signal("TERM");
    let ended = running.wait();
    ended.assert_success();
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    let printed = text.lines().count() - 1;
    assert_eq!(
        printed as u64 + output_dropped(&ended.stderr, "lines"),
        traffic.sets.len() as u64
    );
}

#[test]
fn a_fifo_that_nobody_reads_is_waited_for_and_the_wait_ends_with_a_signal() {
    let traffic = BUILT.traffic(100, "--noise 0");
    for cores in core_counts() {
        let folder = Folder::new();
        let path = folder.path("fifo");
        fifo(&path);
        let stderr = folder.path("stderr");
        let running = |errors: File| {
            BUILT
                .reading(&traffic.capture)
                .option("-w", &path)
                .option("--cores", cores)
                .stderr(errors)
                .start()
        };
        let waits = || {
            until("it to say that it waits", || {
                let said = fs::read_to_string(&stderr).ok()?;
                let line = "waiting for a reader of the FIFO";
                said.contains(line).then_some(())
            });
        };
        let mut first = running(File::create(&stderr).expect("a file"));
        waits();
        first.signal("TERM");
        assert!(first.wait().status.success());
        let said = fs::read_to_string(&stderr).expect("a file");
        assert!(output_dropped(&said, "datagrams") > 0, "{said}");
        // The same, with a reader that comes late.
        let second = running(File::create(&stderr).expect("a file"));
        waits();
        let bytes = fs::read(&path).expect("a FIFO");
        assert!(second.wait().status.success());
        let export = Export::parse(&bytes).expect("an export");
        assert_same(&traffic.sets, &export.sets());
    }
}
