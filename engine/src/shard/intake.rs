//! The packets of one interface on one core: a ring and its counters.

use std::sync::Arc;

use super::Shard;
use super::snapshot::TapSnapshot;
use crate::capture::interface::InterfaceDrops;
use crate::capture::rates::Rates;
use crate::capture::ring::Ring;
use crate::export::ExportError;
use dnsflow_packet::Counters;
use dnsflow_sys::{KernelCounts, Uring};
use dnsflow_wire::encode::Encode;

/// One interface's packets on one core.
#[derive(Debug)]
pub struct Intake {
    /// Name of the interface.
    interface: Arc<str>,
    /// The receive ring.
    pub(super) ring: Ring,
    /// The capture filters, one of which is attached to the ring.
    pub(super) filters: Rates,
    /// Drops counted by the interface.
    drops: InterfaceDrops,
    /// Whether the interface exists and is up.
    pub(super) present: bool,
    /// Fates of the packets. While a block is being read, these are swapped into the shard.
    pub(super) counters: Counters,
    /// Sum of the kernel's counts for rings that were replaced.
    replaced: KernelCounts,
}

impl Intake {
    /// The intake of `ring`, which receives packets of `interface` through the first of `filters`.
    /// `drops` are those of the interface.
    #[must_use]
    pub fn new(interface: Arc<str>, ring: Ring, filters: Rates, drops: InterfaceDrops) -> Self {
        Self {
            interface,
            ring,
            filters,
            drops,
            present: true,
            counters: Counters::default(),
            replaced: KernelCounts::default(),
        }
    }

    /// Processes the packets of one block, and sends the batch whenever it is full.
    pub(super) fn block<E: Encode>(
        &mut self,
        shard: &mut Shard<E>,
        uring: &mut Uring,
    ) -> Result<(), ExportError> {
        let Some(block) = self.ring.block() else {
            return Ok(());
        };
        let mut frames = block.frames();
        if let Some(first) = frames.clone().next() {
            shard.export.start_block(first.at);
        }
        shard.export.on_interface(&self.interface);
        std::mem::swap(&mut shard.counters, &mut self.counters);
        let mut sent = Ok(());
        while sent.is_ok() && shard.fill(&mut frames) {
            sent = shard.export.send(uring, None);
        }
        std::mem::swap(&mut shard.counters, &mut self.counters);
        sent
    }

    /// Processes all blocks that the kernel has handed over, and sends the full datagrams.
    pub(super) fn drain<E: Encode>(
        &mut self,
        shard: &mut Shard<E>,
        uring: &mut Uring,
    ) -> Result<(), ExportError> {
        while self.ring.is_ready() {
            self.block(shard, uring)?;
        }
        shard.export.send(uring, None)
    }

    /// Ends the capture: the decoder gives up incomplete datagrams and messages, which this intake
    /// counts.
    pub(super) fn finish<E: Encode>(&mut self, shard: &mut Shard<E>) {
        std::mem::swap(&mut shard.counters, &mut self.counters);
        shard.finish();
        std::mem::swap(&mut shard.counters, &mut self.counters);
    }

    /// Continues with `ring`, which belongs to the interface that replaced the old one, and its
    /// filters.
    pub(super) fn replace(&mut self, ring: Ring, filters: Rates) {
        self.replaced = self.kernel_counts();
        self.ring = ring;
        self.filters = filters;
        self.present = true;
    }

    /// Sum of the kernel's counts over all rings.
    pub(super) fn kernel_counts(&mut self) -> KernelCounts {
        let mut counts = self.replaced;
        counts.add(&self.ring.kernel_counts());
        counts
    }

    /// Packets that the interface dropped since the sensor started.
    pub(super) fn drops(&mut self) -> u64 {
        self.drops.since_start()
    }

    pub(super) fn snapshot(&mut self) -> TapSnapshot {
        TapSnapshot {
            interface: Arc::clone(&self.interface),
            present: self.present,
            counters: self.counters,
            kernel: self.kernel_counts(),
        }
    }
}
