//! What a live shard says of itself when it is asked: a copy, made between two blocks, that nobody else
//! writes to.

use std::sync::Arc;

use crate::export::Sent;
pub use crate::export::age::Ages;
pub use crate::export::collector::CollectorSnapshot;
use dnsflow_packet::Counters;
pub use dnsflow_packet::Held;
use dnsflow_sys::KernelCounts;

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
