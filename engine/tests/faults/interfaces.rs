//! An interface that is removed and made anew while packets flow. A bridge between sender and sensor lets the sender go on.

use std::collections::BTreeMap;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::assert_within;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{Namespace, OUT, TAP, join};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, core_counts, requirements};

use crate::BUILT;

/// Each frame once.
const ONCE: &str = "--rate 20000 --count 60000 --frames 60000 --noise 0 --clients 1000000";
const LAST: &str = "--rate 20000 --count 4000 --frames 4000 --noise 0 --seed 2";

/// The end of the sender's wire at the bridge.
const IN: &str = "in";

/// How often the interface is removed.
const TIMES: usize = 2;

struct Bridged {
    sender: Namespace,
    switch: Namespace,
    sensor: Namespace,
}

impl Bridged {
    fn new() -> Self {
        let [sender, switch, sensor] = ["sender", "switch", "sensor"].map(Namespace::new);
        switch.ip("link add bridge type bridge forward_delay 0");
        switch.ip("link set dev bridge up");
        join(&sender, &switch, IN, "");
        switch.ip(&format!("link set dev {IN} master bridge"));
        let bridged = Self {
            sender,
            switch,
            sensor,
        };
        bridged.connect();
        bridged
    }

    /// Lays the wire from the bridge to the sensor.
    fn connect(&self) {
        join(&self.switch, &self.sensor, TAP, "");
        self.switch.ip(&format!("link set dev {OUT} master bridge"));
    }
}

/// Packets are missing for as long as the interface is away, and none before and after. Whatever the old rings still held
/// comes out, and counters go on.
#[test]
fn removed_and_made_anew_under_load() {
    if !requirements("removed_and_made_anew_under_load", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let (bridged, folder) = (Bridged::new(), Folder::new());
        let collector = Collector::listen(&bridged.sensor, "127.0.0.1:0");
        let address = collector.address();
        let options = ["--cores", cores, "--flush", "0.01", "-u", &address];
        let mut sensor = BUILT.capture(&bridged.sensor, TAP, &options);
        let generator = BUILT.generate(&bridged.sender, OUT, &folder, ONCE);
        until("first sets", || (collector.sets() > 1000).then_some(()));
        for time in 1..=TIMES {
            bridged.sensor.ip(&format!("link del dev {TAP}"));
            sensor.wait_until_it_has_said("interface tap is gone", time);
            bridged.connect();
            sensor.wait_until_it_has_said("interface tap is back; capturing", time);
        }
        let sent = generator.finish();
        let last = BUILT.send(&bridged.sender, OUT, &folder, LAST).sets;
        // Nothing was dropped for lack of room, in the old rings neither.
        let account = sensor.stop();
        assert_eq!(account.total.exported, account.total.received);
        assert_eq!(account.missed, 0, "{account:?}");
        let export = collector.finish();
        export.assert_no_gap();
        export.assert_final_stats();
        let sets = export.sets();
        assert_eq!(sets.len() as u64, account.total.exported);
        assert_within(&sets, &last);
        let mut all = [&sent.sets[..], &last].concat();
        all.sort_unstable();
        assert_within(&all, &sets);
        // With several cores, the first that captures again is a moment before the others.
        if *cores == "1" {
            let holes = holes(&sent.in_order, &sets);
            assert!(holes <= TIMES, "{holes} holes: {account:?}");
        }
    }
}

/// How many runs of consecutive lines of `sent` are not in `exported`; lines that were sent twice tell nothing.
fn holes(sent: &[String], exported: &[String]) -> usize {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in sent {
        *counts.entry(line).or_default() += 1;
    }
    let once = sent.iter().filter(|line| counts[line.as_str()] == 1);
    let mut is_in_hole = false;
    once.filter(|line| {
        let was_in_hole = is_in_hole;
        is_in_hole = exported.binary_search(line).is_err();
        is_in_hole && !was_in_hole
    })
    .count()
}
