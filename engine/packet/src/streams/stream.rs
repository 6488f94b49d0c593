//! One stream: its segments in order, and the messages between their lengths.

use super::held::Held;
use super::resync::{Next, Search};
use super::{
    Found, GAP_SECONDS, HEADER_BYTES, LENGTH_BYTES, Segment, Taken, WINDOW_BYTES, message_length,
};

/// Capacity that the bytes kept by a search may have: the longest question has 273.
const KEPT_BYTES: usize = 512;

/// Whether the start of the next message is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Synchronised: `partial` is empty or holds the start of a message.
    Synced,
    /// The next message starts this many bytes ahead.
    Skipping(usize),
    /// The start of the next message is unknown. `told` once bytes were passed over and reported.
    Lost { told: bool },
}

/// The framing where synchronisation has just been lost.
const LOST: Framing = Framing::Lost { told: false };

#[derive(Debug)]
pub(super) struct Stream {
    /// Position of the next byte. Positions are sequence numbers that do not wrap: the lower 32
    /// bits are the sequence number.
    next: u64,
    framing: Framing,
    /// While synchronised, an incomplete message from its length bytes on; while the framing is
    /// lost, the bytes received from the first place on that may be the start of a message.
    partial: Vec<u8>,
    search: Search,
    /// Segments ahead of `next`.
    held: Held,
    /// When the first of `held` arrived, in seconds.
    gap_since: u64,
    /// Position of the end of the stream, once a FIN has arrived.
    end: Option<u64>,
}

impl Stream {
    /// The stream that starts, or goes on, with this segment.
    pub(super) fn new(segment: &Segment<'_>) -> Self {
        Self {
            next: first_position(segment.start()),
            framing: if segment.syn { Framing::Synced } else { LOST },
            partial: Vec::new(),
            search: Search::default(),
            held: Held::default(),
            gap_since: 0,
            end: None,
        }
    }

    /// Bytes held.
    pub(super) fn memory(&self) -> usize {
        self.partial.capacity() + self.held.memory()
    }

