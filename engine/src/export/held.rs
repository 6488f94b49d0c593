//! Runs of one collector that wait for room in its socket buffer.
//!
//! A busy network makes room within milliseconds, and a datagram that waits for it is not lost.
//! Nobody else waits meanwhile: the first run is in flight on the ring, and the others are copies.
//! What waits is bounded in bytes and in time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use dnsflow_sys::Ticket;

use super::batch::datagram_count;

/// Most bytes that wait for one collector: four runs.
const MAX_HELD_BYTES: usize = 256 << 10;

/// Longest time without any room before everything that waits is given up.
const PATIENCE: Duration = Duration::from_millis(50);

/// The runs that wait, in order.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The first one is in flight if there is a ticket; its bytes are then with the ring.
    runs: VecDeque<HeldRun>,
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
        datagram_count(self.length, self.size)
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
        let waiting: usize = self.runs.iter().map(|run| run.length).sum();
        if waiting + run.len() > MAX_HELD_BYTES {
            return false;
        }
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
        self.until = None;
        datagrams
    }
}

#[cfg(test)]
mod tests {
    use dnsflow_sys::Uring;

    use super::*;

    static RUN: [u8; 64 << 10] = [0; 64 << 10];
    const SIZE: usize = 1 << 10;

    /// A ticket: of a send that nobody waits for.
    fn ticket(uring: &mut Uring) -> Ticket {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        uring.keep_sending(socket, Vec::new()).expect("a ring")
    }

    #[test]
    fn runs_leave_in_order_and_are_bounded_in_bytes() {
        let (mut held, now) = (Held::default(), Instant::now());
        let mut uring = Uring::new().expect("an io_uring");
        for number in 0..4 {
            let mut run = RUN;
            run[0] = number;
            assert!(held.push(&run, SIZE, now));
        }
        assert!(!held.push(&[0; 4], SIZE, now), "it is full");
        for number in 0..4 {
            let bytes = held.next().expect("nothing is in flight");
            assert_eq!(bytes[0], number, "in order");
            let ticket = ticket(&mut uring);
            held.sent_off(ticket);
            assert_eq!((held.next(), held.in_flight()), (None, Some(ticket)));
            let fits = held.push(&RUN[..1], SIZE, now);
            assert_eq!(fits, number > 0, "what is in flight counts");
            let run = held.landed(bytes).expect("it was in flight");
            assert_eq!(
                (run.bytes[0], run.size, run.datagrams()),
                (number, SIZE, 64)
            );
        }
        assert_eq!(held.give_up(), 3, "what came later");
        assert!(held.is_empty() && held.until().is_none());
    }

    #[test]
    fn patience_begins_with_the_first_and_anew_with_each_that_leaves() {
        let (mut held, start) = (Held::default(), Instant::now());
        let mut uring = Uring::new().expect("an io_uring");
        assert!(!held.is_overdue(start + PATIENCE));
        held.push(&RUN, SIZE, start);
        held.push(&RUN, SIZE, start + PATIENCE / 2);
        assert!(!held.is_overdue(start + PATIENCE / 2));
        assert!(held.is_overdue(start + PATIENCE));
        let bytes = held.next().expect("nothing is in flight");
        held.sent_off(ticket(&mut uring));
        held.landed(bytes);
        held.moved_on(start + PATIENCE);
        assert!(!held.is_overdue(start + PATIENCE));
        assert!(held.is_overdue(start + 2 * PATIENCE));
    }

    #[test]
    fn what_is_in_flight_is_not_given_up_here() {
        let (mut held, now) = (Held::default(), Instant::now());
        let mut uring = Uring::new().expect("an io_uring");
        held.push(&RUN, SIZE, now);
        held.push(&RUN[..SIZE + 1], SIZE, now);
        let bytes = held.next().expect("nothing is in flight");
        held.sent_off(ticket(&mut uring));
        assert_eq!(held.give_up(), 2, "the second run");
        assert!(!held.is_empty() && held.until().is_none());
        assert_eq!(held.landed(bytes).map(|run| run.datagrams()), Some(64));
        assert!(held.is_empty());
        assert!(held.push(&RUN, SIZE, now), "its bytes count no longer");
    }
}
