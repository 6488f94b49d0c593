//! Pseudonyms while packets flow: another key is taken between two blocks, and nothing is lost by it.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;

use dnsflow_privacy::{Choice, Disguise, Key, Mode};
use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::sensor::{Config, collecting};

use crate::BUILT;

/// At 50,000 a second, until it is told to stop.
const TRAFFIC: &str = "--rate 50000 --frames 200000 --noise 5 --clients 10000";

/// A key of this digit, as settings name it, and what finds addresses by it.
fn key(folder: &Folder, digit: &str) -> (String, Disguise) {
    let path = folder.path(&format!("key-{digit}"));
    fs::write(&path, digit.repeat(64)).expect("room");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a file of ours");
    let settings = format!("client-addresses = \"ipcrypt-pfx\"\naddress-key = {path:?}");
    let choice = Choice {
        key: Some(Key::read(&path).expect("a key")),
        ..Choice::default()
    };
    (settings, choice.disguise(Mode::IpcryptPfx))
}

/// A set whose client has its address again.
fn undone(set: &str, disguise: &mut Disguise) -> String {
    let (client, rest) = set.split_once('\t').expect("columns");
    let client: IpAddr = client.parse().expect("an address");
    let client = disguise.undo(client, 0).expect("a pseudonym");
    format!("{client}\t{rest}")
}

#[test]
fn another_key_loses_nothing() {
    if !requirements("another_key_loses_nothing", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let [(first, mut undo_first), (second, mut undo_second)] =
        ["3", "4"].map(|digit| key(&folder, digit));
    let config = Config::new(&folder, &collecting(&[&collector], &first));
    let mut sensor = BUILT.capture(&wire.sensor, TAP, &["--config", config.path()]);
    let generator = BUILT.generate(&wire.sender, OUT, &folder, TRAFFIC);
    until("datagrams", || (collector.count() > 100).then_some(()));
    config.write(&collecting(&[&collector], &second));
    sensor.reload();
    let before = collector.count();
    until("datagrams under the second key", || {
        (collector.count() > before + 100).then_some(())
    });
    let sent = generator.stop();
    let account = sensor.stop();
    assert_eq!(account.missed, 0, "{account:?}");
    let export = collector.finish();
    export.assert_no_gap();
    let expected: HashSet<&str> = sent.sets.iter().map(String::as_str).collect();
    let (mut sets, mut under_second) = (Vec::new(), 0);
    for set in export.sets() {
        assert!(
            !expected.contains(set.as_str()),
            "an address as it was: {set}"
        );
        let by_first = undone(&set, &mut undo_first);
        if expected.contains(by_first.as_str()) {
            sets.push(by_first);
        } else {
            under_second += 1;
            sets.push(undone(&set, &mut undo_second));
        }
    }
    assert!(
        under_second > 0 && under_second < sets.len(),
        "{under_second}"
    );
    sets.sort_unstable();
    assert_same(&sent.sets, &sets);
}
