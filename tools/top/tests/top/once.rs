//! `--once`: tables and JSON, against exact counts.

use std::collections::HashMap;
use std::process::{Command, Stdio};

use dnsflow_tally::{Kind, Snapshot};
use dnsflow_testkit::datagrams::{Told, v4, v5};
use dnsflow_testkit::process::{Ended, Process};

use crate::input::{Sender, capture, file, times, wait_until_read};

fn spawn(arguments: &[&str]) -> Process {
    let mut command = Command::new(crate::BUILT.path("dnsflow-top"));
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Process::start("dnsflow-top", &mut command)
}

fn run(arguments: &[&str], input: Vec<u8>) -> Ended {
    spawn(arguments).fed(input).wait()
}

fn list(snapshot: &Snapshot, kind: Kind) -> Vec<(String, u64, u64)> {
    let items = snapshot.list(kind).items.iter();
    items
        .map(|item| (item.key.clone(), item.count, item.error))
        .collect()
}

#[test]
fn a_table_of_a_file() {
    let other = Told {
        rcode: 3,
        record_type: 28,
        addresses: Vec::new(),
        ..Told::of("www.example.co.uk").to("2001:db8::7")
    };
    let datagrams = [
        v4(1, &times(3, "WWW.example.org")),
        v5(Some(b"edge-1"), 0, 1, 1, &[other]),
        // Twice, of which one counts; number 2 is lost.
        v5(Some(b"edge-1"), 0, 1, 3, &times(2, "b.example.org")),
        v5(Some(b"edge-1"), 0, 1, 3, &times(2, "b.example.org")),
        b"no datagram".to_vec(),
    ];
    let ended = run(&["--read", "-", "--once"], capture(&datagrams));
    ended.assert_success();
    let expected = include_str!("expected/table.txt");
    assert_eq!(ended.text(), expected, "\n{}", ended.text());
    assert!(expected.lines().all(|line| line.len() <= 80));
}

#[test]
fn counts_of_json_are_within_their_errors() {
    let mut exact: HashMap<String, u64> = HashMap::new();
    let mut datagrams = Vec::new();
    for number in 1..=300_u64 {
        // Frequent ones, and one that comes once.
        let names = (1..=20)
            .filter(|n| number % n == 0)
            .map(|n| format!("n{n}.example"));
        let names: Vec<_> = names.chain([format!("once{number}.example")]).collect();
        let told: Vec<_> = names.iter().map(|name| Told::of(name)).collect();
        datagrams.push(v5(None, 0, 1, number, &told));
        names
            .into_iter()
            .for_each(|name| *exact.entry(name).or_default() += 1);
    }
    let total: u64 = exact.values().sum();
    let path = file("counts.pcap", &capture(&datagrams));
    let path = path.to_str().expect("UTF-8");
    for (keys, is_exact) in [("5000", true), ("40", false)] {
        let arguments = [
            "-r", path, "--once", "--json", "--rows", "9999", "--keys", keys,
        ];
        let ended = run(&arguments, Vec::new());
        ended.assert_success();
        assert_eq!(ended.lines().len(), 1);
        let snapshot: Snapshot = serde_json::from_str(ended.text()).expect("a snapshot");
        assert_eq!((snapshot.total.records, snapshot.total.lost), (total, 0));
        let found = list(&snapshot, Kind::Names);
        assert_eq!(found.len(), if is_exact { exact.len() } else { 40 });
        for (name, count, error) in &found {
            let truth = exact[name];
            assert!(truth <= *count && count - error <= truth, "{name}: {truth}");
            assert!(!is_exact || *error == 0);
        }
        assert_eq!((found[0].0.as_str(), found[0].1), ("n1.example", 300));
        for (name, truth) in exact.iter().filter(|(_, truth)| **truth > total / 40) {
            let is_in = found.iter().any(|(key, ..)| key == name);
            assert!(is_in, "{name} came {truth} times");
        }
    }
}

#[test]
fn a_signal_ends_it_with_what_came() {
    for signal in ["TERM", "INT"] {
        let mut program = spawn(&["--listen", "127.0.0.1:0", "--once", "86400", "--json"]);
        program.wait_until_it_says("listening on");
        let said = program.said();
        let address = said.trim().rsplit(' ').next().expect("an address");
        let address = address.parse().expect("an address");
        let sender = Sender::named("edge-1", address);
        sender.send(7, &times(3, "a.example.org"));
        sender.send(9, &times(4, "b.example.org"));
        sender.send(8, &times(1, "late.example.org"));
        wait_until_read(address);
        // When this one was received, all before it were counted.
        Sender::named("last", address).send(1, &[]);
        wait_until_read(address);
        program.signal(signal);
        let ended = program.wait();
        ended.assert_success();
        let snapshot: Snapshot = serde_json::from_str(ended.text()).expect("a snapshot");
        let names = [("b", 4), ("a", 3), ("late", 1)];
        let names = names.map(|(name, count)| (format!("{name}.example.org"), count, 0));
        assert_eq!(list(&snapshot, Kind::Names), names);
        let edge = snapshot
            .sensors
            .iter()
            .find(|row| row.sensor == "edge-1")
            .expect("a sensor");
        let counts = edge.recent;
        assert_eq!((counts.datagrams, counts.records), (3, 8));
        assert_eq!((counts.lost, counts.late, counts.restarts), (0, 1, 0));
    }
}

#[test]
fn time_ends_it_too() {
    let ended = run(&["--listen", "[::1]:0", "--once", "0.01"], Vec::new());
    ended.assert_success();
    assert!(ended.text().contains("records     0 ("), "{}", ended.text());
}

#[test]
fn what_is_wrong_is_said() {
    let path = |name, bytes: &[u8]| file(name, bytes).to_str().expect("UTF-8").to_owned();
    let whole = capture(&[v4(1, &times(2, "a.example.org"))]);
    let cut = path("cut.pcap", &[&whole[..], &whole[24..40]].concat());
    let ended = run(&["--read", &cut, "--once"], Vec::new());
    ended.assert_failure(1, &["cut.pcap", "1 packets before that were read"]);
    assert!(ended.text().contains("a.example.org"), "{}", ended.text());
    let text = path("text.pcap", b"this is no capture");
    run(&["--read", &text, "--once"], Vec::new()).assert_failure(1, &["text.pcap"]);
    run(&["--read", "/nonexistent/file", "--once"], Vec::new())
        .assert_failure(1, &["/nonexistent/file", "No such file"]);
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().map(|address| (taken, address));
    let (_taken, address) = taken.expect("an address");
    let address = address.to_string();
    run(&["--listen", &address, "--once"], Vec::new())
        .assert_failure(1, &["can't listen on", "choose another port"]);
    run(&["--json"], Vec::new()).assert_failure(2, &["--once"]);
    run(&[], Vec::new()).assert_failure(2, &["--listen", "--read"]);
}
