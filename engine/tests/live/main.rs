//! The sensor on real interfaces: network namespaces joined by veth, real senders, real collectors.
//!
//! Every test makes its own namespaces and removes them, whatever happens. It needs root and iproute2, some
//! need unbound, dnsperf, dig and tshark; what is missing is said loudly, and is a failure where CI=true.
//! Expected sets come from whoever made the traffic (`dnsflow-gen`, the test itself, or tshark beside the
//! sensor), exports are decoded by a reader of the tests' own: nothing is compared with itself.

mod balance;
mod bounce;
mod check;
mod collectors;
mod handed;
mod interfaces;
mod journal;
mod lifecycle;
mod lists;
mod outputs;
mod pieces;
mod privacy;
mod privileges;
mod records;
mod reload;
mod resolver;
mod selection;
mod system_calls;
mod unbound;
mod unreachable;
mod version5;

use std::path::Path;
use std::time::Instant;

use dnsflow_testkit::collector::DATAGRAM_BYTES;
use dnsflow_testkit::export::Export;
use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow"));

/// What a sensor on an Ethernet wrote with `-w`.
fn exported(file: &str) -> Export {
    let export = Export::of(Path::new(file));
    export.assert_at_most(DATAGRAM_BYTES);
    export
}

/// How often one core may have complained of one collector, where that is done once a minute: at the first failure, and
/// in each minute that has begun since.
fn most_complaints(since: Instant) -> usize {
    let minutes = since.elapsed().as_secs() / 60;
    2 + usize::try_from(minutes).expect("a few")
}
