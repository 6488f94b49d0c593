//! Addresses as they leave: dropped, cut, as pseudonyms; in each format, and never as they were.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dnsflow_privacy::{Choice, Key};
use dnsflow_testkit::capture::Pcap;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{ETHERNET, Ends, Response};
use dnsflow_testkit::patience::until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::BUILT;

/// A day, in seconds.
const DAY: u64 = 86_400;

/// Resolver and client of the responses.
const RESOLVERS: [&str; 2] = ["198.51.100.53", "2001:db8:53::53"];
const CLIENTS: [&str; 2] = ["10.20.48.57", "2001:db8:1:2:3:4:5:77"];

/// Responses over IPv4 and IPv6 at noon of the days 20,000 and 20,001.
fn capture(folder: &Folder) -> PathBuf {
    let mut packets = Vec::new();
    for day in [20_000, 20_001] {
        for (resolver, client) in RESOLVERS.into_iter().zip(CLIENTS) {
            let response = Response::new(Ends::of(resolver, client), "www.example", 1);
            let time = Duration::from_secs(day * DAY + DAY / 2);
            packets.push((time, response.ethernet()));
        }
    }
    folder.file("traffic.pcap", &Pcap::of(ETHERNET).file(packets))
}

/// A key of this digit, in a file with this mode.
fn key_file(folder: &Folder, digit: char, mode: u32) -> PathBuf {
    let path = folder.path(&format!("key-{digit}"));
    fs::write(&path, digit.to_string().repeat(64)).expect("room");
    fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a file of ours");
    path
}

/// Resolver and client of each record, as lines have them and as a file has them.
fn ends(capture: &Path, options: &[&str]) -> Vec<[IpAddr; 2]> {
    let folder = Folder::new();
    let mut all = Vec::new();
    for format in ["v4", "v5"] {
        let written = folder.path(format);
        let sensor = BUILT.reading(capture).option("--format", format);
        let sensor = options
            .iter()
            .fold(sensor, |sensor, option| sensor.with(option));
        let ended = sensor.option("-w", &written).with("--print").run();
        ended.assert_success();
        let lines: Vec<[IpAddr; 2]> = ended.lines()[1..]
            .iter()
            .map(|line| columns(line))
            .collect();
        let bytes = fs::read(&written).expect("a file");
        if !options.is_empty() {
            for client in CLIENTS {
                let address: IpAddr = client.parse().expect("an address");
                let octets = match address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                let is_there = bytes.windows(octets.len()).any(|window| window == octets);
                assert!(!is_there, "{client} in {format}");
            }
        }
        let mut command = Command::new(BUILT.path("dnsflow-read"));
        let output = command.arg("-r").arg(&written).output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let records = text.lines().skip(1).take_while(|line| !line.is_empty());
        let records = records.filter(|line| !line.starts_with("STATS|"));
        let read: Vec<[IpAddr; 2]> = records.map(columns).collect();
        assert_eq!(read, lines, "{format}");
        all.push(lines);
    }
    assert_eq!(all[0], all[1]);
    all.remove(0)
}

