//! A shard that reads the rings of its interfaces until the supervisor ends it.

use std::io;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use dnsflow_filters::Program;
use dnsflow_sys::Uring;
use dnsflow_wire::encode::Encode;
use glommio::timer::Timer;
use log::warn;

use super::command::{Change, Command, CommandReceiver, Notice, OutputChange};
use super::intake::Intake;
use super::pace::Pace;
use super::sampling::Sampling;
use super::snapshot::Snapshot;
use super::wait::{Event, Waiter};
use super::{Report, Shard, ShardError, system};
use crate::capture::rates::Rates;
use crate::capture::ring::Ring;
use crate::capture::socket::RETIRE_MS;

/// Time between two stats datagrams of a stream.
const STATS_INTERVAL: Duration = Duration::from_secs(10);

/// Longest time that a packet waits in an open block before the kernel hands it over.
const RETIRE: Duration = Duration::from_millis(RETIRE_MS as u64);

/// Time after which a ring that receives no more packets has handed over its last block: the kernel
/// retires an open block within [`RETIRE`]; doubled as a margin.
const SETTLE: Duration = Duration::from_millis(2 * RETIRE_MS as u64);

/// Runs of datagrams that gather until a block has been read: those of a full block of ordinary
/// responses.
const GATHERED_RUNS: usize = 8;

/// Least time between two [`Notice::Undelivered`].
const UNDELIVERED_INTERVAL: Duration = Duration::from_secs(5);

/// A shard for live capture.
pub struct Live<E> {
    /// Index of the shard, from 0.
    core: usize,
    /// The decoder and the export stream.
    shard: Shard<E>,
    /// One for each interface, in the order of `-i`.
    intakes: Vec<Intake>,
    /// Which packets the kernel leaves out.
    sampling: Sampling,
    /// The flush interval: longest time that a set waits for others to fill its datagram.
    flush: Duration,
    /// Sends a notice to the supervisor.
    notify: Box<dyn Fn(Notice)>,
    /// Undelivered datagrams at the last [`Notice::Undelivered`].
    undelivered: u64,
    /// When the next [`Notice::Undelivered`] may be sent; `None` before the first.
    undelivered_at: Option<Instant>,
}

/// When the next stats datagram and the next flush are due.
#[derive(Debug)]
struct Deadlines {
    stats: Instant,
    flush: Option<Instant>,
}

impl<E: Encode> Live<E> {
    /// Shard number `core`, from 0, with an intake for each interface, in the order of `-i`.
    /// `flush` is the flush interval: the longest time that a set waits for others to fill its
    /// datagram. `notify` sends a notice to the supervisor and must not block.
    #[must_use]
    pub fn new(
        core: usize,
        shard: Shard<E>,
        intakes: Vec<Intake>,
        flush: Duration,
        notify: Box<dyn Fn(Notice)>,
    ) -> Self {
        Self {
            core,
            shard: Shard {
                export: shard.export.gather(GATHERED_RUNS),
                ..shard
            },
            sampling: Sampling::new(core, &intakes),
            intakes,
            flush,
            notify,
            undelivered: 0,
            undelivered_at: None,
        }
    }

    /// Runs until the other end of `control` is closed, then drains the rings, sends all records
    /// and returns the report. `uring` was made by this thread.
    pub async fn run(mut self, control: CommandReceiver, uring: Uring) -> Report {
        self.shard.export.begin();
        let CommandReceiver { wake, commands } = control;
        let pace = Pace::new(self.flush, self.blocks(), Instant::now());
        let waiter = Waiter::new(uring, &self.intakes, wake, pace);
        let failure = match waiter.map_err(system("can't wait for packets")) {
            Ok(mut waiter) => {
                let failure = self.capture(&commands, &mut waiter).await.err();
                if failure.is_some() {
                    // What is pending is counted, and sent to those that still take it. The first
                    // failure is the one to report.
                    self.shard.export.finish();
                    let _ = self.shard.export.deliver(&mut waiter.uring);
                }
                failure
            }
            Err(failure) => Some(failure),
        };
        let taps = self.intakes.iter_mut().map(Intake::snapshot).collect();
        Report {
            sampled: self.sampling.sampled(),
            ..self.shard.report(taps, failure)
        }
    }

