//! Records of version 5 say what the generator has put into the packets, and all of it.

use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::requirements::core_counts;

use crate::BUILT;

/// Traffic with much of what is rare.
const RARE: &str = "--noise 30 --any 10 --dname 10 --signed 10 --mixed-case 50 --uncompressed 20 --odd-names 5 \
                    --vlan 30 --vlan-tags 2 --addresses 16";

/// Writes traffic and compares what is exported with these options with what is expected with them.
#[track_caller]
fn assert_told(traffic: &str, selection: &str) {
    let expected = BUILT.traffic(20_000, &format!("{traffic} --format v5 {selection}"));
    let folder = Folder::new();
    for cores in core_counts() {
        let export = folder.path(&format!("{cores}.pcap"));
        let sensor = BUILT.reading(&expected.capture);
        let sensor = sensor.option("-w", &export).with(selection);
        let ended = sensor.with(&format!("--format v5 --cores {cores}")).run();
        ended.assert_success();
        assert_same(&expected.sets, &BUILT.records(&export));
    }
}

#[test]
fn of_responses_with_addresses() {
    assert_told("", "");
}

#[test]
fn of_rare_responses() {
    assert_told(RARE, "");
}

#[test]
fn of_all_responses() {
    assert_told(RARE, "--select all --types any --authoritative");
}

#[test]
fn of_some_outcomes_and_types() {
    assert_told(RARE, "--select nodata,errors --types A,HTTPS,TYPE12");
    assert_told(
        RARE,
        "--select nxdomain,addresses --types mx,txt,TYPE255,srv",
    );
}
