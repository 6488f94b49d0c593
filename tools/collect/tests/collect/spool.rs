//! Stores that are away, crashes, and disks without room.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::root;

use crate::BUILT;
use crate::datagrams::{Sender, v5};
use crate::program::{Collector, lines, numbers};

/// Python with DuckDB, which `.ci/setup test` has installed.
const PYTHON: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../venv/bin/python");

/// Prints the first column of each row.
const QUERY: &str =
    "import sys, duckdb\nfor row in duckdb.sql(sys.argv[1]).fetchall(): print(row[0])";

const DATAGRAMS: &str = "dnsflow_collect_datagrams_total";
const LOST: &str = "dnsflow_collect_lost_datagrams";
const STORED: &str = "dnsflow_collect_store_records_total";

/// In the end, each datagram is in the files once, or is counted as lost.
#[test]
fn killed_it_writes_each_line_once_or_counts_it() {
    let folder = Folder::new();
    let out = folder.path("out");
    let to = format!("jsonl:{}?size=4K", out.display());
    killed(&folder, &to, || numbers(&lines(&out)));
}

/// The same of Parquet, as DuckDB reads it.
#[test]
fn killed_it_writes_each_row_once_or_counts_it() {
    let folder = Folder::new();
    let out = folder.path("out");
    let to = format!("parquet:{}?every=1s", out.display());
    killed(&folder, &to, || {
        let query = format!(
            "select query from read_parquet('{}/responses/**/*.parquet')",
            out.display()
        );
        let mut command = Command::new(PYTHON);
        let ended = Process::spawn("duckdb", command.args(["-c", QUERY, &query])).wait();
        ended.assert_success();
        let number = |name: &str| name.strip_prefix('n')?.split('.').next()?.parse().ok();
        ended.text().lines().filter_map(number).collect()
    });
}

/// Kills a collector again and again while datagrams come, and compares its account with what `stored`
/// finds in the store.
fn killed(folder: &Folder, to: &str, stored: impl Fn() -> Vec<u64>) {
    let spool = folder.path("spool");
    let options = ["--to", to, "--spool", spool.to_str().expect("text")];
    let mut number = 0;
    // One port for all, as a sensor has.
    let mut sender: Option<Sender> = None;
    let mut address = "127.0.0.1:0".to_owned();
    let mut account = (0, 0);
    for round in 0..4 {
        let mut command = Command::new(BUILT.path("dnsflow-collect"));
        command.args(["--listen", &address, "--metrics", "127.0.0.1:0"]);
        let collector = Collector::started(command.args(options));
        address = collector.address.to_string();
        let sender = sender.get_or_insert_with(|| Sender::from("127.0.0.1", collector.address));
        let before = collector.metric(DATAGRAMS, "");
        for _ in 0..300 {
            number += 1;
            sender.send(&v5(number, 9, 0));
        }
        until("some to be received", || {
            (collector.metric(DATAGRAMS, "") > before).then_some(())
        });
        if round < 3 {
            // Before anything of a stream is in the spool, nobody knows where it began.
            if round == 0 {
                collector.wait_for_some(STORED);
            }
            collector.kill();
            // Some are sent while nobody listens.
            for _ in 0..10 {
                number += 1;
                sender.send(&v5(number, 9, 0));
            }
        } else {
            // Whatever was lost shows once a later one has come.
            collector.wait_for_more(sender, &mut number);
            account = (collector.metric(DATAGRAMS, ""), collector.metric(LOST, ""));
            collector.stop().assert_success();
        }
    }
    let stored = stored();
    let once: BTreeSet<u64> = stored.iter().copied().collect();
    assert_eq!(once.len(), stored.len(), "none is stored twice");
    let (datagrams, lost) = account;
    assert_eq!(
        stored.len() as u64,
        datagrams,
        "what is accounted for is stored"
    );
    assert_eq!(datagrams + lost, number, "and the rest is counted as lost");
    assert!(lost >= 30, "what was sent to nobody");
}

