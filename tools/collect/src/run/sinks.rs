//! The sinks of a run: started, and ended with what is left.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use log::{info, warn};

use super::error::{RunError, system};
use super::start::SERVE;
use crate::backlog::{Account, Backlog};
use crate::options::Options;
use crate::serve::Naming;
use crate::serve::feed::{Feed, Snapshots};
use crate::sink::runner::{Deadline, Runner, Status};
use crate::sink::{Destination, Sink};
use crate::watch::Sinks;

/// The sinks of a run, started.
pub(super) struct Started {
    threads: Vec<JoinHandle<()>>,
    deadline: Arc<Deadline>,
    /// For whoever asks.
    pub(super) shared: Sinks,
}

/// Opens all sinks and starts their threads.
pub(super) fn start(
    options: &Options,
    backlog: &Arc<Backlog>,
    naming: Option<&Arc<Naming>>,
) -> Result<Started, RunError> {
    let deadline = Arc::new(Deadline::default());
    let mut runners = Vec::new();
    let mut shared = Sinks::default();
    let collector = backlog.collector();
    let stores = options.to.iter().map(|to| to.sink(collector));
    let feed = naming.map(|naming| feed(options, naming, collector));
    let sinks = stores.chain(feed);
    for (index, (name, sink)) in names(options).zip(sinks).enumerate() {
        let status = Arc::new(Status::default());
        shared.push((name.to_owned(), Arc::clone(&status)));
        let mut runner = Runner {
            name: name.to_owned(),
            sink,
            backlog: Arc::clone(backlog),
            index,
            status,
            deadline: Arc::clone(&deadline),
        };
        let opened = runner.open();
        opened.map_err(|source| RunError::Sink {
            name: name.to_owned(),
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

/// The names of all sinks, in their order.
fn names(options: &Options) -> impl Iterator<Item = &str> {
    let serve = options.serve.map(|_| SERVE);
    options.to.iter().map(Destination::name).chain(serve)
}

/// The sink of the naming service.
fn feed(options: &Options, naming: &Arc<Naming>, collector: u64) -> Box<dyn Sink> {
    let snapshots = options.map_snapshot.as_ref().map(|path| Snapshots {
        path: path.clone(),
        every: options.map_interval,
        has_spool: options.spool.is_some(),
    });
    Box::new(Feed::new(Arc::clone(naming), snapshots, collector))
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
    for (name, account) in names(options).zip(left) {
        let spooled = account.waiting_records - account.unspooled_records;
        if spooled > 0 {
            info!("{name}: {spooled} records are in the spool, for the next start");
        }
        lost += account.unspooled_records;
        if account.lost > 0 {
            warn!("{name}: {} records were lost", account.lost_records);
        }
    }
    if lost > 0 {
        return Err(RunError::Lost(lost));
    }
    Ok(())
}
