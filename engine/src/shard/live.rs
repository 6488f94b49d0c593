//! A shard that takes packets from the ring of its socket until it is told to end.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use dnsflow_filters::Program;
use glommio::timer::Timer;
use log::warn;

use super::wait::{Event, Waiter};
use super::{Report, Shard, ShardError};
use crate::capture::interface::InterfaceDrops;
use crate::capture::ring::Ring;
use crate::capture::socket::RETIRE_MS;

/// Time between two stats datagrams of a stream.
const STATS_INTERVAL: Duration = Duration::from_secs(10);

/// Longest time that a packet is in a block before the shard sees it.
const RETIRE: Duration = Duration::from_millis(RETIRE_MS as u64);

/// After the ring is closed to new packets, the kernel hands over the open block within the retire time;
/// twice that, to be sure.
const SETTLE: Duration = Duration::from_millis(2 * RETIRE_MS as u64);

/// A live shard and what it runs on.
#[derive(Debug)]
pub struct Live {
    /// The decoder and the stream.
    pub shard: Shard,
    /// Where packets come from.
    pub ring: Ring,
    /// Losses of the interface itself.
    pub drops: InterfaceDrops,
    /// Longest time that a set waits for others to fill its datagram.
    pub flush: Duration,
}

impl Live {
    /// Runs until the other end of `control` is closed; then everything captured is sent.
    pub async fn run(mut self, control: OwnedFd) -> Report {
        let failure = self.capture(control).await.err();
        let kernel = self.ring.kernel_counts().ok();
        self.shard.report(kernel, failure)
    }

    async fn capture(&mut self, control: OwnedFd) -> Result<(), ShardError> {
        let system = |what| move |source| ShardError::System { what, source };
        let mut waiter =
            Waiter::new(&self.ring, control).map_err(system("can't wait for packets"))?;
        let mut stats_at = Instant::now() + STATS_INTERVAL;
        let mut flush_at = None;
        // A packet may have been in the ring for so long when the clock starts.
        let wait = self.flush.saturating_sub(RETIRE);
        loop {
            let deadline = flush_at.map_or(stats_at, |at| stats_at.min(at));
            match waiter.next(&self.ring, deadline).await {
                Event::Block => self.block().await?,
                Event::Stop => break,
                Event::Deadline => {}
                Event::Trouble(error) => {
                    warn!("capture: {error}; waiting for packets");
                }
            }
            let now = Instant::now();
            if flush_at.is_some_and(|at| at <= now) {
                self.shard.export.flush().await?;
            }
            if stats_at <= now {
                self.stats().await?;
                stats_at = now + STATS_INTERVAL;
            }
            flush_at = if self.shard.export.is_waiting() {
                flush_at.filter(|at| *at > now).or(Some(now + wait))
            } else {
                None
            };
            // Under full load there is always a block: let the executor see what else has come.
            glommio::yield_if_needed().await;
        }
        self.ring
            .set_filter(&Program::drop_all())
            .map_err(system("can't close the capture filter"))?;
        Timer::new(SETTLE).await;
        while self.ring.is_ready() {
            self.block().await?;
        }
        self.shard.finish();
        self.stats().await
    }

    async fn block(&mut self) -> Result<(), ShardError> {
        let Live { ring, shard, .. } = self;
        if let Some(block) = ring.block() {
            let mut frames = block.frames();
            while shard.fill(&mut frames) {
                shard.export.send().await?;
            }
        }
        Ok(shard.export.send().await?)
    }

    async fn stats(&mut self) -> Result<(), ShardError> {
        let kernel = self.ring.kernel_counts().ok();
        let stats = self.shard.stats(kernel, self.drops.since_start());
        Ok(self.shard.export.stats(&stats).await?)
    }
}
