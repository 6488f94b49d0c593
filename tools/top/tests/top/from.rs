//! `--from`: what a collector counts, shown as if the program had counted it.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use dnsflow_tally::{Kind, Snapshot};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::{Ended, Process};

use crate::BUILT;
use crate::input::{Sender, times};
use crate::terminal::Terminal;

/// A collector that serves a page: where it listens, and where it is asked.
struct Collector {
    process: Process,
    listens: SocketAddr,
    serves: SocketAddr,
}

impl Collector {
    fn start(serve: &str, options: &[&str]) -> Self {
        let mut command = Command::new(BUILT.path("dnsflow-collect"));
        command.args(["--listen", "127.0.0.1:0", "--serve", serve, "--page"]);
        let process = Process::spawn("dnsflow-collect", command.args(options));
        let address = |mark: &str| {
            until(mark, || {
                let said = process.said();
                let (_, behind) = said.split_once(mark)?;
                let (address, _) = behind.split_once(['\n', '/'])?;
                address.parse().ok()
            })
        };
        Self {
            listens: address("listening on "),
            serves: address("names on http://"),
            process,
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.serves)
    }

    fn stop(mut self) {
        self.process.signal("TERM");
        self.process.wait().assert_success();
    }
}

fn once(url: &str, options: &[&str]) -> Ended {
    let mut command = Command::new(BUILT.path("dnsflow-top"));
    command.args(["--from", url, "--once"]).args(options);
    Process::spawn("dnsflow-top", &mut command).wait()
}

#[test]
fn a_collector_has_counted_before() {
    let collector = Collector::start("127.0.0.1:0", &[]);
    let sender = Sender::named("edge-1", collector.listens);
    sender.send(1, &times(3, "a.example.org"));
    // Number 2 is lost, and 3 comes twice.
    sender.send(3, &times(2, "b.example.org"));
    sender.send(3, &times(2, "b.example.org"));
    sender.send(4, &times(1, "c.example.org"));
    let snapshot = until("all records", || {
        let ended = once(&collector.url(), &["--json"]);
        ended.assert_success();
        let snapshot: Snapshot = serde_json::from_str(ended.text()).expect("a snapshot");
        (snapshot.total.records == 6 && snapshot.total.doubled == 1).then_some(snapshot)
    });
    let names = snapshot.list(Kind::Names).items.iter();
    let names: Vec<_> = names.map(|item| (item.key.as_str(), item.count)).collect();
    assert_eq!(
        names,
        [
            ("a.example.org", 3),
            ("b.example.org", 2),
            ("c.example.org", 1)
        ]
    );
    let counts = snapshot.sensors[0].total;
    assert_eq!(snapshot.sensors[0].sensor, "edge-1");
    assert_eq!((counts.datagrams, counts.lost, counts.doubled), (4, 1, 1));
    assert!((counts.loss() - 0.25).abs() < 1e-9);
    let table = once(&collector.url(), &["--rows", "2"]);
    table.assert_success();
    assert!(table.text().contains("edge-1") && table.text().contains("b.example.org"));
    assert!(!table.text().contains("c.example.org"), "{}", table.text());
    collector.stop();
}

#[test]
fn a_collector_that_goes_away_is_said_and_comes_back() {
    let collector = Collector::start("127.0.0.1:0", &[]);
    let (url, serves) = (collector.url(), collector.serves.to_string());
    let sender = Sender::named("edge-1", collector.listens);
    sender.send(1, &times(3, "a.example.org"));
    let mut terminal = Terminal::of_program(&["--from", &url]);
    terminal.wait_for("a.example.org");
    let lines = terminal.wait_for("edge-1");
    assert!(lines[0].contains(&url), "{}", lines[0]);
    collector.stop();
    let lines = terminal.wait_for("away: ");
    assert!(lines.iter().any(|line| line.contains("a.example.org")));
    let collector = Collector::start(&serves, &[]);
    let sender = Sender::named("edge-2", collector.listens);
    sender.send(1, &times(3, "b.example.org"));
    terminal.wait("the other one", |lines| {
        let has = |text: &str| lines.iter().any(|line| line.contains(text));
        has("b.example.org") && has("edge-2") && !has("away: ") && !has("edge-1")
    });
    terminal.press("q");
    terminal.end_well();
    collector.stop();
}

#[test]
fn a_token_is_sent_and_what_is_wrong_is_said() {
    let folder = Folder::new();
    let token = folder.file("token", b"correct-horse-battery\n");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let token = token.to_str().expect("UTF-8");
    let collector = Collector::start("127.0.0.1:0", &["--token-file", token]);
    let url = collector.url();
    once(&url, &[]).assert_failure(1, &["status 401", "--token-file"]);
    once(&url, &["--token-file", token]).assert_success();
    once(&url, &["--token-file", "/nowhere"]).assert_failure(1, &["--token-file /nowhere"]);
    collector.stop();
    once(&url, &[]).assert_failure(1, &[&url, "--page"]);
    once("localhost", &[]).assert_failure(1, &["http://HOST:PORT is wanted"]);
    once("https://localhost", &[]).assert_failure(1, &["no TLS"]);
}
