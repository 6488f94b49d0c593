//! Messages to the service manager (sd_notify(3)): readiness, a line of status, and the watchdog's
//! keep-alive.
//!
//! A thread asks the program at intervals how it is. Readiness and the keep-alive are sent only
//! while all of the program answers, so that the watchdog covers whatever the answer is made of.
//! Without a service manager there is no thread.

use std::env;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use log::warn;
use sd_notify::NotifyState;

/// Time between two messages.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// Time until the next question if a part of the program did not answer: it may only be late.
const RETRY: Duration = Duration::from_secs(1);

/// How a program is at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// A line of text for whoever asks the service manager.
    pub line: String,
    /// Whether all parts of the program have answered. If not, the keep-alive is left out, and the
    /// program is asked again soon.
    pub is_well: bool,
}

/// The connection to the service manager. Dropping it announces the end.
#[derive(Debug)]
pub struct Notify {
    channel: Arc<NotifyChannel>,
    /// The line of status of the end.
    last: &'static str,
    /// Dropping it wakes the thread, which then ends.
    _stop: Sender<()>,
}

/// Sends messages in an order that makes sense: none after that of the end.
#[derive(Debug, Default)]
struct NotifyChannel {
    has_ended: Mutex<bool>,
}

impl Notify {
    /// Starts the thread, which calls `ask` at once and then every 10 s, or more often for the
    /// watchdog, and reports readiness as soon as all is well. `last` is the line of status from
    /// when this is dropped. `None` without a service manager.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn start(
        last: &'static str,
        ask: impl FnMut() -> Status + Send + 'static,
    ) -> io::Result<Option<Self>> {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return Ok(None);
        }
        let watchdog = sd_notify::watchdog_enabled();
        let (stop, stopped) = channel();
        let notify = Arc::<NotifyChannel>::default();
        let sender = Arc::clone(&notify);
        thread::Builder::new()
            .name("notify".to_owned())
            .spawn(move || report(ask, watchdog, &sender, &stopped))?;
        Ok(Some(Self {
            channel: notify,
            last,
            _stop: stop,
        }))
    }

    /// A reload has begun.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.channel.send(&[NotifyState::Reloading, now]),
            Err(error) => warn!("can't read the clock: {error}"),
        }
    }

    /// A reload is over, applied or not.
    pub fn reloaded(&self) {
        self.channel.send(&[NotifyState::Ready]);
    }
}

impl Drop for Notify {
    fn drop(&mut self) {
        self.channel
            .send_last(&[NotifyState::Stopping, NotifyState::Status(self.last)]);
    }
}

impl NotifyChannel {
    fn send(&self, states: &[NotifyState<'_>]) {
        let has_ended = self
            .has_ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !*has_ended {
            send(states);
        }
    }

    fn send_last(&self, states: &[NotifyState<'_>]) {
        let mut has_ended = self
            .has_ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *has_ended = true;
        send(states);
    }
}

/// Sends a message. It may fail without a service manager that listens; the program runs on.
fn send(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

/// Asks the program and sends messages until the other end of `stopped` is dropped.
fn report(
    mut ask: impl FnMut() -> Status,
    watchdog: Option<Duration>,
    channel: &NotifyChannel,
    stopped: &Receiver<()>,
) {
    let interval = watchdog.map_or(STATUS_INTERVAL, |limit| STATUS_INTERVAL.min(limit / 2));
    let mut ready = false;
    loop {
        let Status { line, is_well } = ask();
        let mut states = vec![NotifyState::Status(&line)];
        if is_well {
            if !ready {
                states.push(NotifyState::Ready);
                ready = true;
            }
            if watchdog.is_some() {
                states.push(NotifyState::Watchdog);
            }
        }
        channel.send(&states);
        let pause = if is_well {
            interval
        } else {
            interval.min(RETRY)
        };
        if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
