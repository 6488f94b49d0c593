//! Stops on SIGINT, SIGTERM and SIGHUP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::TopError;

/// How long a wait may last before it looks whether to stop.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// Whether a signal came that asks for an end.
///
/// None ends the program at once: the terminal is given back first.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn on_signals() -> Result<Self, TopError> {
        let signalled = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register(signal, Arc::clone(&signalled)).map_err(TopError::Start)?;
        }
        Ok(Self(signalled))
    }

    pub(crate) fn wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
