//! Ends on SIGINT and SIGTERM, once what was read is written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether SIGINT or SIGTERM came. A second one ends the program at once.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    signalled: Arc<AtomicBool>,
}

impl Stop {
    /// One that is set by signals from now on.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset.
            flag::register_conditional_default(signal, Arc::clone(&stop.signalled))?;
            flag::register(signal, Arc::clone(&stop.signalled))?;
        }
        Ok(stop)
    }

    /// Whether to end.
    #[must_use]
    pub fn wanted(&self) -> bool {
        self.signalled.load(Ordering::Relaxed)
    }
}
