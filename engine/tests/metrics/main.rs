//! Those who watch the sensor: a real Prometheus that scrapes it, and the service manager's end of a notify socket.
//!
//! The sensor captures on a veth what `dnsflow-gen` sends, and what Prometheus says of it is compared with what
//! was sent. It needs root, iproute2, Prometheus and promtool; what is missing is said loudly, and is a failure
//! where CI=true.

#[expect(dead_code, reason = "what comes to a collector is for live tests")]
#[path = "../live/collector.rs"]
mod collector;
mod counts;
mod dashboard;
#[expect(dead_code, reason = "what comes to a collector is for live tests")]
#[path = "../live/export.rs"]
mod export;
#[expect(dead_code, reason = "what exactly was sent is for live tests")]
#[path = "../live/generator.rs"]
mod generator;
mod health;
#[expect(dead_code, reason = "each test program has its use for some of it")]
#[path = "../live/network.rs"]
mod network;
mod notify;
#[path = "../live/patience.rs"]
mod patience;
#[path = "../live/process.rs"]
mod process;
mod prometheus;
mod promtool;
mod reload;
#[path = "../live/requirements.rs"]
mod requirements;
mod scrape;
#[expect(dead_code, reason = "each test program has its use for some of it")]
#[path = "../live/sensor.rs"]
mod sensor;
mod stopped;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One of these tests at a time: each wants all CPUs.
fn machine() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    // A test that failed has left nothing behind that could harm the next.
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}
