//! A collector whose link address nobody knows.

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::requirements::{alone, requirements};

use crate::BUILT;

/// What is sent to it is not taken: the kernel says so for each datagram that waited for the address in vain.
#[test]
fn a_collector_that_does_not_answer_arp() {
    if !requirements("a_collector_that_does_not_answer_arp", &[]) {
        return;
    }
    let _alone = alone();
    for nobody in ["192.0.2.77:9", "[2001:db8:77::77]:9"] {
        let wire = Wire::new().with_addresses();
        let folder = Folder::new();
        let living = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = living.address();
        let options = ["--flush", "0.05", "-u", nobody, "-u", &address];
        let mut sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let mut sets = Vec::new();
        let few = "--rate 100000 --count 2000 --frames 2000 --noise 0";
        sets.extend(BUILT.send(&wire.sender, OUT, &folder, few).sets);
        // Stats, which are sent every 10 s, tell of what was sent before.
        sensor.wait_until_it_has_said(&format!("collector {nobody}: No route to host"), 1);
        sets.extend(
            BUILT
                .send(&wire.sender, OUT, &folder, &format!("{few} --seed 2"))
                .sets,
        );
        let account = sensor.stop();
        assert_eq!(account.taken + account.missed, 2 * account.datagrams);
        assert!(account.missed > 1, "runs, not only reports: {account:?}");
        assert_eq!(account.lines_with("datagrams did not arrive"), 1);
        sets.sort_unstable();
        assert_same(&sets, &living.finish().sets());
    }
}
