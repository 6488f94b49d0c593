//! Datagrams side by side in one stretch of memory, and the sequence that numbers them.

use dnsflow_wire::datagram::{Builder, HEADER_BYTES, Stats};
use dnsflow_wire::response::Response;
use dnsflow_wire::set;

/// Full datagrams that wait for each other before they are sent.
const BATCH_DATAGRAMS: usize = 32;

/// Datagrams of a stream that are not yet sent.
#[derive(Debug)]
pub(super) struct Batch {
    /// Finished datagrams, then the one in the making.
    memory: Vec<u8>,
    /// Where each finished datagram ends.
    ends: Vec<usize>,
    builder: Builder,
    datagram_bytes: usize,
    sequence: u32,
}

impl Batch {
    pub(super) fn new(datagram_bytes: usize) -> Self {
        Batch {
            memory: vec![0; (BATCH_DATAGRAMS + 1) * datagram_bytes],
            ends: Vec::with_capacity(2 * BATCH_DATAGRAMS),
            builder: Builder::default(),
            datagram_bytes,
            sequence: 1,
        }
    }

    /// Appends a response; returns the number of sets that it took.
    #[inline]
    pub(super) fn push(&mut self, response: &Response<'_>) -> u64 {
        let mut sets = 0;
        for part in set::parts(response, self.datagram_bytes - HEADER_BYTES) {
            let room = self.room();
            if !self.builder.push(&part, &mut self.memory[room]) {
                self.finish();
                let room = self.room();
                self.builder.push(&part, &mut self.memory[room]);
            }
            sets += 1;
        }
        sets
    }

    /// Ends the datagram in the making, if it has a set.
    pub(super) fn finish(&mut self) {
        let room = self.room();
        let start = room.start;
        let bytes = self.builder.finish(self.sequence, &mut self.memory[room]);
        if bytes > 0 {
            self.end(start + bytes);
        }
    }

    /// Ends the datagram in the making and appends one with stats.
    pub(super) fn stats(&mut self, stats: &Stats) {
        self.finish();
        let start = self.room().start;
        let datagram = stats.datagram(self.sequence);
        self.memory[start..start + datagram.len()].copy_from_slice(&datagram);
        self.end(start + datagram.len());
    }

    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= BATCH_DATAGRAMS
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.builder.is_empty()
    }

    /// Number of finished datagrams.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.ends.len()).unwrap_or(u64::MAX)
    }

    /// The finished datagrams, in order.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.memory[*start..*end])
    }

    /// Forgets the finished datagrams; the one in the making stays.
    pub(super) fn clear(&mut self) {
        let start = self.start();
        self.memory
            .copy_within(start..start + self.builder.len(), 0);
        self.ends.clear();
    }

    fn end(&mut self, at: usize) {
        self.ends.push(at);
        self.sequence = self.sequence.wrapping_add(1);
        // One response may fill many datagrams: then, and only then, the memory grows.
        let needed = at + self.datagram_bytes;
        if self.memory.len() < needed {
            self.memory.resize(needed, 0);
        }
    }

    fn start(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Memory of the datagram in the making.
    fn room(&self) -> std::ops::Range<usize> {
        let start = self.start();
        start..start + self.datagram_bytes
    }
}