impl Collector {
    fn wait_for_some(&self, name: &str) {
        until(name, || (self.metric(name, "") > 0).then_some(()));
    }

    /// Sends one more until everything before it has been looked at.
    fn wait_for_more(&self, sender: &Sender, number: &mut u64) {
        let all = |number: u64| self.metric(DATAGRAMS, "") + self.metric(LOST, "") == number;
        until("all to be looked at", || {
            if all(*number) {
                return Some(());
            }
            *number += 1;
            sender.send(&v5(*number, 9, 0));
            None
        });
    }
}

/// A store that is away at first: what it has missed comes from the spool, over a restart of the collector.
#[test]
fn a_store_that_was_away_gets_everything() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let store = listener.local_addr().expect("bound");
    drop(listener);
    let to = format!("jsonl:tcp://{store}");
    let spool = folder.path("spool");
    let options = [
        "--to",
        &to,
        "--spool",
        spool.to_str().expect("text"),
        "--drain-time",
        "1",
    ];
    let collector = Collector::start(&options);
    let sender = Sender::from("127.0.0.1", collector.address);
    for number in 1..=50 {
        sender.send(&v5(number, 9, 0));
    }
    collector.wait_for(DATAGRAMS, "", 50);
    let ended = collector.stop();
    ended.assert_success();
    assert!(
        ended.stderr.contains("50 records are in the spool"),
        "{}",
        ended.stderr
    );

    let listener = TcpListener::bind(store).expect("the port is free still");
    let collector = Collector::start(&options);
    let (connection, _) = listener.accept().expect("the collector connects");
    let stored: Vec<String> = BufReader::new(connection)
        .lines()
        .take(50)
        .map(|line| line.expect("a line"))
        .collect();
    assert_eq!(numbers(&stored), (1..=50).collect::<Vec<_>>());
    collector.stop().assert_success();
}

/// Without a spool, what no store has taken is lost at the end, and that is an error.
#[test]
fn without_a_spool_what_is_left_is_lost_and_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let to = format!("jsonl:tcp://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let collector = Collector::start(&["--to", &to, "--drain-time", "0"]);
    let sender = Sender::from("127.0.0.1", collector.address);
    for number in 1..=5 {
        sender.send(&v5(number, 9, 0));
    }
    collector.wait_for(DATAGRAMS, "", 5);
    let ended = collector.stop();
    ended.assert_failure(1, &["5 records were not stored and are lost", "--spool"]);
}

/// The disk of the spool is full: batches go on in memory, and that is said.
#[test]
fn a_full_disk_is_said_and_survived() {
    if !root("a_full_disk_is_said_and_survived") {
        return;
    }
    let folder = Folder::new();
    let spool = folder.path("spool");
    std::fs::create_dir_all(&spool).expect("a folder");
    let program = BUILT.argument("dnsflow-collect");
    let out = folder.path("out");
    let script = format!(
        "mount -t tmpfs -o size=64k none {spool} && exec {program} --listen 127.0.0.1:0 \
         --metrics 127.0.0.1:0 --spool {spool} --to jsonl:{out}",
        spool = spool.display(),
        out = out.display(),
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]);
    let mut collector = Collector::started(&mut command);
    let sender = Sender::from("127.0.0.1", collector.address);
    let mut number = 0;
    until("the disk to be full", || {
        for _ in 0..50 {
            number += 1;
            sender.send(&v5(number, 9, 0));
        }
        let said = collector.process.said();
        said.contains("can't write to the spool").then_some(())
    });
    collector.wait_for(DATAGRAMS, "", number);
    assert!(collector.metric("dnsflow_collect_unspooled_batches_total", "") > 0);
    collector.process.signal("TERM");
    let ended = collector.process.wait();
    ended.assert_success();
    assert_eq!(numbers(&lines(&out)), (1..=number).collect::<Vec<_>>());
}
