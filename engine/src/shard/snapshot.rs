//! What a live shard says of itself when it is asked: a copy, made between two blocks, that nobody else
//! writes to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::sys::KernelCounts;
use crate::counters::Counters;
use crate::export::Sent;

/// One core's answer.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The shard, from 0.
    pub core: usize,
    /// One for each interface, in the order of `-i`.
    pub taps: Vec<TapSnapshot>,
    /// What its stream has sent.
    pub sent: Sent,
    /// What became of that, collector by collector.
    pub collectors: Vec<CollectorSnapshot>,
    /// What waits to be whole.
    pub held: Held,
    /// How old records were when they were sent.
    pub ages: Ages,
}

/// What came from one interface.
#[derive(Clone, Debug)]
pub struct TapSnapshot {
    /// Its name.
    pub interface: Arc<str>,
    /// Whether it is there and up.
    pub present: bool,
    /// What the shard saw.
    pub counters: Counters,
    /// What the kernel counted for the shard's socket; over all sockets, where the interface was away.
    pub kernel: KernelCounts,
}

/// What became of the datagrams to one collector.
#[derive(Clone, Debug)]
pub struct CollectorSnapshot {
    /// As the user wrote it.
    pub name: Arc<str>,
    /// Where that is now.
    pub address: SocketAddr,
    /// Datagrams that the network took.
    pub delivered: u64,
    /// Datagrams that it did not take, or that the other end refused.
    pub failed: u64,
}

/// Memory of what waits for more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Datagrams of which fragments are missing.
    pub datagrams: usize,
    /// Bytes of those.
    pub datagram_bytes: usize,
    /// TCP streams that are followed.
    pub streams: usize,
    /// Bytes of messages and segments that wait in them.
    pub stream_bytes: usize,
}

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
