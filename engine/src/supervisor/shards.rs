//! The executors: one thread a shard, each on a CPU of its own, where it may choose one.

use std::future::Future;
use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use glommio::LocalExecutorBuilder;
use log::info;

use super::event::Event;
use crate::shard::Report;
use crate::shard::command::{Command, Control, Line, line};
use crate::shard::snapshot::Snapshot;
use crate::start::cores;
use crate::start::error::StartError;

/// Bytes of registered memory an executor gets; it grows by itself if that is not enough.
const IO_MEMORY_BYTES: usize = 64 << 10;

/// Entries of an executor's submission ring: a shard waits for a handful of things.
const RING_DEPTH: usize = 128;

/// Shards that run.
#[derive(Debug)]
pub(super) struct Shards {
    running: Vec<Running>,
    /// Whether threads may choose their CPU: a sandbox such as that of the unit refuses it.
    pinned: bool,
}

#[derive(Debug)]
struct Running {
    cpu: usize,
    /// Dropped to tell the shard to end.
    line: Option<Line>,
    /// The last question, while it has not been answered.
    asked: Weak<Sender<Snapshot>>,
    thread: JoinHandle<io::Result<Report>>,
}

/// Says that a shard has ended when it is dropped, however that comes about.
struct EndNotice(usize, Sender<Event>);

impl Drop for EndNotice {
    fn drop(&mut self) {
        // Nobody listens any more when the supervisor is ending itself.
        let _ = self.1.send(Event::Ended(self.0));
    }
}

impl Shards {
    /// None yet. Says so if they will run on whatever CPU the kernel gives them.
    pub(super) fn new() -> Self {
        let pinned = cores::may_pin();
        if !pinned {
            info!("cores are not pinned: choosing a CPU is refused, so the kernel places them");
        }
        Self {
            running: Vec::new(),
            pinned,
        }
    }

    /// Starts a shard, on `cpu` if it may choose. `work` gets its end of the line to it.
    pub(super) fn spawn<Work, Ends>(
        &mut self,
        cpu: usize,
        events: Sender<Event>,
        work: Work,
    ) -> Result<(), StartError>
    where
        Work: FnOnce(Control) -> Ends + Send + 'static,
        Ends: Future<Output = Report> + 'static,
    {
        let (line, control) = line().map_err(|source| StartError::System {
            what: "can't make a socket pair",
            source,
        })?;
        let notice = EndNotice(self.running.len(), events);
        let pinned = self.pinned;
        // The executor would read the whole topology of the machine to pin itself, once for each shard.
        let run = move || {
            let _notice = notice;
            if pinned {
                cores::pin(cpu)?;
            }
            let executor = LocalExecutorBuilder::default()
                .io_memory(IO_MEMORY_BYTES)
                .ring_depth(RING_DEPTH)
                .make()?;
            Ok(executor.run(async move { work(control).await }))
        };
        let thread = thread::Builder::new()
            .name(format!("shard-{}", self.running.len() + 1))
            .spawn(run)
            .map_err(|source| StartError::System {
                what: "can't start a thread",
                source,
            })?;
        self.running.push(Running {
            cpu,
            line: Some(line),
            asked: Weak::new(),
            thread,
        });
        Ok(())
    }

    /// Number of shards that were started.
    pub(super) fn count(&self) -> usize {
        self.running.len()
    }

    /// Tells every shard that has not ended.
    pub(super) fn tell(&self, mut command: impl FnMut() -> Command) {
        for line in self.running.iter().filter_map(|shard| shard.line.as_ref()) {
            line.send(command());
        }
    }

    /// Asks every shard what it has seen. One that has not answered the last question is not asked again, so that
    /// they don't pile up where a shard is stuck.
    pub(super) fn ask(&mut self, asker: &Sender<Snapshot>) {
        for shard in &mut self.running {
            if let Some(line) = &shard.line
                && shard.asked.strong_count() == 0
            {
                let question = Arc::new(asker.clone());
                shard.asked = Arc::downgrade(&question);
                line.send(Command::Report(question));
            }
        }
    }

    /// Tells one shard; nothing happens if it has ended.
    pub(super) fn tell_one(&self, core: usize, command: Command) {
        let shard = self.running.get(core);
        if let Some(line) = shard.and_then(|shard| shard.line.as_ref()) {
            line.send(command);
        }
    }

    /// Tells all shards to end.
    pub(super) fn stop(&mut self) {
        for shard in &mut self.running {
            shard.line = None;
        }
    }

    /// Waits for all shards to end.
    pub(super) fn reports(self) -> Result<Vec<Report>, StartError> {
        let joined = self.running.into_iter().map(|shard| {
            let ended = shard.thread.join();
            let ended = ended.unwrap_or_else(|_| Err(io::Error::other("it panicked")));
            ended.map_err(|error| StartError::Executor {
                cpu: shard.cpu,
                reason: error.to_string(),
            })
        });
        joined.collect()
    }
}
