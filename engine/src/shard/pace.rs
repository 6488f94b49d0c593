//! How long a shard sleeps without looking, where packets come slowly: a wake-up costs as much as
//! hundreds of packets.
//!
//! The kernel hands over a block every 10 ms, however few packets are in it, and each would wake the
//! shard. Below [`FEW_PACKETS`] a second the shard sleeps through several.

use std::time::{Duration, Instant};

use crate::capture::socket::RETIRE_MS;

/// Packets a second below which a shard sleeps through blocks.
const FEW_PACKETS: u32 = 30_000;

/// Longest sleep: what it adds to the age of records at most.
const MAX_NAP: Duration = Duration::from_millis(30);

/// Least sleep that saves a wake-up.
const MIN_NAP: Duration = Duration::from_millis(2 * RETIRE_MS as u64);

/// A nap is at most 1/[`FLUSH_SHARE`] of the flush interval: records are to be no older than asked.
const FLUSH_SHARE: u32 = 10;

/// Time that the smallest ring can hold packets for is at least its blocks times this: 1 MiB in 1 ms
/// is more than a kernel delivers to one socket.
const BLOCK_TIME: Duration = Duration::from_millis(1);

/// Time over which packets are counted, so that a moment without any does not look like few.
const MEASURE: Duration = Duration::from_millis(100);

/// The pace of a shard.
#[derive(Debug)]
pub(super) struct Pace {
    /// Longest nap that flush interval and rings permit.
    longest: Duration,
    /// Start of the present measurement, and packets since then.
    measured: (Instant, u64),
    /// Whether packets were few in the last measurement.
    are_few: bool,
    /// Whether there were packets since the last sleep.
    any: bool,
}

impl Pace {
    /// The pace for a flush interval, and rings of which the smallest has `blocks` blocks.
    pub(super) fn new(flush: Duration, blocks: usize, now: Instant) -> Self {
        let mut pace = Self {
            longest: Duration::ZERO,
            measured: (now, 0),
            are_few: false,
            any: false,
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
        self.measured.1 += packets;
        self.any |= packets > 0;
    }

    /// The shard goes to sleep. Returns how long it is not to look at its rings; `None` if the next
    /// block is to wake it.
    pub(super) fn nap(&mut self, now: Instant) -> Option<Duration> {
        let (start, packets) = self.measured;
        let elapsed = now.saturating_duration_since(start);
        let most = u128::from(FEW_PACKETS) * elapsed.max(MEASURE).as_micros() / 1_000_000;
        if u128::from(packets) >= most {
            self.are_few = false;
            self.measured = (now, 0);
        } else if elapsed >= MEASURE {
            self.are_few = true;
            self.measured = (now, 0);
        }
        let any = std::mem::take(&mut self.any);
        (any && self.are_few && self.longest >= MIN_NAP).then_some(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BLOCK: Duration = Duration::from_millis(RETIRE_MS as u64);

    /// The naps of a shard that finds so many packets at each of its wake-ups.
    fn naps(flush: Duration, blocks: usize, packets: &[u64]) -> Vec<Option<Duration>> {
        let mut now = Instant::now();
        let mut pace = Pace::new(flush, blocks, now);
        let nap = |packets: &u64| {
            now += BLOCK;
            pace.took(*packets);
            pace.nap(now)
        };
        packets.iter().map(nap).collect()
    }

    /// The nap after a time with so many packets in each block.
    fn nap(flush: Duration, blocks: usize, packets: u64) -> Option<Duration> {
        naps(flush, blocks, &[packets; 50])[49]
    }

    #[test]
    fn few_packets_are_slept_through() {
        assert_eq!(nap(SECOND, 64, 1), Some(MAX_NAP));
        assert_eq!(nap(SECOND, 64, 299), Some(MAX_NAP));
        assert_eq!(nap(SECOND, 64, 300), None);
        assert_eq!(nap(SECOND, 64, 5000), None);
        assert_eq!(nap(SECOND, 64, 0), None, "the next packet is to wake");
    }

    #[test]
    fn a_moment_decides_nothing_and_many_packets_at_once() {
        let mut packets = [500; 50];
        packets[20..22].fill(1);
        assert_eq!(naps(SECOND, 64, &packets), [None; 50]);
        let mut packets = [10; 50];
        packets[30] = 3000;
        let naps = naps(SECOND, 64, &packets);
        assert_eq!((naps[29], naps[30], naps[31]), (Some(MAX_NAP), None, None));
        assert_eq!(naps[49], Some(MAX_NAP));
    }

    #[test]
    fn flush_interval_and_ring_limit_it() {
        assert_eq!(nap(Duration::from_millis(100), 64, 10), None);
        let quarter = Duration::from_millis(250);
        assert_eq!(nap(quarter, 64, 10), Some(Duration::from_millis(25)));
        assert_eq!(nap(SECOND, 16, 10), None);
        assert_eq!(nap(SECOND, 48, 10), Some(Duration::from_millis(24)));
    }
}