    /// Takes a segment of this stream.
    pub(super) fn segment(
        &mut self,
        segment: &Segment<'_>,
        seconds: u64,
        found: &mut impl FnMut(Found<'_>),
    ) -> Taken {
        let start = segment.start();
        if segment.syn {
            let known = self.next.saturating_sub(WINDOW_BYTES)..=self.next;
            if !known.contains(&self.position(start)) {
                self.restart(start, Framing::Synced, found);
            }
        }
        let taken = if segment.is_empty() {
            Taken::Empty
        } else {
            self.take(start, segment, seconds, found)
        };
        if segment.fin {
            let length = segment.payload.len() + segment.cut;
            self.end = Some(self.position(start).saturating_add(bytes(length)));
        }
        // A stream that has ended is kept until it is idle: retransmissions belong to it.
        if segment.rst || self.end == Some(self.next) {
            self.finish(found);
        }
        taken
    }

    /// Position of a sequence number. Sequence numbers wrap (RFC 9293, section 3.4): half of them
    /// are ahead, half behind.
    fn position(&self, sequence: u32) -> u64 {
        let [.., a, b, c, d] = self.next.to_be_bytes();
        let distance = sequence
            .wrapping_sub(u32::from_be_bytes([a, b, c, d]))
            .cast_signed();
        self.next.saturating_add_signed(distance.into())
    }

    /// Starts a new connection between the same ports.
    fn restart(&mut self, next: u32, framing: Framing, found: &mut impl FnMut(Found<'_>)) {
        self.finish(found);
        self.next = first_position(next);
        self.framing = framing;
        self.end = None;
    }

    /// Takes the payload of a segment that starts at `sequence`.
    fn take(
        &mut self,
        sequence: u32,
        segment: &Segment<'_>,
        seconds: u64,
        found: &mut impl FnMut(Found<'_>),
    ) -> Taken {
        let Segment { payload, cut, .. } = *segment;
        let start = self.position(sequence);
        let taken = if start.abs_diff(self.next) > WINDOW_BYTES {
            // A new connection on the same ports, whose handshake was not captured.
            self.restart(sequence, LOST, found);
            self.feed(payload, cut, found);
            Taken::New
        } else if start > self.next {
            if self.held.is_empty() {
                self.gap_since = seconds;
            }
            match self.held.hold(start, payload, cut) {
                true => Taken::New,
                false => Taken::Duplicate,
            }
        } else {
            let known = usize::try_from(self.next - start).unwrap_or(usize::MAX);
            match payload.get(known..) {
                Some(fresh) if !fresh.is_empty() || cut > 0 => {
                    self.feed(fresh, cut, found);
                    Taken::New
                }
                _ => Taken::Duplicate,
            }
        };
        self.release(found);
        let timed_out = self.gap_since.saturating_add(GAP_SECONDS) <= seconds;
        while !self.held.is_empty() && (timed_out || self.held.exceeds_bound()) {
            self.skip_gap(found);
        }
        taken
    }

    /// Feeds the held segments that are no longer ahead.
    fn release(&mut self, found: &mut impl FnMut(Found<'_>)) {
        while let Some((start, waiting)) = self.held.pop(self.next) {
            let known = usize::try_from(self.next - start).unwrap_or(usize::MAX);
            if let Some(left) = waiting.length().checked_sub(known)
                && left > 0
            {
                let fresh = waiting.bytes.get(known..).unwrap_or_default();
                self.feed(fresh, left - fresh.len(), found);
            }
        }
    }

    /// Skips the missing bytes before the first held segment.
    fn skip_gap(&mut self, found: &mut impl FnMut(Found<'_>)) {
        if let Some(first) = self.held.first() {
            let missing = first.saturating_sub(self.next);
            self.skip_missing(usize::try_from(missing).unwrap_or(usize::MAX), found);
            self.release(found);
        }
    }

    /// Ends the stream: passes on what is held, then reports what is incomplete.
    pub(super) fn finish(&mut self, found: &mut impl FnMut(Found<'_>)) {
        while !self.held.is_empty() {
            self.skip_gap(found);
        }
        if let Framing::Lost { told } = self.framing {
            self.search(told, true, found);
        }
        match self.framing {
            Framing::Synced if self.partial.is_empty() => {}
            Framing::Synced | Framing::Skipping(_) => found(Found::Incomplete),
            Framing::Lost { .. } => {}
        }
        self.partial = Vec::new();
        self.framing = LOST;
    }

    /// Adds the next bytes of the stream, then skips `cut` missing ones.
    fn feed(&mut self, mut fresh: &[u8], cut: usize, found: &mut impl FnMut(Found<'_>)) {
        self.next += bytes(fresh.len());
        self.search.earn(fresh.len());
        while !fresh.is_empty() {
            fresh = match self.framing {
                Framing::Skipping(left) => self.skip(fresh, left, found),
                Framing::Lost { told } => {
                    self.partial.extend_from_slice(fresh);
                    self.search(told, false, found);
                    &[]
                }
                Framing::Synced if self.partial.is_empty() => self.messages(fresh, found),
                Framing::Synced => self.complete(fresh, found),
            };
        }
        if cut > 0 {
            self.skip_missing(cut, found);
        }
    }

    /// Searches the bytes kept for messages: length, header and question may arrive in separate
    /// segments. Keeps what may be the start of a message, unless the bytes have `ended`.
    fn search(&mut self, mut told: bool, ended: bool, found: &mut impl FnMut(Found<'_>)) {
        let mut kept = std::mem::take(&mut self.partial);
        let mut rest = kept.as_slice();
        loop {
            let (at, is_message) = match self.search.next(rest, ended) {
                Next::Message(at) => (at, true),
                Next::Undecided(at) => (at, false),
            };
            if at > 0 && !told {
                found(Found::Gap);
                told = true;
            }
            rest = rest.get(at..).unwrap_or_default();
            if !is_message {
                break;
            }
            self.framing = Framing::Synced;
            rest = self.messages(rest, found);
            if self.framing == Framing::Synced {
                return;
            }
            told = false;
        }
        self.framing = Framing::Lost { told };
        let passed = kept.len() - rest.len();
        kept.drain(..passed);
        // Little is kept for long.
        kept.shrink_to(KEPT_BYTES);
        self.partial = kept;
    }

    /// Skips up to `left` bytes of a message that is incomplete.
    fn skip<'b>(
        &mut self,
        fresh: &'b [u8],
        left: usize,
        found: &mut impl FnMut(Found<'_>),
    ) -> &'b [u8] {
        let skipped = left.min(fresh.len());
        if skipped == left {
            found(Found::Incomplete);
            self.framing = Framing::Synced;
        } else {
            self.framing = Framing::Skipping(left - skipped);
        }
        &fresh[skipped..]
    }

    /// Passes on the complete messages at the start of `fresh` without copying them. Keeps the
    /// start of an incomplete one.
    fn messages<'b>(&mut self, mut fresh: &'b [u8], found: &mut impl FnMut(Found<'_>)) -> &'b [u8] {
        while let Some(length) = message_length(fresh) {
            if length < HEADER_BYTES {
                self.framing = LOST;
                return fresh;
            }
            let Some(message) = fresh.get(LENGTH_BYTES..LENGTH_BYTES + length) else {
                break;
            };
            found(Found::Message(message));
            fresh = &fresh[LENGTH_BYTES + length..];
        }
        self.partial.extend_from_slice(fresh);
        &[]
    }

    /// Adds to the incomplete message, and passes it on once it is complete.
    fn complete<'b>(&mut self, mut fresh: &'b [u8], found: &mut impl FnMut(Found<'_>)) -> &'b [u8] {
        while self.partial.len() < LENGTH_BYTES {
            let Some((first, rest)) = fresh.split_first() else {
                return fresh;
            };
            self.partial.push(*first);
            fresh = rest;
        }
        let length = message_length(&self.partial).unwrap_or(0);
        if length < HEADER_BYTES {
            self.partial.clear();
            self.framing = LOST;
            return fresh;
        }
        let missing = (LENGTH_BYTES + length).saturating_sub(self.partial.len());
        let (more, rest) = fresh.split_at(missing.min(fresh.len()));
        self.partial.extend_from_slice(more);
        if self.partial.len() == LENGTH_BYTES + length {
            found(Found::Message(&self.partial[LENGTH_BYTES..]));
            // Most messages fit in one segment: an idle stream does not need the memory.
            self.partial = Vec::new();
        }
        rest
    }

    /// Skips `missing` bytes that never arrived, and reports what is lost with them.
    fn skip_missing(&mut self, missing: usize, found: &mut impl FnMut(Found<'_>)) {
        if let Framing::Lost { .. } = self.framing {
            // What is passed over here belongs to the gap.
            self.search(true, true, found);
        }
        found(Found::Gap);
        self.next += bytes(missing);
        let left = match self.framing {
            Framing::Synced => message_length(&self.partial)
                .map(|length| (LENGTH_BYTES + length).saturating_sub(self.partial.len())),
            Framing::Skipping(left) => Some(left),
            Framing::Lost { .. } => None,
        };
        let known = left.and_then(|left| left.checked_sub(missing));
        if known.is_none() && (left.is_some() || !self.partial.is_empty()) {
            found(Found::Incomplete);
        }
        self.partial.clear();
        self.framing = match known {
            Some(0) => {
                found(Found::Incomplete);
                Framing::Synced
            }
            Some(left) => Framing::Skipping(left),
            None => LOST,
        };
    }
}

/// Position of the first sequence number of a stream. It leaves room behind, so that what comes
/// late has a position.
fn first_position(sequence: u32) -> u64 {
    (1 << 32) + u64::from(sequence)
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
