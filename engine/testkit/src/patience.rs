//! Waiting for a state, not for a time.

use std::thread;
use std::time::{Duration, Instant};

/// Longest time that a test waits for anything. Nothing takes as long, even on a machine that does other work too.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Time between two looks: short at first, for what is nearly there.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
const LOOK_AGAIN_AT_MOST: Duration = Duration::from_millis(10);

/// Looks until `state` is there.
///
/// # Panics
/// If it is not there within [`PATIENCE`].
pub fn until<Found>(what: &str, mut state: impl FnMut() -> Option<Found>) -> Found {
    let start = Instant::now();
    let mut pause = LOOK_AGAIN;
    loop {
        if let Some(found) = state() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(pause);
        pause = (pause * 3 / 2).min(LOOK_AGAIN_AT_MOST);
    }
}
