//! New settings while packets flow: SIGHUP has the file of --config read again.

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{Export, assert_same, assert_within};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::sensor::{Capturing, Config, collecting};

use crate::BUILT;

/// At 100,000 a second, until it is told to stop.
const FULL: &str = "--rate 100000 --frames 400000 --noise 5 --clients 1000000";
const FEW: &str = "--count 4000 --frames 4000 --rate 100000 --noise 0";

fn start(config: &Config, wire: &Wire, options: &[&str]) -> Capturing {
    let options = [&["--config", config.path()][..], options].concat();
    BUILT.capture(&wire.sensor, TAP, &options)
}

fn assert_exact(expected: &[String], exports: Vec<Export>) {
    let mut sets: Vec<String> = exports
        .into_iter()
        .flat_map(|export| export.sets())
        .collect();
    sets.sort_unstable();
    assert_same(expected, &sets);
}

/// Collectors come and go, and everything else changes, at full rate. Every record goes to the collector that stays, and
/// to one of two that follow each other.
#[test]
fn nothing_is_lost_or_doubled() {
    if !requirements("nothing_is_lost_or_doubled", &[]) {
        return;
    }
    let _alone = alone();
    for (cores, fanout) in [("1", "hash"), ("2", "hash"), ("2", "checksum")] {
        let (wire, folder) = (Wire::new(), Folder::new());
        let [stays, first, second] =
            [(); 3].map(|()| Collector::listen(&wire.sensor, "127.0.0.1:0"));
        let config = Config::new(&folder, &collecting(&[&stays, &first], ""));
        let mut sensor = start(&config, &wire, &["--cores", cores, "--fanout", fanout]);
        let generator = BUILT.generate(&wire.sender, OUT, &folder, FULL);
        until("first datagrams", || (stays.count() > 100).then_some(()));
        for rest in [
            "mtu = 1200\nflush = 0.05",
            "mtu = 1500\nport = [53, 5353, 8053]",
            "decap = \"vxlan,gre\"\nflush = 0.2",
            "jmirror = [30030]\npcap-record = [30031]\nmdns = true",
        ] {
            config.write(&collecting(&[&stays, &first], rest));
            sensor.reload();
        }
        for rest in [
            "mtu = 900",
            "filter = \"udp src port 53\"",
            "plain = true",
            "",
        ] {
            config.write(&collecting(&[&second, &stays], rest));
            sensor.reload();
        }
        let before = second.count();
        until("a new collector to get something", || {
            (second.count() > before).then_some(())
        });
        let sent = generator.stop();
        let account = sensor.stop();
        assert_eq!(account.total.exported, sent.sets.len() as u64);
        assert_eq!(account.missed, 0, "{account:?}");
        let [stays, first, second] = [stays, first, second].map(Collector::finish);
        stays.assert_no_gap();
        stays.assert_final_stats();
        first.assert_no_gap();
        second.assert_consecutive();
        second.assert_final_stats();
        assert_eq!(stays.streams.len().to_string(), cores, "one stream a core");
        assert_exact(&sent.sets, vec![stays]);
        assert_exact(&sent.sets, vec![first, second]);
    }
}

/// Sampling starts and ends: collectors are told at once, and outside of it everything is taken.
#[test]
fn sampling_and_ports() {
    if !requirements("sampling_and_ports", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let config = Config::new(&folder, &collecting(&[&collector], ""));
    let mut sensor = start(&config, &wire, &[]);
    let send = |seed: u32| {
        BUILT
            .send(&wire.sender, OUT, &folder, &format!("{FEW} --seed {seed}"))
            .sets
    };
    let all = send(1);
    config.write(&collecting(&[&collector], "sample = 4"));
    sensor.reload();
    let sampled = send(2);
    config.write(&collecting(&[&collector], "port = [54]"));
    sensor.reload();
    send(3);
    config.write(&collecting(&[&collector], ""));
    sensor.reload();
    let again = send(4);
    sensor.stop();
    let export = collector.finish();
    export.assert_no_gap();
    let mut rates: Vec<u32> = export
        .streams
        .values()
        .flat_map(|stream| stream.stats.iter().map(|(_, stats)| stats.sample_rate))
        .collect();
    rates.dedup();
    // Statistics may have been due before the first change.
    let changes = rates.strip_prefix(&[0]).unwrap_or(&rates);
    assert_eq!(changes, [4, 0], "sample rates");
    let sets = export.sets();
    let mut expected = [all, again].concat();
    let kept = sets.len().saturating_sub(expected.len());
    // 1,000 of 4,000; seven standard deviations are 192.
    assert!((800..1200).contains(&kept), "{kept} of 4000 at 1 of 4");
    expected.sort_unstable();
    assert_within(&sets, &expected);
    expected.extend(sampled);
    expected.sort_unstable();
    assert_within(&expected, &sets);
}

/// A file with a mistake changes nothing, and what can't change while packets flow is said.
#[test]
fn a_bad_file_is_refused() {
    if !requirements("a_bad_file_is_refused", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let config = Config::new(&folder, &collecting(&[&collector], ""));
    let mut sensor = start(&config, &wire, &[]);
    for (wrong, complaint) in [
        ("udp = [\"127.0.0.1:9\"]\nporst = 53", "porst"),
        (
            "udp = [\"127.0.0.1:9\"]\nfilter = \"port port\"",
            "syntax error",
        ),
        ("udp = [\"no.such.name.invalid\"]", "no.such.name.invalid"),
    ] {
        config.write(wrong);
        sensor.reload_in_vain(complaint);
    }
    sensor.wait_until_it_has_said("; the settings stay as they were", 3);
    config.write(&collecting(&[&collector], "cores = 2\nring = 32"));
    sensor.reload();
    let sent = BUILT.send(&wire.sender, OUT, &folder, FEW);
    let account = sensor.stop();
    for option in ["--cores", "--ring"] {
        let text = format!("{option} takes effect at the next start");
        assert_eq!(account.lines_with(&text), 1, "{account:?}");
    }
    let export = collector.finish();
    export.assert_no_gap();
    assert_exact(&sent.sets, vec![export]);
}
