//! The packages and the service as operators have them: Debian's systemd as process 1, the package that
//! `make packages` built, real traffic on a veth pair. `make test-system` runs this.
//!
//! Every machine lives in namespaces of its own, on a Debian that `make test-system` keeps in
//! `target/system/root` and that no test changes.

#[expect(dead_code, reason = "other tests have use for the rest of it")]
#[path = "live/collector.rs"]
mod collector;
#[expect(dead_code, reason = "other tests have use for the rest of it")]
#[path = "live/export.rs"]
mod export;
#[expect(dead_code, reason = "other tests have use for the rest of it")]
#[path = "live/generator.rs"]
mod generator;
#[path = "system/machine.rs"]
mod machine;
#[expect(dead_code, reason = "other tests have use for the rest of it")]
#[path = "live/network.rs"]
mod network;
#[path = "system/packages.rs"]
mod packages;
#[path = "live/patience.rs"]
mod patience;
#[expect(dead_code, reason = "other tests have use for the rest of it")]
#[path = "live/process.rs"]
mod process;
#[path = "live/requirements.rs"]
mod requirements;
#[path = "system/sandbox.rs"]
mod sandbox;
#[path = "system/service.rs"]
mod service;
#[path = "system/sockets.rs"]
mod sockets;
#[path = "metrics/stopped.rs"]
mod stopped;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One machine at a time: each wants all CPUs, and its name.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether machines can be made here; where they can't, that is said, and is a failure where none may be skipped.
fn needs(test: &str) -> bool {
    requirements::requirements(test, &["nsenter", "unshare", "find"])
}
