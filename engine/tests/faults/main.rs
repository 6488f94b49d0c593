//! Faults of the machine around a sensor that captures: whatever happens, what was sent is what was exported and what a
//! counter says was lost.
//!
//! | room | the fault |
//! |---|---|
//! | `stalls` | a sensor that is frozen |
//! | `signals` | storms of signals |
//! | `collectors` | paths that discard, routes and collectors that go and come back, a reader that stops |
//! | `interfaces` | an interface that is removed and made anew under load |
//! | `large` | frames that segmentation offload has left large, up to 512 kB |
//! | `limits` | locked memory that is missing, a port and a pid file that are taken |
//! | `cores` | CPUs that may not be used, or not any more |
//! | `fanout` | fanout groups of other programs |
//!
//! What else can go wrong is in `tests/live` (collectors that refuse, that nobody answers for, that have no route or a slow
//! path; interfaces that go down) and `tests/metrics` (a core that is stuck: the watchdog is not fed). No test depends on how
//! fast the machine is: rates are what the generator is asked for, not what is expected of it.

mod collectors;
mod cores;
mod fanout;
mod interfaces;
mod large;
mod limits;
mod signals;
mod stalls;

use std::path::Path;

use dnsflow_testkit::collector::DATAGRAM_BYTES;
use dnsflow_testkit::export::{Export, assert_within};
use dnsflow_testkit::generator::Generated;
use dnsflow_testkit::network::{Namespace, OUT};
use dnsflow_testkit::programs::Programs;
use dnsflow_testkit::sensor::Account;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow"));

/// What a sensor on an Ethernet wrote with `-w`.
fn exported(file: &str) -> Export {
    let export = Export::of(Path::new(file));
    export.assert_at_most(DATAGRAM_BYTES);
    export
}

/// Frames that have left through [`OUT`].
fn frames_sent(sender: &Namespace) -> u64 {
    let count = sender.attribute(OUT, "statistics/tx_packets");
    count.parse().expect("a counter is a number")
}

/// Of traffic without noise: each frame was received or dropped by the kernel, what was received was exported, and that is
/// what came, without a gap and with nothing made up.
fn assert_exact(sent: &Generated, account: &Account, export: &Export) {
    account.assert_passed(sent.number("packets") as u64);
    assert_eq!(account.total.exported, account.total.received);
    assert_eq!(account.missed, 0, "{account:?}");
    export.assert_no_gap();
    export.assert_final_stats();
    let sets = export.sets();
    assert_eq!(sets.len() as u64, account.total.exported);
    assert_within(&sent.sets, &sets);
}
