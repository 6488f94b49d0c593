//! Work before the run that may take long: libpcap takes a minute for an expression with hundreds of
//! addresses, and name servers take their time. It is done on threads of its own, so that a signal
//! still ends the sensor, and a reload does not keep the supervisor from its events.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use log::warn;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::start::error::StartError;

/// Time after which it is said that the work takes long.
const LONG: Duration = Duration::from_secs(5);

/// Closes the iterator over signals when the work is over, also by a panic.
struct Over(Handle);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Does `work` on a thread that has ended when this returns, unless SIGINT or SIGTERM comes first.
/// These have to be watched by somebody else too, for whom they count from the start of the work on.
///
/// # Errors
/// [`StartError::Interrupted`] at such a signal: the process has to end then, and the thread with
/// it. Those of the work.
pub(super) fn unless_told_to_end<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    let failed = |source| StartError::System {
        what: "can't watch for signals",
        source,
    };
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let over = Over(signals.handle());
    let thread = spawn(move || {
        let _over = over;
        said_to_take_long(work)
    })?;
    if signals.forever().next().is_some() {
        return Err(StartError::Interrupted);
    }
    let panicked = || std::io::Error::other("it panicked");
    thread.join().unwrap_or_else(|_| {
        Err(StartError::System {
            what: "can't open the input",
            source: panicked(),
        })
    })
}

/// Does `work`, and says so if it takes long.
pub(super) fn said_to_take_long<T>(work: impl FnOnce() -> T) -> T {
    let (is_over, waits) = channel::<()>();
    // Without that thread, nothing is said.
    let _ = spawn(move || {
        if waits.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
            warn!(
                "compiling the filter takes long: addresses by the hundred do not belong into --filter, and names \
                 in it wait for name servers"
            );
        }
    });
    let done = work();
    drop(is_over);
    done
}

/// Starts a thread.
///
/// # Errors
/// If it can't be started.
pub(super) fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, StartError> {
    thread::Builder::new()
        .name("opening".to_owned())
        .spawn(work)
        .map_err(|source| StartError::System {
            what: "can't start a thread",
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_ends_has_its_result() {
        assert_eq!(unless_told_to_end(|| Ok(7)).ok(), Some(7));
        let wrong = || Err::<(), _>(StartError::Usage("wrong".to_owned()));
        let error = unless_told_to_end(wrong).expect_err("it is wrong");
        assert_eq!(error.to_string(), "wrong");
        let panics = || -> Result<(), StartError> { panic!("on purpose") };
        let error = unless_told_to_end(panics).expect_err("it panics");
        assert!(error.to_string().contains("panicked"), "{error}");
    }
}
