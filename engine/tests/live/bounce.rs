//! Interfaces that go and come back while the sensor runs.

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{Namespace, OUT, TAP, Wire, join};
use dnsflow_testkit::requirements::{alone, requirements};

use crate::{BUILT, exported};

const SOME: &str = "--count 20000 --frames 20000 --rate 100000 --noise 0";
const OTHER_TAP: &str = "tap2";

const DIVISIONS: [(&str, &str); 3] = [("1", "hash"), ("2", "hash"), ("2", "client")];

fn send(namespace: &Namespace, seed: u32) -> Vec<String> {
    let options = format!("{SOME} --seed {seed}");
    BUILT.send(namespace, OUT, &Folder::new(), &options).sets
}

fn assert_exported(mut expected: Vec<String>, file: &str) {
    expected.sort_unstable();
    let export = exported(file);
    export.assert_no_gap();
    assert_same(&expected, &export.sets());
}

/// The kernel takes the sockets of an interface up again that keeps its index; it is said once, whatever the number of cores.
#[test]
fn down_and_up() {
    if !requirements("down_and_up", &[]) {
        return;
    }
    let _alone = alone();
    for (cores, fanout) in DIVISIONS {
        let (wire, folder) = (Wire::new(), Folder::new());
        let file = folder.argument("export.pcap");
        let options = ["--cores", cores, "--fanout", fanout, "-w", &file];
        let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let mut sets = send(&wire.sender, 1);
        for bounce in 1..=2 {
            wire.sensor.ip(&format!("link set dev {TAP} down"));
            sensor.wait_until_it_has_said("interface tap went down", bounce);
            wire.sensor.ip(&format!("link set dev {TAP} up"));
            sensor.wait_until_it_has_said("interface tap is up again", bounce);
            wire.sender.wait_until_up(OUT);
            sets.extend(send(&wire.sender, 1 + u32::try_from(bounce).unwrap_or(0)));
        }
        let account = sensor.stop();
        assert_eq!(account.lines_with("went down"), 2, "{account:?}");
        assert_eq!(account.lines_with("is up again"), 2, "{account:?}");
        assert_exported(sets, &file);
    }
}

/// One that was removed is made anew, with another index and with the one that it had.
#[test]
fn removed_and_made_anew() {
    if !requirements("removed_and_made_anew", &[]) {
        return;
    }
    let _alone = alone();
    for (cores, fanout) in DIVISIONS {
        let (wire, folder) = (Wire::new(), Folder::new());
        let file = folder.argument("export.pcap");
        let options = ["--cores", cores, "--fanout", fanout, "-w", &file];
        let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let mut sets = send(&wire.sender, 1);
        let first = wire.sensor.index(TAP);
        wire.sensor.ip(&format!("link del dev {TAP}"));
        sensor.wait_until_it_has_said("interface tap is gone", 1);
        wire.connect("");
        sensor.wait_until_it_has_said("interface tap is back; capturing", 1);
        let second = wire.sensor.index(TAP);
        assert_ne!(first, second);
        sets.extend(send(&wire.sender, 2));
        // Before anybody has looked, it is there again under name and index.
        wire.sensor.ip(&format!("link del dev {TAP}"));
        wire.connect(&format!("index {second}"));
        sensor.wait_until_it_has_said("interface tap is back; capturing", 2);
        assert_eq!(wire.sensor.index(TAP), second);
        sets.extend(send(&wire.sender, 3));
        let account = sensor.stop();
        assert_eq!(account.total.received, 60_000);
        assert_exported(sets, &file);
    }
}

/// While one interface goes and comes back, nothing is lost of the other, nor of what the first had still given.
#[test]
fn others_go_on() {
    if !requirements("others_go_on", &[]) {
        return;
    }
    let _alone = alone();
    for (cores, fanout) in DIVISIONS {
        let (wire, folder) = (Wire::new(), Folder::new());
        let other = Namespace::new("other");
        join(&other, &wire.sensor, OTHER_TAP, "");
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = collector.address();
        let options = [
            "--cores", cores, "--fanout", fanout, "-i", OTHER_TAP, "-u", &address,
        ];
        let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let busy = "--rate 60000 --frames 240000 --noise 5 --seed 9";
        let generator = BUILT.generate(&wire.sender, OUT, &folder, busy);
        let mut sets = send(&other, 1);
        wire.sensor.ip(&format!("link del dev {OTHER_TAP}"));
        sensor.wait_until_it_has_said("interface tap2 is gone", 1);
        join(&other, &wire.sensor, OTHER_TAP, "");
        sensor.wait_until_it_has_said("interface tap2 is back; capturing", 1);
        sets.extend(send(&other, 2));
        let sent = generator.stop();
        sets.extend(sent.sets.iter().cloned());
        let account = sensor.stop();
        let line = "interface tap2: received 40000 = exported 40000";
        assert_eq!(account.lines_with(line), 1, "{account:?}");
        let export = collector.finish();
        export.assert_no_gap();
        sets.sort_unstable();
        assert_same(&sets, &export.sets());
    }
}
