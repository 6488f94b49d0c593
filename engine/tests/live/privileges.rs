//! `--user`: what is left of root once packets come in, and that it is enough.

use std::collections::BTreeMap;
use std::fs;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{Namespace, OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::{alone, requirements};

use crate::{BUILT, exported};

/// The bit of CAP_NET_RAW (linux/capability.h) in the masks of proc_pid_status(5).
const NET_RAW: &str = "0000000000002000";

const NOTHING: &str = "0000000000000000";

/// Name and status of every thread, by the fields of proc_pid_status(5).
fn threads(process: u32) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("the sensor runs");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
        .map(|status| {
            let fields = status.lines().filter_map(|line| line.split_once(':'));
            fields
                .map(|(name, value)| {
                    let value: Vec<&str> = value.split_whitespace().collect();
                    (name.to_owned(), value.join(" "))
                })
                .collect()
        })
        .collect()
}

/// # Panics
/// If any thread has other ids, other groups, or more than CAP_NET_RAW.
fn assert_harmless(process: u32, cores: usize, user: u32, group: u32, groups: &str) {
    until("all threads", || {
        let names = threads(process);
        let is_there = |name: &str| names.iter().any(|of| of["Name"] == name);
        let shards = (1..=cores).all(|number| is_there(&format!("shard-{number}")));
        (shards && is_there("signals")).then_some(())
    });
    for thread in threads(process) {
        let all_four = |id: u32| format!("{id} {id} {id} {id}");
        let expected = [
            ("Uid", all_four(user)),
            ("Gid", all_four(group)),
            ("Groups", groups.to_owned()),
            ("CapInh", NOTHING.to_owned()),
            ("CapPrm", NET_RAW.to_owned()),
            ("CapEff", NET_RAW.to_owned()),
            ("CapBnd", NET_RAW.to_owned()),
            ("CapAmb", NOTHING.to_owned()),
            ("NoNewPrivs", "1".to_owned()),
        ];
        for (field, value) in expected {
            assert_eq!(thread[field], value, "{field} of thread {}", thread["Name"]);
        }
    }
}

/// Everything that it needs is opened before or can be had after: ring and io_uring, a file that only root may
/// write, a collector, the pid file.
#[test]
fn a_user_with_one_capability_captures_and_sends() {
    if !requirements("a_user_with_one_capability_captures_and_sends", &[]) {
        return;
    }
    let _alone = alone();
    for (account, user, group) in [
        ("daemon", 1, 1),
        ("daemon:nogroup", 1, 65534),
        ("2:2", 2, 2),
    ] {
        let (wire, folder) = (Wire::new(), Folder::new());
        let (file, pidfile) = (folder.argument("export.pcap"), folder.argument("pid"));
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = collector.address();
        let options = [
            "--user",
            account,
            "--cores",
            "2",
            "--metrics",
            "127.0.0.1:0",
            "-u",
            &address,
            "-w",
            &file,
            "-P",
            &pidfile,
        ];
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        assert_harmless(sensor.id(), 2, user, group, &group.to_string());
        let few = "--count 2000 --frames 2000 --noise 10";
        let sent = BUILT.send(&wire.sender, OUT, &folder, few);
        sensor.stop();
        let export = collector.finish();
        export.assert_no_gap();
        assert_same(&sent.sets, &export.sets());
        assert_same(&sent.sets, &exported(&file).sets());
        // The folder is root's: the file can't be removed any more, and holds no number that means nothing.
        assert_eq!(fs::read(&pidfile).expect("the pid file"), b"");
    }
}

/// New sockets on an interface that was away take CAP_NET_RAW, and nothing else of what root had.
#[test]
fn an_interface_that_comes_back_is_taken_up_without_root() {
    if !requirements("an_interface_that_comes_back_is_taken_up_without_root", &[]) {
        return;
    }
    let _alone = alone();
    let (namespace, folder) = (Namespace::new("sensor"), Folder::new());
    let file = folder.argument("export.pcap");
    let pair = || {
        namespace.ip(&format!("link add dev {TAP} type veth peer name {OUT}"));
        namespace.ip(&format!("link set dev {OUT} up"));
        namespace.ip(&format!("link set dev {TAP} up"));
    };
    pair();
    let options = ["--user", "daemon", "--plain", "-w", &file];
    let mut sensor = BUILT.capture(&namespace, TAP, &options);
    namespace.ip(&format!("link del dev {TAP}"));
    sensor.wait_until_it_has_said("is gone", 1);
    pair();
    sensor.wait_until_it_has_said("is back; capturing on it again", 1);
    assert_harmless(sensor.id(), 1, 1, 1, "1");
    let few = "--count 2000 --frames 2000 --noise 10";
    let sent = BUILT.send(&namespace, OUT, &folder, few);
    sensor.stop();
    assert_same(&sent.sets, &exported(&file).sets());
}

#[test]
fn only_root_can_become_somebody_else() {
    if !requirements("only_root_can_become_somebody_else", &["setpriv"]) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new("sensor");
    let refused = |program: &str, arguments: &[&str], code, words: &str| {
        let mut command = namespace.command(program);
        command.args(arguments);
        let ended = Process::spawn("dnsflow", &mut command).wait();
        assert_eq!(ended.status.code(), Some(code), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    };
    let sensor = BUILT.argument("dnsflow");
    let options = [&sensor, "-i", "lo", "--user", "daemon"];
    let nobody = ["--reuid=65534", "--clear-groups"];
    refused(
        "setpriv",
        &[&nobody[..], &options].concat(),
        2,
        "only root can become another user",
    );
    refused(
        "setpriv",
        &[&["--bounding-set=-setuid"][..], &options].concat(),
        1,
        "can't become --user daemon: can't take its user id: Operation not permitted",
    );
    refused(
        &sensor,
        &["-i", "lo", "--user", "no.such.user"],
        2,
        "there is no user 'no.such.user'",
    );
}