fn columns(line: &str) -> [IpAddr; 2] {
    let columns: Vec<&str> = line.split('|').collect();
    [1, 2].map(|at| columns[at].parse().unwrap_or_else(|_| panic!("{line}")))
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn addresses_are_kept_cut_and_dropped() {
    let folder = Folder::new();
    let capture = capture(&folder);
    let clients = |options: &[&str]| -> Vec<IpAddr> {
        let ends = ends(&capture, options);
        assert!(
            ends.iter()
                .zip(RESOLVERS.iter().cycle())
                .all(|([resolver, _], is)| *resolver == ip(is))
        );
        ends.into_iter().map(|[_, client]| client).take(2).collect()
    };
    assert_eq!(clients(&[]), CLIENTS.map(ip));
    let cut = ["10.20.48.0", "2001:db8:1::"].map(ip);
    assert_eq!(clients(&["--client-addresses prefix:24,56"]), cut);
    assert_eq!(
        clients(&["--client-addresses drop"]),
        ["0.0.0.0", "::"].map(ip)
    );
    let both = ends(
        &capture,
        &[
            "--client-addresses drop",
            "--resolver-addresses prefix:8,16",
        ],
    );
    assert_eq!(both[0][0], ip("198.0.0.0"));
    assert_eq!(both[1][0], ip("2001::"));
}

#[test]
fn pseudonyms_are_the_same_on_all_sensors_with_the_key() {
    let folder = Folder::new();
    let capture = capture(&folder);
    let path = key_file(&folder, '7', 0o600);
    let key = format!("--address-key {}", path.display());
    let pseudonyms = |options: &str| {
        let options = format!("{key} --client-addresses {options}");
        let clients: Vec<IpAddr> = ends(&capture, &[&options])
            .into_iter()
            .map(|[_, client]| client)
            .collect();
        clients
    };
    for mode in ["ipcrypt", "ipcrypt-pfx", "crypto-pan"] {
        let all = pseudonyms(mode);
        assert_eq!(all[..2], all[2..], "one key for all days");
        let daily = pseudonyms(&format!("{mode} --key-rotation daily"));
        assert_ne!(daily[..2], daily[2..], "a key for each day");
        let choice = Choice {
            key: Some(Key::read(&path).expect("a key")),
            ..Choice::default()
        };
        let mut disguise = choice.disguise(mode.parse().expect("a mode"));
        let undone: Vec<_> = all.iter().map(|client| disguise.undo(*client, 0)).collect();
        assert_eq!(undone[..2], CLIENTS.map(|client| Some(ip(client))));
        // And by whoever has the key.
        for (format, rotation) in [("v4", "never"), ("v5", "never"), ("v5", "daily")] {
            let written = folder.path("written.pcap");
            let sensor = BUILT.reading(&capture).option("--format", format);
            let options = format!("{key} --client-addresses {mode} --key-rotation {rotation}");
            sensor
                .with(&options)
                .option("-w", &written)
                .run()
                .assert_success();
            let rotation = ["--key-rotation", rotation];
            let mut command = Command::new(BUILT.path("dnsflow-read"));
            command.arg("-r").arg(&written).arg("--decrypt").arg(&path);
            command.args(rotation).args(["--client-addresses", mode]);
            let output = command.output().expect("it runs");
            let text = String::from_utf8(output.stdout).expect("text");
            let records = text.lines().skip(1).take(4).map(columns);
            let expected = RESOLVERS
                .into_iter()
                .zip(CLIENTS)
                .map(|(resolver, client)| [resolver, client].map(ip));
            let expected: Vec<_> = expected.cycle().take(4).collect();
            assert_eq!(records.collect::<Vec<_>>(), expected, "{format} {mode}");
        }
    }
}

#[test]
fn selection_looks_at_addresses_as_they_were() {
    let folder = Folder::new();
    let capture = capture(&folder);
    let options = ["--client-addresses drop", "--clients 10.0.0.0/8"];
    assert_eq!(ends(&capture, &options).len(), 2);
}

#[test]
fn keys_that_are_none() {
    let folder = Folder::new();
    let capture = capture(&folder);
    let run = |options: &str| BUILT.reading(&capture).with(options).run();
    run("--client-addresses ipcrypt").assert_failure(
        2,
        &[
            "--client-addresses ipcrypt takes a key",
            "openssl rand -hex 32",
        ],
    );
    run("--client-addresses prefix:33,0").assert_failure(2, &["prefix:24,56"]);
    run("--key-rotation hourly").assert_failure(2, &["daily, weekly and never"]);
    let path = key_file(&folder, '8', 0o644);
    let key = format!(
        "--client-addresses ipcrypt --address-key {}",
        path.display()
    );
    run(&key).assert_failure(1, &["others can read this key (mode 644)", "chmod 600"]);
    let path = key_file(&folder, 'x', 0o600);
    let key = format!(
        "--client-addresses ipcrypt --address-key {}",
        path.display()
    );
    let ended = run(&key);
    ended.assert_failure(1, &["64 hexadecimal digits"]);
    assert!(
        !ended.stderr.contains("xxx"),
        "nothing of the file: {}",
        ended.stderr
    );
    run("--address-key /nonexistent/key").assert_failure(1, &["/nonexistent/key"]);
    run("--address-key credential:key").assert_failure(1, &["LoadCredential=key:FILE"]);
}

/// With a key in memory, a signal that dumps core leaves none.
#[test]
fn a_process_with_a_key_leaves_no_core_dump() {
    let folder = Folder::new();
    let path = key_file(&folder, '9', 0o600);
    let written = folder.path("written.pcap");
    let mut command = Command::new("prlimit");
    command.arg("--core=unlimited").arg(BUILT.path("dnsflow"));
    command.args(["-r", "-", "--client-addresses", "ipcrypt", "--address-key"]);
    command.arg(&path).arg("-w").arg(&written);
    let mut sensor = command
        .stdin(Stdio::piped())
        .spawn()
        .expect("prlimit is there");
    // Without any packets, so that it waits for more.
    let mut input = sensor.stdin.take().expect("a pipe");
    input
        .write_all(&dnsflow_testkit::capture::empty())
        .expect("it reads");
    until("the sensor to write", || written.exists().then_some(()));
    let id = Pid::from_raw(sensor.id().try_into().expect("an id of a process"));
    kill(id, Signal::SIGABRT).expect("a process of ours");
    let status = sensor.wait().expect("a process of ours");
    assert_eq!(status.signal(), Some(Signal::SIGABRT as i32));
    assert!(!status.core_dumped());
}
