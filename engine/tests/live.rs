//! The sensor on real interfaces: network namespaces joined by veth, real senders, real collectors.
//!
//! Every test makes its own namespaces and removes them, whatever happens. It needs root and iproute2, some
//! need unbound, dnsperf and tshark; what is missing is said loudly, and is a failure where CI=true.
//! Expected sets come from whoever made the traffic (`dnsflow-gen`, the test itself, or tshark beside the
//! sensor), exports are decoded by a reader of the tests' own: nothing is compared with itself.

#[path = "live/balance.rs"]
mod balance;
#[path = "live/bounce.rs"]
mod bounce;
#[path = "live/check.rs"]
mod check;
#[path = "live/collector.rs"]
mod collector;
#[path = "live/collectors.rs"]
mod collectors;
#[path = "live/export.rs"]
mod export;
#[path = "live/generator.rs"]
mod generator;
#[path = "live/handed.rs"]
mod handed;
#[path = "live/inject.rs"]
mod inject;
#[path = "live/interfaces.rs"]
mod interfaces;
#[path = "live/journal.rs"]
mod journal;
#[path = "live/lifecycle.rs"]
mod lifecycle;
#[path = "live/network.rs"]
mod network;
#[expect(
    dead_code,
    reason = "each test program has its use for some of the packets"
)]
#[path = "every_counter/packets.rs"]
mod packets;
#[path = "live/patience.rs"]
mod patience;
#[path = "live/pieces.rs"]
mod pieces;
#[path = "live/privileges.rs"]
mod privileges;
#[path = "live/process.rs"]
mod process;
#[path = "live/reload.rs"]
mod reload;
#[path = "live/requirements.rs"]
mod requirements;
#[path = "live/resolver.rs"]
mod resolver;
#[path = "live/selection.rs"]
mod selection;
#[path = "live/sensor.rs"]
mod sensor;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One live test at a time: each wants all CPUs.
fn machine() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    // A test that failed has left nothing behind that could harm the next.
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}
