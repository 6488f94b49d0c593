//! Storms of signals while packets flow.

use std::thread;
use std::time::Duration;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{assert_same, assert_within};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, core_counts, requirements};
use dnsflow_testkit::sensor::{Config, collecting};

use crate::{BUILT, exported};

const BUSY: &str = "--rate 50000 --frames 100000 --noise 5 --clients 1000000";
const FEW: &str = "--count 4000 --frames 4000 --rate 100000 --noise 0 --seed 7";

/// Reloads, each with another file.
const RELOADS: usize = 300;

/// Signals in a burst.
const BURST: usize = 100;

/// Most of the reloads find another one under way. None is lost, so that the last file is in force in the end; every
/// record goes to the collector that stays, and to one of those that alternate.
#[test]
fn hundreds_of_reloads() {
    if !requirements("hundreds_of_reloads", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let (wire, folder) = (Wire::new(), Folder::new());
        let [stays, odd, even, last] =
            [(); 4].map(|()| Collector::listen(&wire.sensor, "127.0.0.1:0"));
        let config = Config::new(&folder, &collecting(&[&stays, &even], ""));
        let options = ["--config", config.path(), "--cores", cores];
        let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let generator = BUILT.generate(&wire.sender, OUT, &folder, BUSY);
        until("first datagrams", || (stays.count() > 10).then_some(()));
        for round in 0..RELOADS {
            let (collector, rest) = match round % 2 {
                0 => (&odd, "mtu = 900\nport = [53, 8053]\nflush = 0.05"),
                _ => (&even, "filter = \"udp src port 53\"\nplain = true"),
            };
            config.write(&collecting(&[&stays, collector], rest));
            sensor.signal("HUP");
            thread::sleep(Duration::from_millis(2));
        }
        config.write(&collecting(&[&stays, &last], ""));
        sensor.signal("HUP");
        until("the last file to be in force", || {
            (last.count() > 0).then_some(())
        });
        let mut sent = generator.stop().sets;
        let only = BUILT.send(&wire.sender, OUT, &folder, FEW).sets;
        sent.extend(only.iter().cloned());
        sent.sort_unstable();

        // Reloads that come during the end change nothing.
        sensor.signal("TERM");
        (0..BURST).for_each(|_| sensor.signal("HUP"));
        let ended = sensor.ended();
        ended.assert_success();
        let account = ended.account();
        account.assert_nothing_lost_by_the_kernel();
        assert_eq!(account.total.exported, sent.len() as u64);
        assert_eq!(account.missed, 0, "{account:?}");
        let stays = stays.finish();
        stays.assert_no_gap();
        stays.assert_final_stats();
        assert_same(&sent, &stays.sets());
        let last = last.finish();
        last.assert_final_stats();
        assert_within(&last.sets(), &only);
        let mut others = [odd.finish().sets(), even.finish().sets(), last.sets()].concat();
        others.sort_unstable();
        assert_same(&sent, &others);
    }
}

/// The second signal ends it at once, whatever it was doing. Nothing that it leaves behind is in the way of the next.
#[test]
fn a_storm_of_sigterm_and_sigint() {
    if !requirements("a_storm_of_sigterm_and_sigint", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let pidfile = folder.argument("dnsflow.pid");
    for signals in [["TERM", "TERM"], ["INT", "INT"], ["TERM", "INT"]] {
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = collector.address();
        let options = ["--cores", "all", "-P", &pidfile, "-u", &address];
        let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let generator = BUILT.generate(&wire.sender, OUT, &folder, BUSY);
        until("first datagrams", || (collector.count() > 10).then_some(()));
        for signal in signals.iter().cycle().take(BURST) {
            sensor.signal(signal);
        }
        let ended = sensor.ended();
        assert!(
            matches!(ended.status.code(), Some(0 | 1)),
            "{}: {}",
            ended.status,
            ended.stderr
        );
        let sent = generator.stop();
        let export = collector.finish();
        export.assert_no_gap();
        assert_within(&sent.sets, &export.sets());
    }
    let file = folder.argument("export.pcap");
    let sensor = BUILT.capture(&wire.sensor, TAP, &["-P", &pidfile, "-w", &file]);
    let sent = BUILT.send(&wire.sender, OUT, &folder, FEW);
    let account = sensor.stop();
    assert_eq!(account.total.exported, sent.sets.len() as u64);
    assert_same(&sent.sets, &exported(&file).sets());
}
