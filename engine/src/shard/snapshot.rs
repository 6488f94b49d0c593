//! The answer of a live shard to a query: a copy of its counters, made between two blocks.

use std::sync::Arc;

use crate::export::Sent;
pub use crate::export::age::Ages;
pub use crate::export::collector::CollectorSnapshot;
pub use crate::export::local::LocalSnapshot;
use dnsflow_packet::Counters;
pub use dnsflow_packet::Held;
use dnsflow_sys::KernelCounts;

/// The counters of one shard.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Index of the shard, from 0.
    pub core: usize,
    /// One for each interface, in the order of `-i`.
    pub taps: Vec<TapSnapshot>,
    /// Totals of the export stream.
    pub sent: Sent,
    /// Delivery counts, one for each collector.
    pub collectors: Vec<CollectorSnapshot>,
    /// Counts of the outputs on this machine, the same for all shards.
    pub local: Vec<LocalSnapshot>,
    /// Incomplete datagrams and streams that the decoder holds.
    pub held: Held,
    /// Ages of records when they were sent.
    pub ages: Ages,
    /// Sampling rate: 1 of this many packets is kept; 0 if sampling is off.
    pub sample_rate: u32,
}

/// The counters of one interface.
#[derive(Clone, Debug)]
pub struct TapSnapshot {
    /// Name of the interface.
    pub interface: Arc<str>,
    /// Whether the interface exists and is up.
    pub present: bool,
    /// Fates of the packets that the shard received.
    pub counters: Counters,
    /// The kernel's counts for the shard's socket; summed over all of its sockets if the interface
    /// was replaced.
    pub kernel: KernelCounts,
}
