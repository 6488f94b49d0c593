//! DNS over TCP (RFC 7766): reassembly of messages from the segments of a stream.
//!
//! Only the resolver's direction is followed. A stream may have started before the capture, and
//! segments may be missing from the capture or repeated:
//!
//! - while the stream is synchronised, the two length bytes before each message give the start of
//!   the next one;
//! - a segment ahead of a missing one is held for [`GAP_SECONDS`], up to [`HELD_BYTES`] a stream;
//! - if the missing segment never arrives and the gap lies inside one message, that message is lost
//!   and its length still gives the start of the next one; otherwise synchronisation is lost, until
//!   bytes look like a length and the header of a response (see [`boundary`]).
//!
//! Memory is bounded. At the bound, the stream that has been idle longest is evicted.

use dnsflow_wire::dns::MAX_NAME_BYTES;
use dnsflow_wire::response::Endpoints;
use hashlink::LinkedHashMap;

/// Most streams followed.
const MAX_STREAMS: usize = 16_384;

/// Most bytes held, over all streams.
const MAX_BYTES: usize = 4 << 20;

/// Most bytes that one stream holds behind a gap.
const HELD_BYTES: usize = 256 << 10;

/// Seconds that segments are held behind a gap: longer than a retransmission takes.
const GAP_SECONDS: u64 = 10;

/// Seconds without a segment after which a stream is removed.
const IDLE_SECONDS: u64 = 120;

/// How far ahead or behind a segment may be, in bytes. Any other belongs to another connection.
const WINDOW_BYTES: usize = 1 << 20;

/// Bytes of the length before each message (RFC 1035, section 4.2.2).
const LENGTH_BYTES: usize = 2;

/// Bytes of a DNS header.
const HEADER_BYTES: usize = 12;

/// Most bytes needed to recognise a message: length, header, the longest name, type and class.
const QUESTION_BYTES: usize = LENGTH_BYTES + HEADER_BYTES + 255 + 4;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) endpoints: Endpoints,
    pub(super) resolver_port: u16,
    pub(super) client_port: u16,
}

/// A segment from a resolver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) sequence: u32,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) payload: &'a [u8],
    /// Bytes of the payload cut off by the snap length.
    pub(super) cut: usize,
}

/// The outcome of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Its bytes were added to the stream, or are held behind a gap.
    New,
    /// It has no data.
    Empty,
    /// Its bytes were there already.
    Duplicate,
}

/// What a segment yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A complete message, without its length bytes.
    Message(&'a [u8]),
    /// A message of which a part never arrived.
    Incomplete,
    /// Bytes that never arrived, or that are no part of a message.
    Gap,
    /// A stream evicted at the bound of memory.
    Evicted,
}

/// All streams of a shard.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// In the order of the last segment.
    streams: LinkedHashMap<Key, Stream>,
    /// Bytes held, over all streams.
    bytes: usize,
}

/// Whether the start of the next message is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Synchronised: `partial` is empty or holds the start of a message.
    Synced,
    /// The next message starts this many bytes ahead.
    Skipping(usize),
    /// The start of the next message is unknown.
    Lost,
}

#[derive(Debug)]
struct Stream {
    /// Sequence number of the next byte.
    next: u32,
    framing: Framing,
    /// While synchronised, an incomplete message from its length bytes on; while the framing is
    /// lost, the last bytes received.
    partial: Vec<u8>,
    /// Segments ahead of `next`, ascending.
    held: Vec<Held>,
    held_bytes: usize,
    /// When the first of `held` arrived, in seconds.
    gap_since: u64,
    /// When the last segment arrived, in seconds.
    last_seen: u64,
    /// Sequence number of the end of the stream, once a FIN has arrived.
    end: Option<u32>,
}

#[derive(Debug)]
struct Held {
    sequence: u32,
    bytes: Vec<u8>,
    cut: usize,
}

impl Streams {
    /// Takes a segment that arrived at `seconds`, since any fixed time, and passes each message
    /// that it completes, and each loss, to `found`.
    pub(super) fn segment(
        &mut self,
        key: Key,
        segment: &Segment<'_>,
        seconds: u64,
        found: &mut impl FnMut(&Key, Found<'_>),
    ) -> Taken {
        self.evict(seconds, found);
        let start = segment.sequence.wrapping_add(u32::from(segment.syn));
        let empty = segment.rst || segment.payload.is_empty() && segment.cut == 0;
        if empty && !segment.syn && !self.streams.contains_key(&key) {
            return Taken::Empty;
        }
        let stream = self
            .streams
            .entry(key)
            .or_insert_with(|| Stream::new(start, segment.syn));
        let mut emit = |what: Found<'_>| found(&key, what);
        let before = stream.memory();
        stream.last_seen = seconds;
        if segment.syn && !stream.is_in_window(start) {
            stream.restart(start, Framing::Synced, &mut emit);
        }
        let taken = if empty {
            Taken::Empty
        } else {
            stream.take(start, segment, seconds, &mut emit)
        };
        if segment.fin {
            let length = u32::try_from(segment.payload.len() + segment.cut).unwrap_or(0);
            stream.end = Some(start.wrapping_add(length));
        }
        // A stream that has ended is kept until it is idle: retransmissions belong to it.
        if segment.rst || stream.end == Some(stream.next) {
            stream.finish(&mut emit);
        }
        self.bytes = (self.bytes + stream.memory()).saturating_sub(before);
        self.streams.to_back(&key);
        taken
    }

    /// Number of streams followed, and the bytes they hold.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.streams.len(), self.bytes)
    }

