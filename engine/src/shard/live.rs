//! A shard that takes packets from the rings of its sockets until it is told to end.

use std::io;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use dnsflow_filters::Program;
use glommio::timer::Timer;
use log::warn;

use super::command::{Change, Command, CommandReceiver, Notice, OutputChange};
use super::intake::Intake;
use super::snapshot::Snapshot;
use super::wait::{Event, Waiter};
use super::{Report, Shard, ShardError};
use crate::capture::ring::Ring;
use crate::capture::socket::RETIRE_MS;

/// Time between two stats datagrams of a stream.
const STATS_INTERVAL: Duration = Duration::from_secs(10);

/// Longest time that a packet is in a block before the shard sees it.
const RETIRE: Duration = Duration::from_millis(RETIRE_MS as u64);

/// After a ring is closed to new packets, the kernel hands over the open block within the retire time;
/// twice that, to be sure.
const SETTLE: Duration = Duration::from_millis(2 * RETIRE_MS as u64);

/// At most so often the supervisor hears that collectors don't take what they are sent.
const COMPLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// A live shard and what it runs on.
pub struct Live {
    /// Its number, from 0.
    core: usize,
    /// The decoder and the stream.
    shard: Shard,
    /// Where packets come from: one for each interface.
    intakes: Vec<Intake>,
    /// Longest time that a set waits for others to fill its datagram.
    flush: Duration,
    /// Where the supervisor listens.
    tell: Box<dyn Fn(Notice)>,
    /// Datagrams that collectors had not taken when the supervisor was told, and when it may be told again.
    failed: u64,
    complain_at: Option<Instant>,
}

/// When something is due.
#[derive(Debug)]
struct Deadlines {
    stats: Instant,
    flush: Option<Instant>,
}

impl Live {
    /// Shard `core`, counted from 0, with an intake for each interface. No set waits longer than `flush` for others
    /// to fill its datagram. The supervisor hears of what is given to `tell`.
    #[must_use]
    pub fn new(
        core: usize,
        shard: Shard,
        intakes: Vec<Intake>,
        flush: Duration,
        tell: Box<dyn Fn(Notice)>,
    ) -> Self {
        Live {
            core,
            shard,
            intakes,
            flush,
            tell,
            failed: 0,
            complain_at: None,
        }
    }

    /// Runs until the other end of `control` is closed; then everything captured is sent.
    pub async fn run(mut self, control: CommandReceiver) -> Report {
        let failure = self.capture(control).await.err();
        let taps = self.intakes.iter_mut().map(Intake::snapshot).collect();
        self.shard.report(taps, failure)
    }

    async fn capture(&mut self, control: CommandReceiver) -> Result<(), ShardError> {
        let CommandReceiver { wake, commands } = control;
        let mut waiter =
            Waiter::new(&self.intakes, wake).map_err(system("can't wait for packets"))?;
        let mut due = Deadlines {
            stats: Instant::now() + STATS_INTERVAL,
            flush: None,
        };
        loop {
            let deadline = due.flush.map_or(due.stats, |at| due.stats.min(at));
            match waiter.next(&self.intakes, deadline).await {
                Event::Block(index) => waiter.took(self.block(index).await?),
                Event::Command => self.obey(&commands, &mut waiter).await?,
                Event::Stop => break,
                Event::Deadline => {}
                Event::Trouble(index, error) => self.trouble(index, &error),
            }
            self.keep(&mut due).await?;
            // Under full load there is always a block: let the executor see what else has come.
            glommio::yield_if_needed().await;
        }
        self.end().await
    }

    fn trouble(&mut self, index: usize, error: &io::Error) {
        if error.raw_os_error() == Some(libc::ENETDOWN) {
            self.intakes[index].present = false;
            (self.tell)(Notice::Down(index));
        } else {
            warn!(core = self.core; "capture: {error}; waiting for packets");
        }
    }

    /// Does what is due, and says when it is due again.
    async fn keep(&mut self, due: &mut Deadlines) -> Result<(), ShardError> {
        let now = Instant::now();
        self.complain(now);
        if due.flush.is_some_and(|at| at <= now) {
            self.shard.export.flush().await?;
        }
        if due.stats <= now {
            self.stats().await?;
            due.stats = now + STATS_INTERVAL;
        }
        due.flush = if self.shard.export.is_waiting() {
            // A packet may have been in the ring for that long when the clock starts, and timers are late by some.
            let wait = self.flush.saturating_sub(2 * RETIRE);
            due.flush.filter(|at| *at > now).or(Some(now + wait))
        } else {
            None
        };
        Ok(())
    }

