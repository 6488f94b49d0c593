//! Stores that are away, crashes, and disks without room.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::root;

use crate::BUILT;
use crate::datagrams::{Sender, v5};
use crate::killed::killed;
use crate::nats;
use crate::program::{Collector, lines, numbers};

/// Python with DuckDB, which `.ci/setup test` has installed.
const PYTHON: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../venv/bin/python");

/// Prints the first column of each row.
const QUERY: &str =
    "import sys, duckdb\nfor row in duckdb.sql(sys.argv[1]).fetchall(): print(row[0])";

const DATAGRAMS: &str = "dnsflow_collect_datagrams_total";

/// In the end, each datagram is in the files once, or is counted as lost.
#[test]
fn killed_it_writes_each_line_once_or_counts_it() {
    let folder = Folder::new();
    let out = folder.path("out");
    let to = format!("jsonl:{}?size=4K", out.display());
    killed(&folder, &to, &mut || {}, || numbers(&lines(&out)));
}

/// The same of a stream of NATS, whose server is killed too.
#[test]
fn killed_it_publishes_each_line_once_or_counts_it() {
    if !nats::is_there("killed_it_publishes_each_line_once_or_counts_it") {
        return;
    }
    let folder = Folder::new();
    let server = RefCell::new(nats::Server::start());
    let to = format!("nats://127.0.0.1:{}?timeout=5s", server.borrow().port);
    let mut disturb = || {
        let mut server = server.borrow_mut();
        server.kill();
        server.start_again();
    };
    killed(&folder, &to, &mut disturb, || {
        numbers(&server.borrow().lines())
    });
}

/// The same of Parquet, as DuckDB reads it.
#[test]
fn killed_it_writes_each_row_once_or_counts_it() {
    let folder = Folder::new();
    let out = folder.path("out");
    let to = format!("parquet:{}?every=1s", out.display());
    killed(&folder, &to, &mut || {}, || {
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
