//! 100,000 responses a second for five seconds into two cores, by every way to balance them: none lost, none
//! doubled, no sequence number left out, and both cores at work.

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{Export, assert_same};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::generator::Generated;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::requirements::{alone, requirements};
use dnsflow_testkit::sensor::Account;

use crate::{BUILT, exported};

const LOAD: &str = "--rate 100000 --seconds 5 --frames 100000 --noise 0";
const RESPONSES: u64 = 500_000;

#[test]
fn hash_into_two_cores_and_over_the_network() {
    if !requirements("hash_into_two_cores_and_over_the_network", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
    let options = [
        "--cores",
        "2",
        "--fanout",
        "hash",
        "-u",
        &collector.address(),
    ];
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let sent = BUILT.send(&wire.sender, OUT, &folder, LOAD);
    let account = sensor.stop();
    assert_eq!((account.taken, account.missed), (account.datagrams, 0));
    check(&sent, &account, collector.finish());
}

#[test]
fn client_into_two_cores() {
    into_two_cores("client_into_two_cores", "client", LOAD);
}

#[test]
fn checksum_into_two_cores() {
    into_two_cores("checksum_into_two_cores", "checksum", LOAD);
}

/// Where there is no checksum, the client's address decides.
#[test]
fn checksum_of_zero_into_two_cores() {
    let load = "--rate 100000 --seconds 5 --frames 100000 --noise 0 --ipv6 0 --zero-checksum 100";
    into_two_cores("checksum_of_zero_into_two_cores", "checksum", load);
}

fn into_two_cores(name: &str, fanout: &str, load: &str) {
    if !requirements(name, &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let file = folder.argument("export.pcap");
    let options = ["--cores", "2", "--fanout", fanout, "-w", &file];
    let sensor = BUILT.capture(&wire.sensor, TAP, &options);
    let sent = BUILT.send(&wire.sender, OUT, &folder, load);
    let account = sensor.stop();
    check(&sent, &account, exported(&file));
}

fn check(sent: &Generated, account: &Account, export: Export) {
    assert_eq!(sent.number("responses") as u64, RESPONSES);
    assert_eq!(account.total.received, RESPONSES);
    assert_eq!(account.total.exported, RESPONSES);
    export.assert_no_gap();
    export.assert_final_stats();
    export.assert_spread(2);
    assert_same(&sent.sets, &export.sets());
}