    /// Everything that was captured is sent.
    async fn end(&mut self) -> Result<(), ShardError> {
        for intake in &self.intakes {
            intake
                .ring
                .set_filter(&Program::drop_all())
                .map_err(system("can't close the capture filter"))?;
        }
        Timer::new(SETTLE).await;
        for intake in &mut self.intakes {
            intake.drain(&mut self.shard).await?;
        }
        if let Some(first) = self.intakes.first_mut() {
            first.finish(&mut self.shard);
        }
        self.stats().await
    }

    /// Takes a block and sends what is full; returns the number of its packets.
    async fn block(&mut self, index: usize) -> Result<u64, ShardError> {
        let intake = &mut self.intakes[index];
        let before = intake.counters.received;
        intake.block(&mut self.shard).await?;
        self.shard.export.send().await?;
        Ok(intake.counters.received - before)
    }

    /// Does what the supervisor says, in its order.
    async fn obey(
        &mut self,
        commands: &Receiver<Command>,
        waiter: &mut Waiter,
    ) -> Result<(), ShardError> {
        while let Ok(command) = commands.try_recv() {
            match command {
                Command::Report(asker) => {
                    // Who asked may have stopped waiting.
                    let _ = asker.send(self.snapshot());
                }
                Command::Change(change) => self.change(&change).await?,
                Command::Present(index, present) => {
                    if let Some(intake) = self.intakes.get_mut(index) {
                        intake.present = present;
                    }
                }
                Command::Ring(index, ring) => self.replace(index, ring, waiter).await?,
            }
        }
        Ok(())
    }

    /// Goes on with other settings. Records that wait go to those who were to have them.
    async fn change(&mut self, change: &Change) -> Result<(), ShardError> {
        let made = match &change.capture {
            Some(capture) => self.set_filters(&capture.filters),
            None => Ok(()),
        };
        if made.is_ok() {
            let OutputChange {
                collectors,
                datagram_bytes,
                flush,
            } = &change.output;
            let export = &mut self.shard.export;
            export.change(collectors, *datagram_bytes).await?;
            self.flush = *flush;
            if let Some(capture) = &change.capture {
                let is_other = self.shard.select(capture);
                if is_other {
                    // Collectors have to know from here on how many packets one stands for.
                    self.stats().await?;
                }
            }
        }
        (self.tell)(Notice::Changed(change.number, made));
        Ok(())
    }

    fn set_filters(&self, filters: &[Program]) -> io::Result<()> {
        let mut pairs = self.intakes.iter().zip(filters);
        pairs.try_for_each(|(intake, filter)| intake.ring.set_filter(filter))
    }

    /// Says, now and then, that collectors don't take what they are sent.
    fn complain(&mut self, now: Instant) {
        let failed = self.shard.export.sent().failed;
        if failed > self.failed && self.complain_at.is_none_or(|at| at <= now) {
            self.failed = failed;
            self.complain_at = Some(now + COMPLAIN_INTERVAL);
            (self.tell)(Notice::Undelivered);
        }
    }

    /// Takes what the old ring still holds, then goes on with the new one.
    async fn replace(
        &mut self,
        index: usize,
        ring: Ring,
        waiter: &mut Waiter,
    ) -> Result<(), ShardError> {
        let Some(intake) = self.intakes.get_mut(index) else {
            return Ok(());
        };
        waiter
            .replace(index, &ring)
            .map_err(system("can't wait for packets"))?;
        Timer::new(SETTLE).await;
        intake.drain(&mut self.shard).await?;
        intake.replace(ring);
        Ok(())
    }

    fn snapshot(&mut self) -> Snapshot {
        Snapshot {
            core: self.core,
            taps: self.intakes.iter_mut().map(Intake::snapshot).collect(),
            sent: self.shard.export.sent(),
            collectors: self.shard.export.collectors(),
            held: self.shard.decoder.held(),
            ages: self.shard.export.ages(),
        }
    }

    async fn stats(&mut self) -> Result<(), ShardError> {
        let taps: Vec<_> = self.intakes.iter_mut().map(Intake::snapshot).collect();
        let drops = self.intakes.iter_mut().map(Intake::drops).sum();
        let stats = self.shard.stats(&taps, drops);
        Ok(self.shard.export.stats(&stats).await?)
    }
}

fn system(what: &'static str) -> impl Fn(io::Error) -> ShardError {
    move |source| ShardError::System { what, source }
}
