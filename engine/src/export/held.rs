//! Runs of one collector that wait for room in its socket buffer.
//!
//! A busy network makes room within milliseconds, and a datagram that waits for it is not lost.
//! Nobody else waits meanwhile: the first run is in flight on the ring, and the others are copies.
//! What waits is bounded in bytes and in time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use dnsflow_sys::Ticket;

/// Most bytes that wait for one collector: four runs.
const MAX_HELD_BYTES: usize = 256 << 10;

/// Longest time without any room before everything that waits is given up.
const PATIENCE: Duration = Duration::from_millis(50);

/// The runs that wait, in order.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The first one is in flight if there is a ticket; its bytes are then with the ring.
    runs: VecDeque<HeldRun>,
    bytes: usize,
    in_flight: Option<Ticket>,
    /// When everything is given up.
    until: Option<Instant>,
}

/// A run of datagrams that waits.
#[derive(Debug)]
pub(super) struct HeldRun {
    pub(super) bytes: Vec<u8>,
    /// Size of its datagrams; the last may be shorter.
    pub(super) size: usize,
    length: usize,
}

impl HeldRun {
    /// Number of its datagrams, wherever its bytes are.
    pub(super) fn datagrams(&self) -> u64 {
        super::delivery::datagram_count(self.length, self.size)
    }
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// When [`Held::is_overdue`] is to be asked.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Copies a run; false if there is no room for it.
    pub(super) fn push(&mut self, run: &[u8], size: usize, now: Instant) -> bool {
        if self.bytes + run.len() > MAX_HELD_BYTES {
            return false;
        }
        self.bytes += run.len();
        self.runs.push_back(HeldRun {
            bytes: run.to_vec(),
            size,
            length: run.len(),
        });
        self.until.get_or_insert(now + PATIENCE);
        true
    }

    /// The bytes of the first run, if nothing is in flight: [`Held::sent_off`] is to follow.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let first = self.runs.front_mut().filter(|_| self.in_flight.is_none())?;
        Some(std::mem::take(&mut first.bytes))
    }

    pub(super) fn sent_off(&mut self, ticket: Ticket) {
        self.in_flight = Some(ticket);
    }

    /// What is in flight.
    pub(super) fn in_flight(&self) -> Option<Ticket> {
        self.in_flight
    }

    /// The first run is no longer in flight: removes it, with its bytes.
    pub(super) fn landed(&mut self, bytes: Vec<u8>) -> Option<HeldRun> {
        self.in_flight = None;
        let mut first = self.runs.pop_front()?;
        self.bytes = self.bytes.saturating_sub(first.length);
        first.bytes = bytes;
        if self.runs.is_empty() {
            self.until = None;
        }
        Some(first)
    }

    /// There was room just now: patience starts anew.
    pub(super) fn moved_on(&mut self, now: Instant) {
        self.until = (!self.runs.is_empty()).then(|| now + PATIENCE);
    }

    /// Gives up all runs that are not in flight; returns the number of their datagrams.
    pub(super) fn give_up(&mut self) -> u64 {
        let kept = usize::from(self.in_flight.is_some());
        let given_up = self.runs.drain(kept.min(self.runs.len())..);
        let datagrams = given_up.map(|run| run.datagrams()).sum();
        self.bytes = self.runs.iter().map(|run| run.length).sum();
        self.until = None;
        datagrams
    }
}
