//! `dnsflow check` on interfaces as they should be, and as they should not.

use std::fs;
use std::process::Command;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{Namespace, TAP, Wire};
use dnsflow_testkit::process::{Ended, Process};
use dnsflow_testkit::requirements::{alone, requirements};

use crate::BUILT;

/// What a check in a namespace says, started by `before`.
fn check(namespace: &Namespace, before: &[&str], options: &[&str]) -> Ended {
    let sensor = BUILT.argument("dnsflow");
    let mut words = before.iter().copied().chain([&*sensor, "check"]);
    let mut command = namespace.command(words.next().expect("a program at least"));
    command.args(words).args(options);
    Process::spawn("dnsflow check", &mut command).wait()
}

/// # Panics
/// If there is no such line, or the exit status is another.
fn assert_says(ended: &Ended, code: i32, line: &str) {
    let said = ended.text();
    assert!(
        said.lines().any(|said| said == line),
        "{line:?} in:\n{said}"
    );
    assert_eq!(ended.status.code(), Some(code), "{said}{}", ended.stderr);
    assert!(!said.contains('\x1b'), "colours, and no terminal: {said:?}");
    let fails = said.lines().filter(|line| line.starts_with("fail")).count();
    assert_eq!(fails > 0, code == 1, "{said}");
}

#[test]
fn an_interface_as_it_should_be() {
    if !requirements("an_interface_as_it_should_be", &["ethtool"]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let ended = check(&wire.sensor, &[], &["-i", TAP, "--cores", "2", "--plain"]);
    let said = ended.text();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(
        said.contains("ok    packet sockets: may be opened\n"),
        "{said}"
    );
    assert!(said.contains("ok    rings: 2 of 64 MiB; "), "{said}");
    assert!(
        said.contains("ok    tap: can be captured on, promiscuous; "),
        "{said}"
    );
    assert!(said.contains("ok    queues of tap: "), "{said}");
    assert!(
        said.contains("ok    drops of tap: none since the interface was created\n"),
        "{said}"
    );

    // The same from a file, for all interfaces; and the command line wins there too.
    let config = folder.argument("dnsflow.toml");
    fs::write(
        &config,
        "interface = 'any'\nno-promiscuous = true\ncores = 64000\n",
    )
    .expect("a temporary file");
    let ended = check(&wire.sensor, &[], &["--config", &config, "--cores", "1"]);
    let said = ended.text();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(said.contains("ok    any: can be captured on; "), "{said}");
    assert!(said.contains("ok    drops of tap: "), "{said}");
    assert!(said.contains("ok    drops of lo: "), "{said}");
}

#[test]
fn offloads_that_merge() {
    if !requirements("offloads_that_merge", &["ethtool"]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    for (state, line) in [
        ("off", "ok    offloads of tap: none merges packets"),
        (
            "on",
            "warn  offloads of tap: GRO merges TCP segments, which are then larger than on the wire and arrive \
             later; fix: ethtool -K tap gro off",
        ),
    ] {
        let mut command: Command = wire.sensor.command("ethtool");
        let set = command.args(["-K", TAP, "gro", state]).status();
        assert!(set.is_ok_and(|status| status.success()), "ethtool");
        assert_says(&check(&wire.sensor, &[], &["-i", TAP]), 0, line);
    }
}

#[test]
fn interfaces_that_can_t_be_captured_on() {
    if !requirements("interfaces_that_can_t_be_captured_on", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let ended = check(&wire.sensor, &[], &["-i", "nosuch0", "-i", TAP]);
    assert_says(
        &ended,
        1,
        "fail  nosuch0: there is no such interface; fix: choose another -i; `ip link` lists the interfaces of this machine",
    );
    assert!(ended.text().contains("ok    tap: can be captured on"));

    wire.sender.ip("link set dev out down");
    assert_says(
        &check(&wire.sensor, &[], &["-i", TAP]),
        0,
        "warn  tap: no carrier: no packet will arrive; fix: check the cable and the other end",
    );
    wire.sensor.ip("link set dev tap down");
    assert_says(
        &check(&wire.sensor, &[], &["-i", TAP]),
        1,
        "fail  tap: it is down; fix: ip link set tap up",
    );
    let ended = check(&wire.sensor, &[], &["-i", "lo", "--cores", "64000"]);
    assert_eq!(ended.status.code(), Some(1));
    let said = ended.text();
    assert!(
        said.contains("fail  CPUs: --cores 64000: this process may use "),
        "{said}"
    );
    let ended = check(&wire.sensor, &[], &["-i", "lo", "-f", "flavour 7"]);
    assert_eq!(ended.status.code(), Some(1));
    let said = ended.text();
    assert!(
        said.contains("fail  lo: filter expression `flavour 7`"),
        "{said}"
    );
}

#[test]
fn rights_that_are_missing() {
    if !requirements("rights_that_are_missing", &["setpriv", "prlimit"]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let bare = ["setpriv", "--bounding-set=-net_raw"];
    assert_says(
        &check(&wire.sensor, &bare, &["-i", TAP]),
        1,
        "fail  packet sockets: CAP_NET_RAW is missing; fix: run as root, or setcap cap_net_raw+ep \
         $(command -v dnsflow)",
    );
    let poor = ["prlimit", "--memlock=65536:65536"];
    assert_says(
        &check(&wire.sensor, &poor, &["-i", TAP]),
        1,
        "fail  locked memory: the limit is 64 KiB, and --cores 1 needs 512 KiB; fix: ulimit -l 512, or \
         LimitMEMLOCK= in the unit",
    );
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        "--inh-caps=+net_raw",
        "--ambient-caps=+net_raw",
    ];
    let ended = check(&wire.sensor, &nobody, &["-i", TAP, "--user", "daemon"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.text());
    let said = ended.text();
    assert!(said.contains("ok    tap: can be captured on"), "{said}");
    assert!(
        said.contains("fail  user: --user daemon: only root can"),
        "{said}"
    );
}

#[test]
fn a_file_is_nothing_to_check() {
    if !requirements("a_file_is_nothing_to_check", &[]) {
        return;
    }
    let namespace = Namespace::new("sensor");
    let ended = check(&namespace, &[], &["-r", "capture.pcap"]);
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(ended.text(), "");
}
