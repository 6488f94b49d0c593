//! How long a shard sleeps without looking, where packets come slowly: a wake-up costs as much as
//! hundreds of packets.
//!
//! The kernel hands over a block every 10 ms, however few packets are in it, and each would wake the
//! shard. Below [`FEW_PACKETS`] a second the shard sleeps through several.

use std::time::{Duration, Instant};

use crate::capture::socket::RETIRE_MS;

/// Packets a second below which a shard sleeps through blocks.
const FEW_PACKETS: f64 = 40_000.0;

/// Longest sleep: what it adds to the age of records at most.
const MAX_NAP: Duration = Duration::from_millis(30);

/// Least sleep that saves a wake-up.
const MIN_NAP: Duration = Duration::from_millis(2 * RETIRE_MS as u64);

/// A nap is at most 1/[`FLUSH_SHARE`] of the flush interval: records are to be no older than asked.
const FLUSH_SHARE: u32 = 10;

/// Time that the smallest ring can hold packets for is at least its blocks times this: 1 MiB in 1 ms
/// is more than a kernel delivers to one socket.
const BLOCK_TIME: Duration = Duration::from_millis(1);

/// The pace of a shard.
#[derive(Debug)]
pub(super) struct Pace {
    /// Longest nap that flush interval and rings permit.
    longest: Duration,
    /// When the shard last went to sleep.
    slept: Instant,
    /// Packets since then.
    packets: u64,
}

impl Pace {
    /// The pace for a flush interval, and rings of which the smallest has `blocks` blocks.
    pub(super) fn new(flush: Duration, blocks: usize, now: Instant) -> Self {
        let mut pace = Self {
            longest: Duration::ZERO,
            slept: now,
            packets: 0,
        };
        pace.limit(flush, blocks);
        pace
    }

    /// Changes what limits naps.
    pub(super) fn limit(&mut self, flush: Duration, blocks: usize) {
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
        let filled = BLOCK_TIME.saturating_mul(blocks) / 2;
        self.longest = MAX_NAP.min(flush / FLUSH_SHARE).min(filled);
    }

    /// Counts the packets of a block.
    pub(super) fn took(&mut self, packets: u64) {
        self.packets += packets;
    }

    /// The shard goes to sleep. Returns how long it is not to look at its rings; `None` if the next
    /// block is to wake it.
    pub(super) fn nap(&mut self, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.slept);
        let packets = std::mem::take(&mut self.packets);
        self.slept = now;
        let few = packets > 0 && rate(packets, elapsed) < FEW_PACKETS;
        (few && self.longest >= MIN_NAP).then_some(self.longest)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "packets of less than a second are fewer than 2^53"
)]
fn rate(packets: u64, time: Duration) -> f64 {
    packets as f64 / time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The nap after so many packets in 10 ms.
    fn nap(flush: Duration, blocks: usize, packets: u64) -> Option<Duration> {
        let start = Instant::now();
        let mut pace = Pace::new(flush, blocks, start);
        pace.took(packets);
        pace.nap(start + Duration::from_millis(10))
    }

    #[test]
    fn few_packets_are_slept_through() {
        assert_eq!(nap(SECOND, 64, 1), Some(MAX_NAP));
        assert_eq!(nap(SECOND, 64, 399), Some(MAX_NAP));
        assert_eq!(nap(SECOND, 64, 401), None);
        assert_eq!(nap(SECOND, 64, 0), None, "the next packet is to wake");
    }

    #[test]
    fn flush_interval_and_ring_limit_it() {
        assert_eq!(nap(Duration::from_millis(100), 64, 10), None);
        assert_eq!(
            nap(Duration::from_millis(250), 64, 10),
            Some(Duration::from_millis(25))
        );
        assert_eq!(nap(SECOND, 16, 10), None);
        assert_eq!(nap(SECOND, 48, 10), Some(Duration::from_millis(24)));
    }

    #[test]
    fn packets_count_once() {
        let start = Instant::now();
        let mut pace = Pace::new(SECOND, 64, start);
        pace.took(10);
        assert!(pace.nap(start + Duration::from_millis(10)).is_some());
        assert_eq!(pace.nap(start + Duration::from_millis(40)), None);
    }
}
