//! Ages of records when they are sent.
//!
//! The age of a record is measured from the first packet of its block. This costs one clock read
//! per send and one queue entry per block, whatever the number of packets.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnsflow_wire::encode::Encode;

use super::batch::Batch;
use dnsflow_packet::Timestamp;

/// Most blocks with pending records that are tracked. Records of further blocks count as part of
/// the last one.
const MAX_BLOCKS: usize = 128;

/// A histogram of ages. Each send counts once, with the age of its oldest record.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ages {
    /// Number of sends per bucket, not cumulative. Bucket i is bounded by item i of
    /// [`Ages::BOUNDS_SECONDS`]; the last has no bound.
    pub buckets: [u64; Self::BOUNDS_SECONDS.len() + 1],
    /// Sum of all ages, in seconds.
    pub sum_seconds: f64,
}

impl Ages {
    /// Upper bound of each bucket but the last, inclusive, in seconds.
    pub const BOUNDS_SECONDS: [f64; 12] = [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
    ];

    /// Counts one send.
    pub fn add(&mut self, age: Duration) {
        let seconds = age.as_secs_f64();
        let bucket = Self::BOUNDS_SECONDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket] += 1;
        self.sum_seconds += seconds;
    }
}

/// The blocks with pending records.
#[derive(Debug)]
pub(super) struct AgeTracker {
    ages: Ages,
    /// For each block, the number of sets added to the pool before it, and the time of its first
    /// packet.
    blocks: VecDeque<(u64, Timestamp)>,
    /// Capture time of the oldest set in the pool, as of the last send.
    oldest_pooled: Option<Timestamp>,
    /// Capture time of the oldest pending set, as of the last send.
    oldest: Option<Timestamp>,
}

impl Default for AgeTracker {
    fn default() -> Self {
        Self {
            ages: Ages::default(),
            blocks: VecDeque::with_capacity(MAX_BLOCKS),
            oldest_pooled: None,
            oldest: None,
        }
    }
}

impl AgeTracker {
    /// Starts a block whose first packet was captured at `at`.
    pub(super) fn start_block<E: Encode>(&mut self, batch: &Batch<E>, at: Timestamp) {
        if self.blocks.len() < MAX_BLOCKS {
            self.blocks.push_back((batch.pooled_sets(), at));
        }
    }

    /// Records that `datagrams` finished datagrams of `batch` are sent. Called before they are
    /// cleared.
    pub(super) fn record_send<E: Encode>(&mut self, datagrams: u64, batch: &Batch<E>) {
        let newest = self.blocks.back().map(|(_, at)| *at);
        if datagrams > 0
            && let Some(oldest) = self.oldest.or(self.blocks.front().map(|(_, at)| *at))
        {
            self.ages.add(age(oldest));
        }
        let before = self.oldest_pooled.or(newest);
        let kept = batch.oldest_pooled();
        // The oldest set in the pool belongs to the last block that started before it was added.
        let blocks_until = |arrival: u64| self.blocks.partition_point(|(sets, _)| *sets <= arrival);
        let last = kept
            .map_or(self.blocks.len(), blocks_until)
            .saturating_sub(1);
        self.blocks.drain(..last.min(self.blocks.len()));
        self.oldest_pooled = kept.and(self.blocks.front().map(|(_, at)| *at));
        // A datagram starts with the oldest set of the pool.
        let open = match batch.has_open_datagram() {
            true if datagrams > 0 => before,
            true => self.oldest.or(newest),
            false => None,
        };
        self.oldest = [self.oldest_pooled, open].into_iter().flatten().min();
        if self.oldest.is_none() {
            self.blocks.clear();
        }
    }

    pub(super) fn ages(&self) -> Ages {
        self.ages
    }
}

fn age(since: Timestamp) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::new(since.seconds, since.nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_age_counts_in_one_bucket() {
        let mut ages = Ages::default();
        for (milliseconds, bucket) in [(0, 0), (1, 0), (2, 1), (3, 2), (5000, 11), (5001, 12)] {
            let before = ages.buckets[bucket];
            ages.add(Duration::from_millis(milliseconds));
            assert_eq!(ages.buckets[bucket], before + 1, "{milliseconds} ms");
        }
    }
}