    /// Ends all streams, at the end of a capture, and passes what is left in them to `found`.
    pub(super) fn drain(&mut self, found: &mut impl FnMut(&Key, Found<'_>)) {
        while let Some((key, mut stream)) = self.streams.pop_front() {
            stream.finish(&mut |what: Found<'_>| found(&key, what));
        }
        self.bytes = 0;
    }

    /// Ends streams that have been idle for [`IDLE_SECONDS`], and those that exceed a bound.
    fn evict(&mut self, seconds: u64, found: &mut impl FnMut(&Key, Found<'_>)) {
        while let Some((_, oldest)) = self.streams.front() {
            let idle = oldest.last_seen.saturating_add(IDLE_SECONDS) <= seconds;
            if !idle && self.streams.len() < MAX_STREAMS && self.bytes < MAX_BYTES {
                return;
            }
            if let Some((key, mut stream)) = self.streams.pop_front() {
                self.bytes = self.bytes.saturating_sub(stream.memory());
                if !idle && stream.memory() > 0 {
                    found(&key, Found::Evicted);
                }
                stream.finish(&mut |what: Found<'_>| found(&key, what));
            }
        }
    }
}

impl Stream {
    fn new(next: u32, from_start: bool) -> Self {
        Self {
            next,
            framing: if from_start {
                Framing::Synced
            } else {
                Framing::Lost
            },
            partial: Vec::new(),
            held: Vec::new(),
            held_bytes: 0,
            gap_since: 0,
            last_seen: 0,
            end: None,
        }
    }

    /// Whether a segment that starts at `sequence` can belong to this connection.
    fn is_in_window(&self, sequence: u32) -> bool {
        matches!(distance(self.next, sequence), Distance::Ahead(0))
            || matches!(distance(self.next, sequence), Distance::Behind(bytes) if bytes <= WINDOW_BYTES)
    }

    /// Starts a new connection between the same ports.
    fn restart(&mut self, next: u32, framing: Framing, found: &mut impl FnMut(Found<'_>)) {
        self.finish(found);
        self.next = next;
        self.framing = framing;
        self.end = None;
    }

    /// Bytes held.
    fn memory(&self) -> usize {
        self.partial.capacity() + self.held_bytes
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
        let taken = match distance(self.next, sequence) {
            Distance::Ahead(0) => {
                self.feed(payload, cut, found);
                Taken::New
            }
            Distance::Ahead(bytes) if bytes <= WINDOW_BYTES => {
                self.hold(sequence, payload, cut, seconds)
            }
            Distance::Behind(bytes) if bytes <= WINDOW_BYTES => match payload.get(bytes..) {
                Some(fresh) if !fresh.is_empty() || cut > 0 => {
                    self.feed(fresh, cut, found);
                    Taken::New
                }
                _ => Taken::Duplicate,
            },
            _ => {
                // A new connection on the same ports, whose handshake was not captured.
                self.restart(sequence, Framing::Lost, found);
                self.feed(payload, cut, found);
                Taken::New
            }
        };
        self.release(found);
        let timed_out = self.gap_since.saturating_add(GAP_SECONDS) <= seconds;
        while !self.held.is_empty() && (timed_out || self.held_bytes > HELD_BYTES) {
            self.skip_gap(found);
        }
        taken
    }

    /// Holds a segment that is ahead of a missing one.
    fn hold(&mut self, sequence: u32, payload: &[u8], cut: usize, seconds: u64) -> Taken {
        if self.held.is_empty() {
            self.gap_since = seconds;
        }
        let ahead = |sequence| distance(self.next, sequence).ahead();
        let at = self
            .held
            .partition_point(|held| ahead(held.sequence) < ahead(sequence));
        if self.held.get(at).is_some_and(|held| {
            held.sequence == sequence && held.bytes.len() + held.cut >= payload.len() + cut
        }) {
            return Taken::Duplicate;
        }
        self.held_bytes += size_of::<Held>() + payload.len();
        self.held.insert(
            at,
            Held {
                sequence,
                bytes: payload.to_vec(),
                cut,
            },
        );
        Taken::New
    }

    /// Feeds the held segments that are no longer ahead.
    fn release(&mut self, found: &mut impl FnMut(Found<'_>)) {
        while let Some(first) = self.held.first() {
            let behind = match distance(self.next, first.sequence) {
                Distance::Ahead(0) => 0,
                Distance::Ahead(_) => return,
                Distance::Behind(bytes) => bytes,
            };
            let held = self.held.remove(0);
            self.held_bytes -= (size_of::<Held>() + held.bytes.len()).min(self.held_bytes);
            let total = held.bytes.len() + held.cut;
            if behind < total {
                let fresh = held.bytes.get(behind..).unwrap_or_default();
                let cut = total - behind - fresh.len();
                self.feed(fresh, cut, found);
            }
        }
    }

    /// Skips the missing bytes before the first held segment.
    fn skip_gap(&mut self, found: &mut impl FnMut(Found<'_>)) {
        if let Some(first) = self.held.first() {
            let missing = distance(self.next, first.sequence).ahead();
            self.skip_missing(missing, found);
            self.release(found);
        }
    }

    /// Ends the stream: passes on what is held, then reports what is incomplete.
    fn finish(&mut self, found: &mut impl FnMut(Found<'_>)) {
        while !self.held.is_empty() {
            self.skip_gap(found);
        }
        match self.framing {
            Framing::Synced if self.partial.is_empty() => {}
            Framing::Synced | Framing::Skipping(_) => found(Found::Incomplete),
            Framing::Lost if self.partial.is_empty() => {}
            Framing::Lost => found(Found::Gap),
        }
        self.partial = Vec::new();
        self.framing = Framing::Lost;
    }

    /// Adds the next bytes of the stream, then skips `cut` missing ones.
    fn feed(&mut self, mut bytes: &[u8], cut: usize, found: &mut impl FnMut(Found<'_>)) {
        self.next = self
            .next
            .wrapping_add(u32::try_from(bytes.len()).unwrap_or(0));
        while !bytes.is_empty() {
            bytes = match self.framing {
                Framing::Skipping(left) => self.skip(bytes, left, found),
                Framing::Lost => {
                    self.search(bytes, found);
                    &[]
                }
                Framing::Synced if self.partial.is_empty() => self.messages(bytes, found),
                Framing::Synced => self.complete(bytes, found),
            };
        }
        if cut > 0 {
            self.skip_missing(cut, found);
        }
    }

    /// Searches the bytes kept before and `bytes` for messages: length, header and question may
    /// arrive in separate segments. What may be the start of a message is kept.
    fn search(&mut self, bytes: &[u8], found: &mut impl FnMut(Found<'_>)) {
        let mut seen = std::mem::take(&mut self.partial);
        seen.extend_from_slice(bytes);
        let mut rest = seen.as_slice();
        let mut steps = seen.len();
        while let Some(at) = boundary(rest, &mut steps) {
            if at > 0 {
                found(Found::Gap);
            }
            self.framing = Framing::Synced;
            rest = self.messages(&rest[at..], found);
            if rest.is_empty() {
                return;
            }
        }
        let passed = rest.len().saturating_sub(QUESTION_BYTES);
        if passed > 0 {
            found(Found::Gap);
        }
        self.partial.extend_from_slice(&rest[passed..]);
    }

    /// Skips up to `left` bytes of a message that is incomplete.
    fn skip<'b>(
        &mut self,
        bytes: &'b [u8],
        left: usize,
        found: &mut impl FnMut(Found<'_>),
    ) -> &'b [u8] {
        let skipped = left.min(bytes.len());
        if skipped == left {
            found(Found::Incomplete);
            self.framing = Framing::Synced;
        } else {
            self.framing = Framing::Skipping(left - skipped);
        }
        &bytes[skipped..]
    }

    /// Passes on the complete messages at the start of `bytes` without copying them. Keeps the
    /// start of an incomplete one.
    fn messages<'b>(&mut self, mut bytes: &'b [u8], found: &mut impl FnMut(Found<'_>)) -> &'b [u8] {
        while let Some(length) = message_length(bytes) {
            if length < HEADER_BYTES {
                self.framing = Framing::Lost;
                return bytes;
            }
            let Some(message) = bytes.get(LENGTH_BYTES..LENGTH_BYTES + length) else {
                break;
            };
            found(Found::Message(message));
            bytes = &bytes[LENGTH_BYTES + length..];
        }
        self.partial.extend_from_slice(bytes);
        &[]
    }

    /// Adds to the incomplete message, and passes it on once it is complete.
    fn complete<'b>(&mut self, mut bytes: &'b [u8], found: &mut impl FnMut(Found<'_>)) -> &'b [u8] {
        while self.partial.len() < LENGTH_BYTES {
            let Some((first, rest)) = bytes.split_first() else {
                return bytes;
            };
            self.partial.push(*first);
            bytes = rest;
        }
        let length = message_length(&self.partial).unwrap_or(0);
        if length < HEADER_BYTES {
            self.partial.clear();
            self.framing = Framing::Lost;
            return bytes;
        }
        let missing = (LENGTH_BYTES + length).saturating_sub(self.partial.len());
        let (more, rest) = bytes.split_at(missing.min(bytes.len()));
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
        found(Found::Gap);
        self.next = self.next.wrapping_add(u32::try_from(missing).unwrap_or(0));
        let left = match self.framing {
            Framing::Synced => message_length(&self.partial)
                .map(|length| (LENGTH_BYTES + length).saturating_sub(self.partial.len())),
            Framing::Skipping(left) => Some(left),
            Framing::Lost => None,
        };
        let known = left.and_then(|left| left.checked_sub(missing));
        if self.framing != Framing::Lost
            && (known.is_none() && (left.is_some() || !self.partial.is_empty()))
        {
            found(Found::Incomplete);
        }
        self.partial.clear();
        self.framing = match known {
            Some(0) => {
                found(Found::Incomplete);
                Framing::Synced
            }
            Some(left) => Framing::Skipping(left),
            None => Framing::Lost,
        };
    }
}

/// The length before a message, in bytes; `None` if its two bytes are not there.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.first_chunk::<LENGTH_BYTES>()?;
    Some(usize::from(u16::from_be_bytes(*length)))
}

/// The offset in `bytes` at which a message seems to start.
///
/// A message starts with a length and the header of a response with one question, of a valid name
/// and a known class. If it ends inside `bytes`, another such message or nothing follows. Random
/// bytes pass this less than once in 10⁹ tries. At most `steps` labels are read, and taken from it:
/// bytes can be made to look like headers all over, each before a long name.
fn boundary(bytes: &[u8], steps: &mut usize) -> Option<usize> {
    (0..bytes.len()).find(|at| {
        let rest = &bytes[*at..];
        plausible(rest, steps).is_some_and(|length| {
            rest.get(LENGTH_BYTES + length..).is_none_or(|behind| {
                behind.len() < LENGTH_BYTES + HEADER_BYTES || plausible(behind, steps).is_some()
            })
        })
    })
}

/// The length of the message that `bytes` seem to start with, in bytes.
fn plausible(bytes: &[u8], steps: &mut usize) -> Option<usize> {
    /// QR, opcode 0.
    const RESPONSE: u8 = 0x80;
    const RESPONSE_MASK: u8 = 0xf8;
    /// Smallest record: a root owner, ten bytes, no RDATA.
    const RECORD_BYTES: usize = 11;
    // Nearly all offsets end here.
    let &[_, _, _, _, flags, _, 0, 1, ..] = bytes else {
        return None;
    };
    if flags & RESPONSE_MASK != RESPONSE {
        return None;
    }
    let length = message_length(bytes)?;
    let message = bytes.get(LENGTH_BYTES..)?;
    let message = &message[..length.min(message.len())];
    let header: &[u8; HEADER_BYTES] = message.first_chunk()?;
    let count = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let records = count(6) + count(8) + count(10);
    if length < HEADER_BYTES + 5 + records * RECORD_BYTES {
        return None;
    }
    let behind = question_end(message, steps)?;
    let class = message.get(behind + 2..behind + 4)?;
    matches!(class, [0, 1 | 3 | 4 | 254 | 255]).then_some(length)
}

/// The offset behind the question's name. It is the first name of a message, so there is none before
/// it that a pointer could refer to.
fn question_end(message: &[u8], steps: &mut usize) -> Option<usize> {
    let mut at = HEADER_BYTES;
    loop {
        *steps = steps.checked_sub(1)?;
        let length = *message.get(at)?;
        at += 1 + usize::from(length);
        if length >= 0x40 || at > HEADER_BYTES + MAX_NAME_BYTES {
            return None;
        }
        if length == 0 {
            return Some(at);
        }
    }
}

/// The distance from one sequence number to another, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distance {
    Ahead(usize),
    Behind(usize),
}

impl Distance {
    fn ahead(self) -> usize {
        match self {
            Self::Ahead(bytes) => bytes,
            Self::Behind(_) => 0,
        }
    }
}

/// Sequence numbers wrap (RFC 9293, section 3.4): half of them are ahead, half behind.
fn distance(from: u32, to: u32) -> Distance {
    let ahead = to.wrapping_sub(from);
    if ahead < 1 << 31 {
        Distance::Ahead(usize::try_from(ahead).unwrap_or(usize::MAX))
    } else {
        Distance::Behind(usize::try_from(from.wrapping_sub(to)).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests;
