//! Waiting for a state, not for a time.

use std::thread;
use std::time::{Duration, Instant};

/// Nothing that a test waits for takes as long as this, even on a machine that does other work too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Looks until `state` is there.
///
/// # Panics
/// If it doesn't come within [`PATIENCE`].
pub(crate) fn until<T>(what: &str, mut state: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = state() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(LOOK_AGAIN);
    }
}
