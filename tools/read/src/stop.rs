//! Stops on SIGINT and SIGTERM.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::ReadError;

/// How long a wait for input may last before it looks whether to stop.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);

/// Signals that ask for an end.
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Whether SIGINT or SIGTERM came. A second one ends the program at once.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    signalled: Arc<AtomicBool>,
}

impl Stop {
    pub(crate) fn on_signals() -> Result<Self, ReadError> {
        let signalled = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS {
            // In this order: the first signal finds the flag unset.
            flag::register_conditional_default(signal, Arc::clone(&signalled))
                .map_err(ReadError::Signals)?;
            flag::register(signal, Arc::clone(&signalled)).map_err(ReadError::Signals)?;
        }
        Ok(Self { signalled })
    }

    pub(crate) fn wanted(&self) -> bool {
        self.signalled.load(Ordering::Relaxed)
    }

    /// Calls `wake` when a signal comes from now on, to end a wait that has no time limit. Ask
    /// [`wanted`](Self::wanted) after this call: a signal may have come before.
    pub(crate) fn wake(&self, wake: impl FnOnce() + Send + 'static) -> Result<(), ReadError> {
        let mut signals = Signals::new(SIGNALS).map_err(ReadError::Signals)?;
        let wait = move || {
            if signals.forever().next().is_some() {
                wake();
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(wait)
            .map_err(ReadError::Signals)?;
        Ok(())
    }
}
