//! Many clients behind shared addresses: each flow is named as its client meant it, where a map of addresses alone is
//! wrong by construction.

use std::fs;

use dnsflow_benches::accuracy::{self, Programs, Score, traffic};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::programs::Programs as Built;
use dnsflow_testkit::requirements::programs;

const BUILT: Built = Built::beside(env!("CARGO_BIN_EXE_bench-accuracy"));

/// Flows of the capture.
const FLOWS: u16 = 20_000;

#[test]
fn each_client_has_its_own_names_of_shared_addresses() {
    if !programs("accuracy", &["tshark"]) {
        return;
    }
    let folder = Folder::new();
    let capture = folder.path("traffic.pcap");
    fs::write(&capture, traffic::capture(FLOWS, 7)).expect("room");
    let programs = Programs {
        sensor: &BUILT.path("dnsflow"),
        name: &BUILT.path("dnsflow-name"),
    };
    let named = accuracy::named(&capture, programs, &folder.path("")).expect("a capture of ours");
    let score = Score::of(&named);
    let text = accuracy::mistakes(&named);
    assert_eq!(score.flows, u64::from(FLOWS));
    assert!(named.iter().all(accuracy::Named::is_told));
    assert!(named.iter().all(|named| named.is_looked_up));
    assert!(score.first * 100 >= score.flows * 99, "{score:?}\n{text}");
    assert!(score.global * 2 < score.flows, "{score:?}");
}
