//! Threads and executors of the shards: one thread for each, pinned to a CPU unless a sandbox
//! forbids that.

use std::future::Future;
use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dnsflow_sys::Uring;
use glommio::{LocalExecutor, LocalExecutorBuilder};
use log::info;

use super::event::Event;
use crate::shard::Report;
use crate::shard::command::{Command, CommandReceiver, CommandSender, command_channel};
use crate::shard::snapshot::Snapshot;
use crate::start::error::StartError;

/// Bytes of registered memory of an executor, which allocates more if that is not enough.
const IO_MEMORY_BYTES: usize = 64 << 10;

/// Longest time for which a busy shard keeps its executor from having a turn.
const TURN_INTERVAL: Duration = Duration::from_secs(1);

/// Entries of the submission ring of an executor. A shard waits for few events at a time.
const RING_DEPTH: usize = 128;

/// The shards that were started.
#[derive(Debug)]
pub(super) struct Shards {
    running: Vec<Running>,
    /// Whether threads may choose their CPU, which a sandbox may forbid.
    pinned: bool,
}

#[derive(Debug)]
struct Running {
    cpu: usize,
    /// Dropping it tells the shard to end.
    commands: Option<CommandSender>,
    /// The last question, as long as the shard has not answered it.
    asked: Weak<Sender<Snapshot>>,
    thread: JoinHandle<io::Result<Report>>,
}

/// Reports the end of a shard when it is dropped, also by a panic.
struct EndNotice(usize, Sender<Event>);

impl Drop for EndNotice {
    fn drop(&mut self) {
        // It fails only once the supervisor has ended.
        let _ = self.1.send(Event::Ended(self.0));
    }
}

impl Shards {
    /// No shards. Logs it if they can't be pinned.
    pub(super) fn new() -> Self {
        let pinned = dnsflow_sys::may_pin();
        if !pinned {
            info!("cores are not pinned: choosing a CPU is refused, so the kernel places them");
        }
        Self {
            running: Vec::new(),
            pinned,
        }
    }

    /// Starts a shard, on `cpu` if threads can be pinned. `work` gets the shard's end of the
    /// command channel, and the ring for its data path.
    ///
    /// # Errors
    /// If the channel or the thread can't be had.
    pub(super) fn spawn<Work, Ends>(
        &mut self,
        cpu: usize,
        events: Sender<Event>,
        work: Work,
    ) -> Result<(), StartError>
    where
        Work: FnOnce(CommandReceiver, Uring) -> Ends + Send + 'static,
        Ends: Future<Output = Report> + 'static,
    {
        let (commands, receiver) = command_channel().map_err(|source| StartError::System {
            what: "can't make a socket pair",
            source,
        })?;
        let notice = EndNotice(self.running.len(), events);
        let pinned = self.pinned;
        let run = move || {
            let notice = notice;
            let rings = executor(pinned.then_some(cpu)).and_then(|it| Ok((it, Uring::new()?)));
            let (executor, uring) = rings.inspect_err(|_| {
                // A sensor without one of its cores would be noticed only at its end.
                let _ = notice.1.send(Event::End);
            })?;
            Ok(executor.run(async move { work(receiver, uring).await }))
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
            commands: Some(commands),
            asked: Weak::new(),
            thread,
        });
        Ok(())
    }

    /// Number of shards that were started.
    pub(super) fn count(&self) -> usize {
        self.running.len()
    }

    /// Sends a command to every shard that was not told to end.
    pub(super) fn tell(&self, mut command: impl FnMut() -> Command) {
        for shard in self
            .running
            .iter()
            .filter_map(|shard| shard.commands.as_ref())
        {
            shard.send(command());
        }
    }

    /// Asks every shard for its counts. A shard that has not answered the last question is not
    /// asked again, so that questions don't accumulate where a shard is stuck.
    pub(super) fn ask(&mut self, asker: &Sender<Snapshot>) {
        for shard in &mut self.running {
            if let Some(commands) = &shard.commands
                && shard.asked.strong_count() == 0
            {
                let question = Arc::new(asker.clone());
                shard.asked = Arc::downgrade(&question);
                commands.send(Command::Report(question));
            }
        }
    }

    /// Sends a command to one shard, unless that was told to end.
    pub(super) fn tell_one(&self, core: usize, command: Command) {
        let shard = self.running.get(core);
        if let Some(commands) = shard.and_then(|shard| shard.commands.as_ref()) {
            commands.send(command);
        }
    }

    /// Tells all shards to end.
    pub(super) fn stop(&mut self) {
        for shard in &mut self.running {
            shard.commands = None;
        }
    }

    /// Waits for all shards to end, and returns their reports.
    ///
    /// # Errors
    /// If an executor could not start, or a shard has panicked.
    pub(super) fn reports(self) -> Result<Vec<Report>, StartError> {
        let joined = self.running.into_iter().map(|shard| {
            let ended = shard.thread.join();
            let ended = ended.unwrap_or_else(|_| Err(io::Error::other("it panicked")));
            ended.map_err(|error| failure(shard.cpu, &error))
        });
        joined.collect()
    }
}

/// An executor for this thread, on a CPU if that can be chosen.
fn executor(cpu: Option<usize>) -> io::Result<LocalExecutor> {
    // An executor that pins itself reads the topology of the whole machine first.
    cpu.map_or(Ok(()), dnsflow_sys::pin)?;
    let builder = LocalExecutorBuilder::default()
        .io_memory(IO_MEMORY_BYTES)
        .preempt_timer(TURN_INTERVAL)
        .ring_depth(RING_DEPTH);
    Ok(builder.make()?)
}

/// Why a core did not run.
fn failure(cpu: usize, error: &io::Error) -> StartError {
    match (error.kind(), dnsflow_sys::raise_memlock()) {
        // The kernel charges all processes of a user to one limit.
        (io::ErrorKind::OutOfMemory, Ok(limit)) => StartError::MemlockUsed {
            have: limit.soft >> 10,
        },
        _ => StartError::Executor {
            cpu,
            reason: error.to_string(),
        },
    }
}
