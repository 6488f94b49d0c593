//! The sinks of a run: started, and ended with what is left.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use log::{info, warn};

use super::error::{RunError, system};
use crate::backlog::{Account, Backlog};
use crate::options::Options;
use crate::sink::runner::{Deadline, Runner, Status};
use crate::watch::Sinks;

/// The sinks of a run, started.
pub(super) struct Started {
    threads: Vec<JoinHandle<()>>,
    deadline: Arc<Deadline>,
    /// For whoever asks.
    pub(super) shared: Sinks,
}

/// Opens all sinks and starts their threads.
pub(super) fn start(options: &Options, backlog: &Arc<Backlog>) -> Result<Started, RunError> {
    let deadline = Arc::new(Deadline::default());
    let mut runners = Vec::new();
    let mut shared = Sinks::default();
    for (index, to) in options.to.iter().enumerate() {
        let status = Arc::new(Status::default());
        shared.push((to.name().to_owned(), Arc::clone(&status)));
        let mut runner = Runner {
            name: to.name().to_owned(),
            sink: to.sink(backlog.collector()),
            backlog: Arc::clone(backlog),
            index,
            status,
            deadline: Arc::clone(&deadline),
        };
        let opened = runner.open();
        opened.map_err(|source| RunError::Sink {
            name: to.name().to_owned(),
            source,
        })?;
        runners.push(runner);
    }
    let threads: io::Result<Vec<_>> = runners.into_iter().map(Runner::start).collect();
    Ok(Started {
        threads: threads.map_err(system("start a thread"))?,
        deadline,
        shared,
    })
}

impl Started {
    /// Whether a sink has ended by itself: its store will never take anything again.
    pub(super) fn has_ended(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Lets the sinks store what is left, for `drain` at most. Returns their accounts.
    pub(super) fn finish(self, backlog: &Backlog, drain: Duration) -> Vec<Account> {
        if let Err(error) = backlog.close() {
            warn!("can't write the accounts of streams to the spool: {error}");
        }
        self.deadline.set(Instant::now() + drain);
        for thread in self.threads {
            if thread.join().is_err() {
                warn!("a sink has ended by a panic");
            }
        }
        if let Err(error) = backlog.sync() {
            warn!("can't write the spool to the disk: {error}");
        }
        backlog.accounts()
    }
}

/// Says what is left at the end.
pub(super) fn report_end(options: &Options, left: &[Account]) -> Result<(), RunError> {
    let mut lost = 0;
    for (to, account) in options.to.iter().zip(left) {
        let spooled = account.waiting_records - account.unspooled_records;
        if spooled > 0 {
            info!(
                "{}: {spooled} records are in the spool, for the next start",
                to.name()
            );
        }
        lost += account.unspooled_records;
        if account.lost > 0 {
            warn!("{}: {} records were lost", to.name(), account.lost_records);
        }
    }
    if lost > 0 {
        return Err(RunError::Lost(lost));
    }
    Ok(())
}