    async fn capture(
        &mut self,
        commands: &Receiver<Command>,
        waiter: &mut Waiter,
    ) -> Result<(), ShardError> {
        let mut due = Deadlines {
            stats: Instant::now() + STATS_INTERVAL,
            flush: None,
        };
        loop {
            let export = &mut self.shard.export;
            let others = [due.flush, self.sampling.deadline(), export.deadline()];
            let deadline = others.into_iter().flatten().fold(due.stats, Instant::min);
            let event = waiter.next(export, &self.intakes, deadline).await?;
            let woken = Instant::now();
            match event {
                Event::Block(index) => self.block(index, waiter)?,
                Event::Command => self.handle_commands(commands, waiter).await?,
                Event::Stop => break,
                Event::Deadline => {}
                Event::SocketError(index, error) => self.handle_socket_error(index, &error),
            }
            if self.sampling.can_change() {
                // Where load decides on sampling, sends count as work, and waiting does not.
                self.shard.export.send(&mut waiter.uring, None)?;
            }
            self.meet_deadlines(&mut due, woken, waiter)?;
            // Once in a while the executor has a turn, also under load.
            glommio::yield_if_needed().await;
        }
        self.end(&mut waiter.uring).await
    }

    /// Marks the interface as down on ENETDOWN; logs any other error of its socket.
    fn handle_socket_error(&mut self, index: usize, error: &io::Error) {
        if error.raw_os_error() == Some(libc::ENETDOWN) {
            self.intakes[index].present = false;
            (self.notify)(Notice::Down(index));
        } else {
            warn!(core = self.core; "capture: {error}; waiting for packets");
        }
    }

    /// Finishes datagrams and adds stats if they are due, and sets the next deadlines.
    ///
    /// The shard has worked since `woken`: if that is too much, fewer packets are kept.
    fn meet_deadlines(
        &mut self,
        due: &mut Deadlines,
        woken: Instant,
        waiter: &mut Waiter,
    ) -> Result<(), ShardError> {
        let now = Instant::now();
        self.shard.export.expire(now, &mut waiter.uring)?;
        self.notify_undelivered(now);
        if self.sampling.worked(woken, now, &mut self.intakes) {
            self.shard.sample_rate = self.sampling.rate();
            // Collectors need the new sample rate before the next record.
            self.stats();
            due.stats = now + STATS_INTERVAL;
        }
        if due.flush.is_some_and(|at| at <= now) {
            self.shard.export.finish();
        }
        if due.stats <= now {
            self.stats();
            due.stats = now + STATS_INTERVAL;
        }
        due.flush = if self.shard.export.is_waiting() {
            // A packet may have waited in the ring before the deadline is set, and timers fire
            // late.
            let wait = self.flush.saturating_sub(2 * RETIRE);
            due.flush.filter(|at| *at > now).or(Some(now + wait))
        } else {
            None
        };
        Ok(())
    }

    /// Closes the rings to new packets, processes what they hold, and sends all records.
    async fn end(&mut self, uring: &mut Uring) -> Result<(), ShardError> {
        for intake in &self.intakes {
            intake
                .ring
                .set_filter(&Program::drop_all())
                .map_err(system("can't close the capture filter"))?;
        }
        Timer::new(SETTLE).await;
        for intake in &mut self.intakes {
            intake.drain(&mut self.shard, uring)?;
        }
        if let Some(first) = self.intakes.first_mut() {
            first.finish(&mut self.shard);
        }
        self.stats();
        Ok(self.shard.export.deliver(uring)?)
    }

    /// Processes a block; the next wait sends its full datagrams.
    fn block(&mut self, index: usize, waiter: &mut Waiter) -> Result<(), ShardError> {
        let intake = &mut self.intakes[index];
        let before = intake.counters.received;
        intake.block(&mut self.shard, &mut waiter.uring)?;
        waiter.pace.took(intake.counters.received - before);
        Ok(())
    }

