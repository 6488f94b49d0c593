//! Starting and stopping under traffic, and collectors that come and go.

use std::fs;
use std::time::Instant;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{assert_same, assert_within};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::generator::{Generated, Generator};
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, requirements};

use crate::{BUILT, exported, most_complaints};

const SHORT: &str = "--count 20000 --frames 20000 --rate 100000 --noise 10";

/// Distinct frames of a generator that sends until it is told to stop.
const FRAMES: usize = 100_000;

/// Runs `work` at a rate in packets a second at which no frame is sent twice: at half of it, from the start, where
/// `work` took so long that frames came round again, and gave nothing.
fn at_some_rate<Found>(mut work: impl FnMut(u32) -> Option<Found>) -> Found {
    let mut rate = 40_000;
    loop {
        if let Some(found) = work(rate) {
            return found;
        }
        rate /= 2;
        assert!(
            rate > 500,
            "at {rate} packets a second it would take minutes"
        );
    }
}

/// What was sent, if no frame was sent twice.
fn stop(generator: Generator) -> Option<Generated> {
    let sent = generator.stop();
    (sent.number("packets") <= FRAMES).then_some(sent)
}

/// Waits until more frames than so far have left.
fn wait_for_frames(wire: &Wire) {
    let count = || wire.sender.attribute(OUT, "statistics/tx_packets");
    let before = count();
    until("frames to be sent", || (count() != before).then_some(()));
}

fn wait_for_export(file: &str) {
    until("first datagrams", || {
        let bytes = fs::metadata(file).ok()?.len();
        (bytes > 100_000).then_some(())
    });
}

