//! The thread of a sink: hands it batches, tries again with growing pauses, and says what is stored.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use log::{error, info, warn};

use super::{Sink, SinkError};
use crate::backlog::{Backlog, LONGEST_WAIT, Next};
use crate::batch::Batch;
use crate::lock::lock;

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// When a collector that ends stops trying.
#[derive(Debug, Default)]
pub struct Deadline {
    at: Mutex<Option<Instant>>,
    changed: Condvar,
}

impl Deadline {
    /// From `at` on, what fails is not tried again. What is being tried goes on.
    pub fn set(&self, at: Instant) {
        *lock(&self.at) = Some(at);
        self.changed.notify_all();
    }

    /// Waits for `pause`, or for the deadline if that is earlier. Returns whether another try is wanted.
    fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut deadline = lock(&self.at);
        loop {
            let now = Instant::now();
            if deadline.is_some_and(|at| at <= now) {
                return false;
            }
            if until <= now {
                return true;
            }
            let until = deadline.map_or(until, |at| at.min(until));
            let waited = self.changed.wait_timeout(deadline, until - now);
            deadline = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// What a sink has done, for whoever asks.
#[derive(Debug, Default)]
pub struct Status {
    /// Batches that the store has taken.
    pub batches: AtomicU64,
    /// Their records.
    pub records: AtomicU64,
    /// Tries that failed.
    pub failures: AtomicU64,
    /// Batches that the store will never take.
    pub refused: AtomicU64,
    /// Their records.
    pub refused_records: AtomicU64,
    /// Whether the last try succeeded.
    pub is_up: AtomicBool,
}

/// How trying ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Refused,
    /// Batches come again, this one too.
    Again,
    GivenUp,
}

/// A sink and its place among the batches.
pub struct Runner {
    /// What it is called in messages and metrics.
    pub name: String,
    /// The store.
    pub sink: Box<dyn Sink>,
    /// Where batches come from.
    pub backlog: Arc<Backlog>,
    /// Which sink it is there.
    pub index: usize,
    /// What it has done.
    pub status: Arc<Status>,
    /// When to give up.
    pub deadline: Arc<Deadline>,
}

impl Runner {
    /// Opens the store once, before its thread is started: what is wrong with a store that is there is
    /// an error of the start. One that is away is tried again by the thread.
    ///
    /// # Errors
    ///
    /// [`SinkError::Unfit`], and what no store says when it is opened.
    pub fn open(&mut self) -> Result<(), SinkError> {
        match self.sink.open() {
            Ok(stored) => self.opened(stored),
            Err(SinkError::Away(reason)) => self.failed(&reason, true),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Starts the thread, which ends when the backlog is closed and everything is stored, or at the
    /// deadline.
    ///
    /// # Errors
    ///
    /// If there can be no thread.
    pub fn start(self) -> io::Result<JoinHandle<()>> {
        thread::Builder::new()
            .name(format!("sink-{}", self.name))
            .spawn(move || self.run())
    }

    fn run(mut self) {
        if !self.status.is_up.load(Ordering::Relaxed) && !self.open_at_last() {
            return;
        }
        loop {
            let wait = Instant::now() + LONGEST_WAIT;
            let until = self.sink.due().map_or(wait, |due| due.min(wait));
            let goes_on = match self.backlog.next(self.index, until) {
                Next::Batch(batch) => self.write(&batch),
                Next::Nothing => true,
                Next::Closed => {
                    let outcome = self.tried(|sink| sink.finish());
                    self.note_stored();
                    outcome == Outcome::Again
                }
            };
            if !goes_on {
                return;
            }
            let is_due = |due| due <= Instant::now();
            if self.sink.due().is_some_and(is_due)
                && !self.until_done(|sink| sink.advance(Instant::now()))
            {
                return;
            }
            self.note_stored();
        }
    }

    fn open_at_last(&mut self) -> bool {
        let mut stored = None;
        let opened = self.until_done(|sink| {
            stored = sink.open()?;
            Ok(())
        });
        if opened {
            self.opened(stored);
        }
        opened
    }

    fn opened(&mut self, stored: Option<u64>) {
        self.status.is_up.store(true, Ordering::Relaxed);
        if let Some(number) = stored {
            self.note(number);
        }
    }

    fn write(&mut self, batch: &Arc<Batch>) -> bool {
        let status = Arc::clone(&self.status);
        let (batches, records) = match self.tried(|sink| sink.write(batch)) {
            Outcome::Done => (&status.batches, &status.records),
            Outcome::Refused => (&status.refused, &status.refused_records),
            Outcome::Again => return true,
            Outcome::GivenUp => return false,
        };
        batches.fetch_add(1, Ordering::Relaxed);
        let left_out = self.sink.take_left_out();
        status
            .refused_records
            .fetch_add(left_out, Ordering::Relaxed);
        let taken = batch.records().saturating_sub(left_out);
        records.fetch_add(taken, Ordering::Relaxed);
        true
    }

    /// Tries until it is done or never will be; returns false if there was no more time.
    fn until_done(&mut self, act: impl FnMut(&mut dyn Sink) -> Result<(), SinkError>) -> bool {
        self.tried(act) != Outcome::GivenUp
    }

    /// Tries until there is an outcome.
    fn tried(&mut self, mut act: impl FnMut(&mut dyn Sink) -> Result<(), SinkError>) -> Outcome {
        let mut pause = FIRST_PAUSE;
        let mut since = None;
        let mut again = false;
        loop {
            let reason = match act(&mut *self.sink) {
                Ok(()) => {
                    if let Some(since) = since {
                        let away: Duration = Instant::elapsed(&since);
                        info!("{} is back after {:.1} s", self.name, away.as_secs_f64());
                    }
                    self.status.is_up.store(true, Ordering::Relaxed);
                    return Outcome::Done;
                }
                Err(SinkError::Refused(reason)) => {
                    error!("{} refuses a batch for good: {reason}", self.name);
                    return Outcome::Refused;
                }
                Err(SinkError::Gone(reason)) => {
                    warn!("{}: {reason}", self.name);
                    return Outcome::GivenUp;
                }
                Err(SinkError::Again(reason)) => {
                    self.backlog.rewind(self.index);
                    again = true;
                    reason
                }
                Err(SinkError::Away(reason) | SinkError::Unfit(reason)) => reason,
            };
            let is_first = since.is_none();
            since = since.or_else(|| Some(Instant::now()));
            self.failed(&reason, is_first);
            if !self.deadline.pause(pause) {
                warn!("{}: given up: {reason}", self.name);
                return Outcome::GivenUp;
            }
            if again {
                return Outcome::Again;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn failed(&self, reason: &str, is_first: bool) {
        self.status.failures.fetch_add(1, Ordering::Relaxed);
        self.status.is_up.store(false, Ordering::Relaxed);
        if is_first {
            warn!("{}: {reason}; trying again", self.name);
        }
    }

    fn note_stored(&self) {
        if let Some(number) = self.sink.stored() {
            self.note(number);
        }
    }

    fn note(&self, number: u64) {
        if let Err(error) = self.backlog.note_stored(self.index, number) {
            warn!(
                "{}: can't note in the spool that batch {number} is stored: {error}; after a restart it may come again",
                self.name
            );
        }
    }
}
