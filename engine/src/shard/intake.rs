//! What comes to one core from one interface: a ring, and what was counted of it.

use std::sync::Arc;

use super::Shard;
use super::snapshot::TapSnapshot;
use crate::capture::interface::InterfaceDrops;
use crate::capture::ring::Ring;
use crate::export::ExportError;
use dnsflow_packet::Counters;
use dnsflow_sys::KernelCounts;

/// One interface's packets on one core.
#[derive(Debug)]
pub struct Intake {
    /// The interface.
    interface: Arc<str>,
    /// Where packets come from.
    pub(super) ring: Ring,
    /// Losses of the interface itself.
    drops: InterfaceDrops,
    pub(super) present: bool,
    /// What the shard saw; while a block is open, the shard has it.
    pub(super) counters: Counters,
    /// What the kernel counted for the rings that were there before.
    before: KernelCounts,
}

impl Intake {
    /// Packets of `interface`, which come into `ring`.
    #[must_use]
    pub fn new(interface: Arc<str>, ring: Ring, drops: InterfaceDrops) -> Self {
        Intake {
            interface,
            ring,
            drops,
            present: true,
            counters: Counters::default(),
            before: KernelCounts::default(),
        }
    }

    /// Takes the packets of one block, and sends what they have filled.
    pub(super) async fn block(&mut self, shard: &mut Shard) -> Result<(), ExportError> {
        let Some(block) = self.ring.block() else {
            return Ok(());
        };
        let mut frames = block.frames();
        if let Some(first) = frames.clone().next() {
            shard.export.mark(first.at);
        }
        std::mem::swap(&mut shard.counters, &mut self.counters);
        let mut sent = Ok(());
        while sent.is_ok() && shard.fill(&mut frames) {
            sent = shard.export.send().await;
        }
        std::mem::swap(&mut shard.counters, &mut self.counters);
        sent
    }

    /// Takes all blocks that are there.
    pub(super) async fn drain(&mut self, shard: &mut Shard) -> Result<(), ExportError> {
        while self.ring.is_ready() {
            self.block(shard).await?;
        }
        shard.export.send().await
    }

    /// The end of the capture: what the decoder still holds is given up, and counted here.
    pub(super) fn finish(&mut self, shard: &mut Shard) {
        std::mem::swap(&mut shard.counters, &mut self.counters);
        shard.finish();
        std::mem::swap(&mut shard.counters, &mut self.counters);
    }

    /// Goes on with the ring of an interface that took the place of the old one.
    pub(super) fn replace(&mut self, ring: Ring) {
        self.before = self.kernel();
        self.ring = ring;
        self.present = true;
    }

    /// What the kernel counted, over all rings.
    pub(super) fn kernel(&mut self) -> KernelCounts {
        let mut counts = self.before;
        counts.add(&self.ring.kernel_counts());
        counts
    }

    /// Packets that the interface lost by itself.
    pub(super) fn drops(&mut self) -> u64 {
        self.drops.since_start()
    }

    pub(super) fn snapshot(&mut self) -> TapSnapshot {
        TapSnapshot {
            interface: Arc::clone(&self.interface),
            present: self.present,
            counters: self.counters,
            kernel: self.kernel(),
        }
    }
}
