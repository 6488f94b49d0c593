//! The sensor among processes: its pid file, and signals.

use std::fs;
use std::io::Write as _;
use std::thread;

use dnsflow_capfile::pcap::FILE_HEADER_BYTES;
use dnsflow_testkit::capture::{empty, pcap};
use dnsflow_testkit::export::Export;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::response;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::core_counts;
use dnsflow_testkit::sensor::Running;

use crate::BUILT;

/// Starts one that waits on standard input, and waits until its pid file is there.
fn holding(pidfile: &std::path::Path) -> Running {
    let running = BUILT
        .sensor(["-r", "-"])
        .option("-P", pidfile)
        .with_pipe()
        .start();
    let id = running.id().to_string();
    until("the pid file", || {
        let text = fs::read_to_string(pidfile).ok()?;
        (text.trim() == id).then_some(())
    });
    running
}

#[test]
fn a_pid_file_is_held_until_the_end() {
    let folder = Folder::new();
    let pidfile = folder.path("dnsflow.pid");
    let mut first = holding(&pidfile);
    let second = BUILT
        .sensor(["-r", "-"])
        .option("-P", &pidfile)
        .fed(&empty())
        .run();
    let held = format!("(pid {})", first.id());
    second.assert_failure(
        1,
        &[&pidfile.display().to_string(), &held, "running already"],
    );
    assert!(pidfile.exists(), "the second start left it alone");
    let mut stdin = first.stdin();
    stdin.write_all(&empty()).expect("it reads");
    drop(stdin);
    first.wait().assert_success();
    assert!(!pidfile.exists(), "it goes with its process");
}

#[test]
fn a_record_from_a_pipe_does_not_wait_for_others() {
    let folder = Folder::new();
    let written = folder.path("export.pcap");
    let mut running = BUILT
        .sensor(["-r", "-", "--flush", "0.05"])
        .option("-w", &written)
        .with_pipe()
        .start();
    let mut stdin = running.stdin();
    stdin
        .write_all(&pcap([&response(1).ethernet()]))
        .expect("it reads");
    // The pipe stays open, and nothing more comes.
    until("the record", || {
        let bytes = fs::read(&written).ok()?;
        (bytes.len() > FILE_HEADER_BYTES).then_some(())
    });
    drop(stdin);
    running.wait().assert_success();
    let export = Export::parse(&fs::read(&written).expect("it is there")).expect("an export");
    assert_eq!(export.sets(), [response(1).set()]);
}

#[test]
fn a_pid_file_that_nobody_holds_is_taken_over() {
    let folder = Folder::new();
    let pidfile = folder.file("dnsflow.pid", b"4194304 and what else was in it\n");
    let mut running = holding(&pidfile);
    drop(running.stdin());
    running.wait();
    assert!(!pidfile.exists());
}

#[test]
fn a_pid_file_goes_when_the_start_fails() {
    let folder = Folder::new();
    let pidfile = folder.path("dnsflow.pid");
    let ended = BUILT
        .reading(&folder.path("missing"))
        .option("-P", &pidfile)
        .run();
    ended.assert_failure(1, &["missing"]);
    assert!(!pidfile.exists());
}

#[test]
fn a_pid_file_that_was_killed_for_is_free() {
    let folder = Folder::new();
    let pidfile = folder.path("dnsflow.pid");
    // Dropped is killed: it has no chance to clean up.
    drop(holding(&pidfile));
    assert!(pidfile.exists());
    let mut next = holding(&pidfile);
    drop(next.stdin());
    next.wait();
}

/// Input without end: what was read until the signal is exported, and nothing half.
#[test]
fn a_signal_ends_input_that_does_not_end() {
    let capture = pcap([&response(1).ethernet()]);
    for cores in core_counts() {
        for signal in ["TERM", "INT"] {
            let folder = Folder::new();
            let path = folder.path("export.pcap");
            let mut running = BUILT
                .sensor(["-r", "-"])
                .option("-w", &path)
                .option("--cores", cores)
                .with_pipe()
                .start();
            let mut stdin = running.stdin();
            let (head, record) = (
                capture[..FILE_HEADER_BYTES].to_vec(),
                capture[FILE_HEADER_BYTES..].to_vec(),
            );
            let feeder = thread::spawn(move || {
                let mut fed = stdin.write_all(&head);
                while fed.is_ok() {
                    fed = stdin.write_all(&record);
                }
            });
            until("the first sets", || {
                let written = fs::metadata(&path).map_or(0, |found| found.len());
                (written > 100_000).then_some(())
            });
            assert!(running.is_running());
            running.signal(signal);
            let ended = running.wait();
            ended.assert_success();
            feeder.join().expect("the feeder does not panic");
            let sets = Export::of(&path).sets();
            let account = ended.account();
            assert_eq!(u64::try_from(sets.len()), Ok(account.total.exported));
            assert_eq!(account.total.received, account.total.exported);
            assert!(sets.iter().all(|set| *set == response(1).set()));
        }
    }
}

/// The same where nothing more comes and the input is not closed either.
#[test]
fn a_signal_ends_the_wait_for_input() {
    let capture = pcap([&response(1).ethernet(), &response(2).ethernet()]);
    for cores in core_counts() {
        let folder = Folder::new();
        let (path, pidfile) = (folder.path("export.pcap"), folder.path("pid"));
        let mut running = BUILT
            .sensor(["-r", "-"])
            .option("-w", &path)
            .option("-P", &pidfile)
            .option("--cores", cores)
            .with_pipe()
            .start();
        let mut stdin = running.stdin();
        stdin.write_all(&capture).expect("it reads");
        until("the pid file", || pidfile.exists().then_some(()));
        until("the export", || path.exists().then_some(()));
        running.signal("TERM");
        let ended = running.wait();
        ended.assert_success();
        drop(stdin);
        let sets = Export::of(&path).sets();
        assert_eq!(
            u64::try_from(sets.len()),
            Ok(ended.account().total.exported)
        );
    }
}

/// And where nobody has opened the other end yet.
#[test]
fn a_signal_ends_the_wait_for_a_writer() {
    let folder = Folder::new();
    let (fifo, pidfile) = (folder.path("fifo"), folder.path("pid"));
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let path = folder.path("export.pcap");
    let mut running = BUILT
        .reading(&fifo)
        .option("-P", &pidfile)
        .option("-w", &path)
        .start();
    until("the pid file", || pidfile.exists().then_some(()));
    until("the export", || path.exists().then_some(()));
    running.signal("INT");
    let ended = running.wait();
    ended.assert_success();
    assert_eq!(ended.account().total.received, 0);
    assert!(Export::of(&path).sets().is_empty());
}

#[test]
fn as_much_is_said_as_was_asked_for() {
    let capture = pcap([&response(1).ethernet()]);
    let said = |level: &str, capture: &[u8]| {
        let options = ["-r", "-", "--log-level", level];
        let ended = BUILT.sensor(options).fed(capture).run();
        let lines = ended.stderr.lines();
        lines
            .inspect(|line| assert!(line.starts_with("dnsflow: "), "{line}"))
            .count()
    };
    assert_eq!(said("error", &capture), 0);
    assert_eq!(said("warn", &capture), 0);
    assert_eq!(said("info", &capture), 2);
    assert!(said("debug", &capture) > 2);
    assert_eq!(said("error", &capture[..capture.len() - 1]), 1);
}
