//! SIGINT and SIGTERM end a bench early, but not before it has removed what it made.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Longest time that a signal goes unnoticed.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The bench was asked to end.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

impl std::error::Error for Interrupted {}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("interrupted")
    }
}

/// Lets signals end pauses from now on, instead of the program.
///
/// # Errors
/// What the system says.
pub fn watch() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&ASKED))?;
    }
    Ok(())
}

/// Sleeps.
///
/// # Errors
/// If there was a signal, before or meanwhile.
pub fn pause(time: Duration) -> Result<(), Interrupted> {
    let start = Instant::now();
    loop {
        if ASKED.load(Ordering::Relaxed) {
            return Err(Interrupted);
        }
        match time.saturating_sub(start.elapsed()) {
            Duration::ZERO => return Ok(()),
            left => thread::sleep(left.min(LOOK_INTERVAL)),
        }
    }
}
