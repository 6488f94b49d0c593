//! SIGINT and SIGTERM end a bench early, after it has removed its namespaces and processes.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Interval at which a pause checks for a signal.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// A signal interrupted the bench.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

impl std::error::Error for Interrupted {}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("interrupted")
    }
}

/// Installs handlers for SIGINT and SIGTERM: from then on they end a [`pause`], not the process.
///
/// # Errors
/// Those of sigaction(2).
pub fn watch() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&INTERRUPTED))?;
    }
    Ok(())
}

/// Sleeps for `time`.
///
/// # Errors
/// If a signal arrived before or during the pause.
pub fn pause(time: Duration) -> Result<(), Interrupted> {
    let start = Instant::now();
    loop {
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err(Interrupted);
        }
        match time.saturating_sub(start.elapsed()) {
            Duration::ZERO => return Ok(()),
            left => thread::sleep(left.min(CHECK_INTERVAL)),
        }
    }
}
