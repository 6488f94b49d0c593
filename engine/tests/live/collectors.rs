//! Collectors that are dead in each of the ways there are, and one that moves.

use std::time::Instant;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{assert_same, assert_within};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{Hosts, OUT, TAP, Wire, path};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, core_counts, requirements};

use crate::{BUILT, most_complaints};

const FULL: &str = "--rate 100000 --count 500000 --frames 500000 --noise 0";
const MANY: &str = "--rate 50000 --count 100000 --frames 100000 --noise 0";
const FEW: &str = "--count 2000 --frames 2000 --rate 100000 --noise 0";

/// One whose link address nobody knows; one behind a route to nowhere; one that refuses; one behind a path that carries
/// a hundredth of it, where the socket has no room. The ring is small: a shard that waits for any of them loses packets.
#[test]
fn the_dead_cost_the_living_nothing() {
    if !requirements("the_dead_cost_the_living_nothing", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new().with_addresses();
    wire.sensor.ip("route add blackhole 203.0.113.0/24");
    let far = path(&wire.sensor);
    far.ip(&format!("addr add 198.51.100.2/24 dev {OUT}"));
    wire.sensor
        .shell("tc qdisc add dev path root tbf rate 500kbit burst 32k limit 10m");
    for cores in ["1", "2"] {
        let folder = Folder::new();
        let living = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = living.address();
        let slow = Collector::listen(&far, "198.51.100.2:0");
        let slow_address = slow.address();
        let mut options = vec!["--cores", cores, "--ring", "32", "-u", &slow_address];
        let dead = [
            "192.0.2.77:9",
            "203.0.113.1:9",
            "127.0.0.1:9",
            "[2001:db8:77::77]:9",
        ];
        for collector in [dead[0], dead[1], &address, dead[2], dead[3]] {
            options.extend(["-u", collector]);
        }
        let since = Instant::now();
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let sent = BUILT.send(&wire.sender, OUT, &folder, FULL);
        let account = sensor.stop();
        let all = 6 * account.datagrams;
        assert_eq!(account.taken + account.missed, all, "{account:?}");
        for collector in dead {
            let complaints = account.lines_with(&format!("collector {collector}: "));
            let most = 2 * most_complaints(since);
            assert!(complaints <= most, "{collector}: {account:?}");
        }
        let slow = slow.finish().sets();
        assert!(!slow.is_empty() && slow.len() < sent.sets.len() / 2);
        assert_within(&sent.sets, &slow);
        let export = living.finish();
        export.assert_no_gap();
        export.assert_final_stats();
        assert_same(&sent.sets, &export.sets());
    }
}

/// The only other one is behind a queue that never moves: no room comes of waiting, neither while packets come nor at the
/// end.
#[test]
fn one_collector_without_room() {
    if !requirements("one_collector_without_room", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let far = path(&wire.sensor);
    // So that no datagram waits for an answer to ARP, of which few may.
    let address = far.attribute(OUT, "address");
    wire.sensor.ip(&format!(
        "neigh add 198.51.100.2 lladdr {address} nud permanent dev path"
    ));
    // A byte a second, and room in the queue for more than a socket may send.
    wire.sensor
        .shell("tc qdisc add dev path root tbf rate 8bit burst 2000 limit 10m");
    for cores in core_counts() {
        let folder = Folder::new();
        let living = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let options = [
            "--cores",
            cores,
            "--ring",
            "32",
            "-u",
            "198.51.100.2:9",
            "-u",
            &living.address(),
        ];
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let sent = BUILT.send(&wire.sender, OUT, &folder, FULL);
        let account = sensor.stop();
        assert_eq!(account.taken + account.missed, 2 * account.datagrams);
        let waiting = account.taken - account.datagrams;
        assert!(waiting < account.datagrams / 10, "{account:?}");
        let export = living.finish();
        export.assert_no_gap();
        export.assert_final_stats();
        assert_same(&sent.sets, &export.sets());
    }
}

/// The path's MTU is below the size of a datagram, so that the kernel refuses to divide a send (EMSGSIZE or EINVAL): each
/// datagram leaves by itself, in fragments, and none is lost or doubled by the change.
#[test]
fn a_path_on_which_segmentation_fails() {
    if !requirements("a_path_on_which_segmentation_fails", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let far = path(&wire.sensor);
    far.ip(&format!("addr add 198.51.100.2/24 dev {OUT}"));
    wire.sensor.ip("link set path mtu 1000");
    // A datagram or two, each a send of its own; and runs of them.
    for traffic in ["--count 20 --frames 20 --noise 0", MANY] {
        let folder = Folder::new();
        let near = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let beyond = Collector::listen(&far, "198.51.100.2:0");
        let (near_address, address) = (near.address(), beyond.address());
        let options = ["--cores", "1", "-u", &address, "-u", &near_address];
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let sent = BUILT.send(&wire.sender, OUT, &folder, traffic);
        let account = sensor.stop();
        assert_eq!(account.missed, 0, "{account:?}");
        assert_eq!(account.taken, 2 * account.datagrams, "{account:?}");
        for collector in [near, beyond] {
            let export = collector.finish();
            export.assert_no_gap();
            assert_same(&sent.sets, &export.sets());
        }
    }
}

/// A name leads elsewhere. Where it led before nobody listens any more, so it is looked up again.
#[test]
fn a_collector_that_moves() {
    if !requirements("a_collector_that_moves", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let hosts = Hosts::new(&wire.sensor, "127.0.0.1 collector.test\n");
    let before = Collector::listen(&wire.sensor, "127.0.0.1:5300");
    let always = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let options = [
        "--flush",
        "0.05",
        "-u",
        "collector.test",
        "-u",
        &always.address(),
    ];
    let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let send = |seed: u32| {
        BUILT
            .send(&wire.sender, OUT, &folder, &format!("{FEW} --seed {seed}"))
            .sets
    };
    let first = send(1);
    until("all to come", || {
        (before.sets() == first.len()).then_some(())
    });
    let before = before.finish();
    let after = Collector::listen(&wire.sensor, "127.0.0.2:5300");
    hosts.write("127.0.0.2 collector.test\n");
    let lost = send(2);
    sensor.wait_until_it_has_said("collector collector.test is now at 127.0.0.2:5300", 1);
    let last = send(3);
    let account = sensor.stop();
    assert_eq!(account.taken + account.missed, 2 * account.datagrams);
    before.assert_no_gap();
    assert_same(&first, &before.sets());
    let after = after.finish();
    after.assert_consecutive();
    after.assert_final_stats();
    assert_within(&after.sets(), &last);
    let always = always.finish();
    always.assert_no_gap();
    let mut all = [first, lost, last].concat();
    all.sort_unstable();
    assert_same(&all, &always.sets());
}