    /// Blocks of the smallest ring.
    fn blocks(&self) -> usize {
        let blocks = self.intakes.iter().map(|intake| intake.ring.blocks());
        blocks.min().unwrap_or(0)
    }

    /// Handles the queued commands, in order.
    async fn handle_commands(
        &mut self,
        commands: &Receiver<Command>,
        waiter: &mut Waiter,
    ) -> Result<(), ShardError> {
        while let Ok(command) = commands.try_recv() {
            match command {
                Command::Report(sender) => {
                    // The receiver may have timed out.
                    let _ = sender.send(self.snapshot());
                }
                Command::Change(change) => self.change(&change, waiter)?,
                Command::Present(index, present) => {
                    if let Some(intake) = self.intakes.get_mut(index) {
                        intake.present = present;
                    }
                }
                Command::Ring(index, ring, filters) => {
                    self.replace(index, ring, *filters, waiter).await?;
                }
            }
        }
        Ok(())
    }

    /// Applies other settings. Pending records are sent first, to the collectors they were meant
    /// for. If the kernel rejects a filter, nothing else is changed.
    fn change(&mut self, change: &Change, waiter: &mut Waiter) -> Result<(), ShardError> {
        let applied = match &change.capture {
            Some(capture) => self.sampling.replace(&capture.filters, &mut self.intakes),
            None => Ok(()),
        };
        if applied.is_ok() {
            let OutputChange {
                collectors,
                datagram_bytes,
                flush,
                privacy,
            } = &change.output;
            let export = &mut self.shard.export;
            export.change(collectors, *datagram_bytes, &mut waiter.uring)?;
            self.flush = *flush;
            waiter.pace.limit(self.flush, self.blocks());
            let mut is_news = self.shard.disguise(privacy);
            if let Some(capture) = &change.capture {
                let rate = self.sampling.rate();
                is_news |= self.shard.select(&capture.selection, rate);
            }
            if is_news {
                // Collectors need the new sample rate, and the key, before the next record.
                self.stats();
            }
        }
        (self.notify)(Notice::Changed(change.number, applied));
        Ok(())
    }

    /// Notifies the supervisor of undelivered datagrams, at most once in [`UNDELIVERED_INTERVAL`].
    fn notify_undelivered(&mut self, now: Instant) {
        let failed = self.shard.export.sent().failed;
        if failed > self.undelivered && self.undelivered_at.is_none_or(|at| at <= now) {
            self.undelivered = failed;
            self.undelivered_at = Some(now + UNDELIVERED_INTERVAL);
            (self.notify)(Notice::Undelivered);
        }
    }

    /// Drains the old ring, then continues with the new one.
    async fn replace(
        &mut self,
        index: usize,
        ring: Ring,
        filters: Rates,
        waiter: &mut Waiter,
    ) -> Result<(), ShardError> {
        let Some(intake) = self.intakes.get_mut(index) else {
            return Ok(());
        };
        waiter
            .replace(index, &ring)
            .map_err(system("can't wait for packets"))?;
        Timer::new(SETTLE).await;
        intake.drain(&mut self.shard, &mut waiter.uring)?;
        intake.replace(ring, filters);
        self.sampling.join(intake);
        Ok(())
    }

    fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            core: self.core,
            taps: self.intakes.iter_mut().map(Intake::snapshot).collect(),
            sent: self.shard.export.sent(),
            collectors: self.shard.export.collectors(),
            local: self.shard.export.local(),
            held: self.shard.decoder.held(),
            ages: self.shard.export.ages(),
            sample_rate: self.sampling.rate(),
        }
    }

    /// Adds a stats datagram, which the next send takes.
    fn stats(&mut self) {
        let taps: Vec<_> = self.intakes.iter_mut().map(Intake::snapshot).collect();
        let drops = self.intakes.iter_mut().map(Intake::drops).sum();
        self.shard.add_stats(&taps, drops);
    }
}