/// While responses and everything else fly past, ten sensors come and go. Every frame is sent once, so a
/// set that comes twice was taken twice, and a packet that the filter leaves out would show in the counters.
#[test]
fn starts_under_traffic() {
    if !requirements("starts_under_traffic", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let fanouts = ["hash", "client", "checksum", "cpu"];
    for (run, fanout) in (0..10).zip(fanouts.iter().cycle()) {
        let (sent, exported) = at_some_rate(|rate| {
            let folder = Folder::new();
            let file = folder.argument("export.pcap");
            let endless = format!(
                "--rate {rate} --frames {FRAMES} --noise 50 --clients 1000000 --seed {run}"
            );
            let generator = BUILT.generate(&wire.sender, OUT, &folder, &endless);
            wait_for_frames(&wire);
            let options = [
                "--cores", "2", "--fanout", fanout, "--flush", "0.01", "-w", &file,
            ];
            let sensor = BUILT.capture(&wire.sensor, TAP, &options);
            wait_for_export(&file);
            let account = sensor.stop();
            account.assert_filtered();
            let export = exported(&file);
            export.assert_no_gap();
            export.assert_final_stats();
            let exported = export.sets();
            assert_eq!(exported.len() as u64, account.total.exported);
            Some((stop(generator)?, exported))
        });
        assert_within(&sent.sets, &exported);
    }
}

#[test]
fn sigterm_loses_nothing() {
    ends_whole("sigterm_loses_nothing", "TERM");
}

#[test]
fn sigint_loses_nothing() {
    ends_whole("sigint_loses_nothing", "INT");
}

/// The signal comes as soon as the last frame is sent, when rings and datagrams are still half full.
fn ends_whole(name: &str, signal: &str) {
    if !requirements(name, &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    for cores in ["1", "2"] {
        let folder = Folder::new();
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = collector.address();
        // Nothing but the end makes it send what fills no datagram.
        let options = ["--cores", cores, "--flush", "3600", "-u", &address];
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let sent = BUILT.send(&wire.sender, OUT, &folder, SHORT);
        let account = sensor.stop_with(signal);
        let export = collector.finish();
        export.assert_no_gap();
        export.assert_final_stats();
        let received: u32 = export
            .streams
            .values()
            .filter_map(|stream| stream.stats.last())
            .map(|(_, stats)| stats.captured)
            .sum();
        assert_eq!(
            u64::from(received),
            account.total.received,
            "captured, in the last stats"
        );
        assert_eq!(account.total.exported, sent.sets.len() as u64);
        assert_same(&sent.sets, &export.sets());
    }
}

/// The signal comes while frames keep coming: what was taken until then is a piece without a hole.
#[test]
fn a_signal_under_traffic_leaves_no_hole() {
    if !requirements("a_signal_under_traffic_leaves_no_hole", &[]) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    for signal in ["TERM", "INT"] {
        let (sent, exported) = at_some_rate(|rate| {
            let folder = Folder::new();
            let file = folder.argument("export.pcap");
            let sensor = BUILT.capture(&wire.sensor, TAP, &["-w", &file]);
            let endless = format!("--rate {rate} --frames {FRAMES} --noise 10");
            let generator = BUILT.generate(&wire.sender, OUT, &folder, &endless);
            wait_for_export(&file);
            sensor.stop_with(signal);
            // As many as one turn of the generator sends, and one more.
            wait_for_frames(&wire);
            wait_for_frames(&wire);
            Some((stop(generator)?, exported(&file).sets()))
        });
        assert!(exported.len() < sent.sets.len());
        let mut expected = sent.in_order[..exported.len()].to_vec();
        expected.sort_unstable();
        assert_same(&expected, &exported);
    }
}

/// Nobody listens at first: the sensor goes on and counts. Then somebody does, and gets everything.
#[test]
fn a_collector_that_comes_later() {
    comes_later("a_collector_that_comes_later", "127.0.0.1:5399");
}

#[test]
fn a_collector_over_ipv6_that_comes_later() {
    comes_later("a_collector_over_ipv6_that_comes_later", "[::1]:5399");
}

/// `address` is in a namespace of the test's own, with a port that the kernel gives to nobody by itself.
fn comes_later(name: &str, address: &str) {
    if !requirements(name, &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let other = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let options = ["--flush", "0.01", "-u", address, "-u", &other.address()];
    let since = Instant::now();
    let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let mut sent = BUILT.send(&wire.sender, OUT, &folder, SHORT).sets;
    assert!(sensor.is_running());

    let collector = Collector::listen(&wire.sensor, address);
    until("the collector to be found again", || {
        let few = "--count 20 --frames 20 --noise 0 --seed 3";
        sent.extend(BUILT.send(&wire.sender, OUT, &folder, few).sets);
        (collector.count() > 0).then_some(())
    });
    let last = BUILT.send(&wire.sender, OUT, &folder, &format!("{SHORT} --seed 4"));
    sent.extend(last.sets.iter().cloned());
    let account = sensor.stop();
    assert!(account.missed > 0, "refusals are counted: {account:?}");
    assert_eq!(account.taken + account.missed, 2 * account.datagrams);
    let complaints = account.lines_with(&format!("collector {address}"));
    let most = most_complaints(since);
    assert!(
        (1..=most).contains(&complaints),
        "said once a minute, {complaints} times: {account:?}"
    );

    let export = collector.finish();
    export.assert_final_stats();
    export.assert_consecutive();
    let got = export.sets();
    assert_within(&got, &last.sets);

    // The collector that was there all along has lost nothing by it.
    let export = other.finish();
    export.assert_no_gap();
    sent.sort_unstable();
    assert_same(&sent, &export.sets());
}

/// A collector that no route leads to costs the file beside it nothing.
#[test]
fn a_collector_without_a_route() {
    if !requirements("a_collector_without_a_route", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let file = folder.argument("export.pcap");
    let options = ["-u", "203.0.113.9", "-w", &file];
    let since = Instant::now();
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let sent = BUILT.send(&wire.sender, OUT, &folder, SHORT);
    let account = sensor.stop();
    assert_eq!((account.taken, account.missed), (0, account.datagrams));
    let complaints = account.lines_with("collector 203.0.113.9");
    let most = most_complaints(since);
    assert!(
        (1..=most).contains(&complaints),
        "said once a minute: {account:?}"
    );
    let export = exported(&file);
    export.assert_no_gap();
    assert_same(&sent.sets, &export.sets());
}
