//! How old records are when they leave.
//!
//! A record's age counts from the first packet of the block that it came in: one look at the clock a send, and one
//! entry a block, whatever the number of packets.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnsflow_wire::encode::Encode;

use super::batch::Batch;
use dnsflow_packet::Timestamp;

/// Blocks whose records may wait at the same time. What comes in more of them is taken to be as old as those of
/// the last.
const MAX_MARKS: usize = 128;

/// A histogram of ages. Each send counts once, with the age of the oldest record in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ages {
    /// Sends for each of [`Ages::BOUNDS_SECONDS`], not cumulated; the last is for all that were older.
    pub buckets: [u64; Ages::BOUNDS_SECONDS.len() + 1],
    /// Sum of all ages.
    pub sum_seconds: f64,
}

impl Ages {
    /// The greatest age of each bucket.
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

/// The blocks whose records have not left.
#[derive(Debug)]
pub(super) struct Waiting {
    ages: Ages,
    /// For each block, how many sets had gone to the pool before it, and when its first packet came.
    marks: VecDeque<(u64, Timestamp)>,
    /// When the oldest record in the pool came, and the oldest of all, after the last send.
    pooled: Option<Timestamp>,
    oldest: Option<Timestamp>,
}

impl Default for Waiting {
    fn default() -> Self {
        Waiting {
            ages: Ages::default(),
            marks: VecDeque::with_capacity(MAX_MARKS),
            pooled: None,
            oldest: None,
        }
    }
}

impl Waiting {
    /// A block begins, whose first packet came at `at`.
    pub(super) fn mark<E: Encode>(&mut self, batch: &Batch<E>, at: Timestamp) {
        if self.marks.len() < MAX_MARKS {
            self.marks.push_back((batch.pooled(), at));
        }
    }

    /// So many datagrams leave; `batch` holds them and what stays behind.
    pub(super) fn leave<E: Encode>(&mut self, datagrams: u64, batch: &Batch<E>) {
        let newest = self.marks.back().map(|(_, at)| *at);
        if datagrams > 0
            && let Some(oldest) = self.oldest.or(self.marks.front().map(|(_, at)| *at))
        {
            self.ages.add(age(oldest));
        }
        let before = self.pooled.or(newest);
        let kept = batch.oldest_pooled();
        // The last block that began before the oldest set in the pool came is the one that brought it.
        let brought = |born: u64| self.marks.partition_point(|(count, _)| *count <= born);
        let last = kept.map_or(self.marks.len(), brought).saturating_sub(1);
        self.marks.drain(..last.min(self.marks.len()));
        self.pooled = kept.and(self.marks.front().map(|(_, at)| *at));
        // A datagram begins with the set that has waited longest.
        let making = match batch.is_begun() {
            true if datagrams > 0 => before,
            true => self.oldest.or(newest),
            false => None,
        };
        self.oldest = [self.pooled, making].into_iter().flatten().min();
        if self.oldest.is_none() {
            self.marks.clear();
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
    fn each_age_has_its_bucket() {
        let mut ages = Ages::default();
        for (milliseconds, bucket) in [(0, 0), (1, 0), (2, 1), (3, 2), (5000, 11), (5001, 12)] {
            let before = ages.buckets[bucket];
            ages.add(Duration::from_millis(milliseconds));
            assert_eq!(ages.buckets[bucket], before + 1, "{milliseconds} ms");
        }
    }
}
