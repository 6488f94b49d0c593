//! DNS over TCP (RFC 7766): the messages of a stream, put together from its segments.
//!
//! Only the resolver's side is looked at. A stream may start before the capture does, lose segments
//! that the capture never saw, and repeat others, so nothing about it is taken for granted:
//!
//! - in step, the two length bytes before each message say where the next one starts;
//! - a segment that is ahead waits for the one that is missing, for [`GAP_SECONDS`] or [`HELD_BYTES`];
//! - if it never comes and the hole lies inside one message, that message is lost and the next one is
//!   still where its length says; otherwise the stream is out of step, and gets into step again at
//!   the first bytes that are a length and the header of a response (see [`boundary`]).
//!
//! Memory has a limit, beyond which the stream that was silent longest is given up.

use dnsflow_wire::dns::NameAt;
use dnsflow_wire::response::Endpoints;
use hashlink::LinkedHashMap;

/// Streams that are kept.
const MAX_STREAMS: usize = 16_384;

/// Bytes that wait in all streams together.
const MAX_BYTES: usize = 4 << 20;

/// Bytes of one stream that wait behind a hole.
const HELD_BYTES: usize = 256 << 10;

/// Seconds that segments wait behind a hole: longer than a sender waits before it sends again.
const GAP_SECONDS: u64 = 10;

/// Seconds of silence after which a stream is forgotten.
const IDLE_SECONDS: u64 = 120;

/// How far ahead a segment may be, in bytes; one that is further belongs to another connection.
const WINDOW_BYTES: usize = 1 << 20;

/// Bytes of the length before each message (RFC 1035 section 4.2.2).
const LENGTH_BYTES: usize = 2;

/// Bytes of a DNS header.
const HEADER_BYTES: usize = 12;

/// Bytes by which a message is recognised, at most: length, header, the longest name, type and class.
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
    /// Bytes of the payload that the capture has cut off.
    pub(super) cut: usize,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Its bytes are in the stream, or wait to be.
    New,
    /// It has none.
    Empty,
    /// They were there already.
    Duplicate,
}

/// What streams give while they are fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A whole message.
    Message(&'a [u8]),
    /// A message of which a part never came.
    Incomplete,
    /// Bytes that never came, or that no message could be made of.
    Gap,
    /// A stream that had to make room.
    Evicted,
}

/// All streams of a shard.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// In the order of the last segment.
    streams: LinkedHashMap<Key, Stream>,
    /// Bytes that wait, over all streams.
    bytes: usize,
}

/// Whether it is known where messages start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// `partial` is the start of a message.
    In,
    /// So many bytes on, a message starts.
    Skipping(usize),
    /// Nobody knows.
    Out,
}

#[derive(Debug)]
struct Stream {
    /// Sequence number of the next byte.
    next: u32,
    step: Step,
    /// In step, a message that is not whole, from its length bytes on; out of step, the last bytes that came.
    partial: Vec<u8>,
    /// Segments ahead of `next`, in order.
    held: Vec<Held>,
    held_bytes: usize,
    /// Since when `held` has waited.
    gap_since: u64,
    seen: u64,
    /// Where the stream ends, once that is known.
    end: Option<u32>,
}

#[derive(Debug)]
struct Held {
    sequence: u32,
    bytes: Vec<u8>,
    cut: usize,
}

impl Streams {
    /// Takes a segment, and gives the messages that it completes.
    pub(super) fn segment(
        &mut self,
        key: Key,
        segment: &Segment<'_>,
        seconds: u64,
        found: &mut impl FnMut(&Key, Found<'_>),
    ) -> Taken {
        self.forget(seconds, found);
        let start = segment.sequence.wrapping_add(u32::from(segment.syn));
        let empty = segment.rst || segment.payload.is_empty() && segment.cut == 0;
        if empty && !segment.syn && !self.streams.contains_key(&key) {
            return Taken::Empty;
        }
        let stream = self
            .streams
            .entry(key)
            .or_insert_with(|| Stream::new(start, segment.syn));
        let mut give = |what: Found<'_>| found(&key, what);
        let before = stream.waiting();
        stream.seen = seconds;
        if segment.syn && !stream.has_seen(start) {
            stream.restart(start, Step::In, &mut give);
        }
        let taken = if empty {
            Taken::Empty
        } else {
            stream.take(start, segment, seconds, &mut give)
        };
        if segment.fin {
            let length = u32::try_from(segment.payload.len() + segment.cut).unwrap_or(0);
            stream.end = Some(start.wrapping_add(length));
        }
        // A stream that has ended is kept until it is silent: what is sent again belongs to it.
        if segment.rst || stream.end == Some(stream.next) {
            stream.finish(&mut give);
        }
        self.bytes = (self.bytes + stream.waiting()).saturating_sub(before);
        self.streams.to_back(&key);
        taken
    }

    /// Streams that are followed, and the bytes that wait in them.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.streams.len(), self.bytes)
    }

    /// Gives what is left in all streams, at the end of a capture.
    pub(super) fn drain(&mut self, found: &mut impl FnMut(&Key, Found<'_>)) {
        while let Some((key, mut stream)) = self.streams.pop_front() {
            stream.finish(&mut |what: Found<'_>| found(&key, what));
        }
        self.bytes = 0;
    }

    /// Ends streams that are silent, and those that have to make room.
    fn forget(&mut self, seconds: u64, found: &mut impl FnMut(&Key, Found<'_>)) {
        while let Some((_, oldest)) = self.streams.front() {
            let silent = oldest.seen.saturating_add(IDLE_SECONDS) <= seconds;
            if !silent && self.streams.len() < MAX_STREAMS && self.bytes < MAX_BYTES {
                return;
            }
            if let Some((key, mut stream)) = self.streams.pop_front() {
                self.bytes = self.bytes.saturating_sub(stream.waiting());
                if !silent && stream.waiting() > 0 {
                    found(&key, Found::Evicted);
                }
                stream.finish(&mut |what: Found<'_>| found(&key, what));
            }
        }
    }
}

impl Stream {
    fn new(next: u32, from_start: bool) -> Self {
        Stream {
            next,
            step: if from_start { Step::In } else { Step::Out },
            partial: Vec::new(),
            held: Vec::new(),
            held_bytes: 0,
            gap_since: 0,
            seen: 0,
            end: None,
        }
    }

    /// Whether a segment that starts at `sequence` is one that was seen, or could have been.
    fn has_seen(&self, sequence: u32) -> bool {
        matches!(distance(self.next, sequence), Distance::Ahead(0))
            || matches!(distance(self.next, sequence), Distance::Behind(bytes) if bytes <= WINDOW_BYTES)
    }

    /// Another connection between the same ports.
    fn restart(&mut self, next: u32, step: Step, found: &mut impl FnMut(Found<'_>)) {
        self.finish(found);
        self.next = next;
        self.step = step;
        self.end = None;
    }

    /// Bytes that wait.
    fn waiting(&self) -> usize {
        self.partial.capacity() + self.held_bytes
    }

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
                // The ports were used anew and the handshake was not seen.
                self.restart(sequence, Step::Out, found);
                self.feed(payload, cut, found);
                Taken::New
            }
        };
        self.release(found);
        let waited = self.gap_since.saturating_add(GAP_SECONDS) <= seconds;
        while !self.held.is_empty() && (waited || self.held_bytes > HELD_BYTES) {
            self.skip_gap(found);
        }
        taken
    }

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

    /// Gives up the bytes before the first held segment.
    fn skip_gap(&mut self, found: &mut impl FnMut(Found<'_>)) {
        if let Some(first) = self.held.first() {
            let missing = distance(self.next, first.sequence).ahead();
            self.lose(missing, found);
            self.release(found);
        }
    }

    /// All that can still be had of a stream that ends.
    fn finish(&mut self, found: &mut impl FnMut(Found<'_>)) {
        while !self.held.is_empty() {
            self.skip_gap(found);
        }
        match self.step {
            Step::In if self.partial.is_empty() => {}
            Step::In | Step::Skipping(_) => found(Found::Incomplete),
            Step::Out if self.partial.is_empty() => {}
            Step::Out => found(Found::Gap),
        }
        self.partial = Vec::new();
        self.step = Step::Out;
    }

    /// The next bytes of the stream, then so many that are known to be missing.
    fn feed(&mut self, mut bytes: &[u8], cut: usize, found: &mut impl FnMut(Found<'_>)) {
        self.next = self
            .next
            .wrapping_add(u32::try_from(bytes.len()).unwrap_or(0));
        while !bytes.is_empty() {
            bytes = match self.step {
                Step::Skipping(left) => self.skip(bytes, left, found),
                Step::Out => {
                    self.search(bytes, found);
                    &[]
                }
                Step::In if self.partial.is_empty() => self.messages(bytes, found),
                Step::In => self.complete(bytes, found),
            };
        }
        if cut > 0 {
            self.lose(cut, found);
        }
    }

    /// Looks for messages in the end of what came before and in `bytes`: length, header and question may come
    /// in segments of their own. What may be the start of one is kept.
    fn search(&mut self, bytes: &[u8], found: &mut impl FnMut(Found<'_>)) {
        let mut seen = std::mem::take(&mut self.partial);
        seen.extend_from_slice(bytes);
        let mut rest = seen.as_slice();
        while let Some(at) = boundary(rest) {
            if at > 0 {
                found(Found::Gap);
            }
            self.step = Step::In;
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

    fn skip<'b>(
        &mut self,
        bytes: &'b [u8],
        left: usize,
        found: &mut impl FnMut(Found<'_>),
    ) -> &'b [u8] {
        let skipped = left.min(bytes.len());
        if skipped == left {
            found(Found::Incomplete);
            self.step = Step::In;
        } else {
            self.step = Step::Skipping(left - skipped);
        }
        &bytes[skipped..]
    }

    /// Gives the whole messages at the start of `bytes` without copying them; keeps the start of one that
    /// is not whole.
    fn messages<'b>(&mut self, mut bytes: &'b [u8], found: &mut impl FnMut(Found<'_>)) -> &'b [u8] {
        while let Some(length) = message_length(bytes) {
            if length < HEADER_BYTES {
                self.step = Step::Out;
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

    /// Adds to the message that is not whole; gives it if it gets whole.
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
            self.step = Step::Out;
            return bytes;
        }
        let missing = (LENGTH_BYTES + length).saturating_sub(self.partial.len());
        let (more, rest) = bytes.split_at(missing.min(bytes.len()));
        self.partial.extend_from_slice(more);
        if self.partial.len() == LENGTH_BYTES + length {
            found(Found::Message(&self.partial[LENGTH_BYTES..]));
            // Most messages come in one segment: an idle stream has no use for the memory.
            self.partial = Vec::new();
        }
        rest
    }

    /// Moves on over bytes that never came.
    fn lose(&mut self, missing: usize, found: &mut impl FnMut(Found<'_>)) {
        found(Found::Gap);
        self.next = self.next.wrapping_add(u32::try_from(missing).unwrap_or(0));
        let left = match self.step {
            Step::In => message_length(&self.partial)
                .map(|length| (LENGTH_BYTES + length).saturating_sub(self.partial.len())),
            Step::Skipping(left) => Some(left),
            Step::Out => None,
        };
        let known = left.and_then(|left| left.checked_sub(missing));
        if self.step != Step::Out
            && (known.is_none() && (left.is_some() || !self.partial.is_empty()))
        {
            found(Found::Incomplete);
        }
        self.partial.clear();
        self.step = match known {
            Some(0) => {
                found(Found::Incomplete);
                Step::In
            }
            Some(left) => Step::Skipping(left),
            None => Step::Out,
        };
    }
}

fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.first_chunk::<LENGTH_BYTES>()?;
    Some(usize::from(u16::from_be_bytes(*length)))
}

/// Where in `bytes` a message seems to start.
///
/// What is looked for is a length, then the header of a response with one question whose name is one, of a
/// class that exists; and, if the message ends inside `bytes`, the same behind it or nothing. Random
/// bytes pass this less than once in a thousand million.
fn boundary(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|at| {
        let rest = &bytes[*at..];
        plausible(rest).is_some_and(|length| {
            rest.get(LENGTH_BYTES + length..).is_none_or(|behind| {
                behind.len() < LENGTH_BYTES + HEADER_BYTES || plausible(behind).is_some()
            })
        })
    })
}

/// The length of the message that `bytes` seem to start with.
fn plausible(bytes: &[u8]) -> Option<usize> {
    /// QR, opcode 0.
    const RESPONSE: u8 = 0x80;
    const RESPONSE_MASK: u8 = 0xf8;
    /// Smallest record: a root owner, ten bytes, no RDATA.
    const RECORD_BYTES: usize = 11;
    let length = message_length(bytes)?;
    let message = bytes.get(LENGTH_BYTES..)?;
    let message = &message[..length.min(message.len())];
    let header: &[u8; HEADER_BYTES] = message.first_chunk()?;
    let count = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let records = count(6) + count(8) + count(10);
    if header[2] & RESPONSE_MASK != RESPONSE
        || count(4) != 1
        || length < HEADER_BYTES + 5 + records * RECORD_BYTES
    {
        return None;
    }
    let (_, behind) = NameAt::parse(message, HEADER_BYTES).ok()?;
    let class = message.get(behind + 2..behind + 4)?;
    matches!(class, [0, 1 | 3 | 4 | 254 | 255]).then_some(length)
}

/// Where one sequence number lies, seen from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distance {
    Ahead(usize),
    Behind(usize),
}

impl Distance {
    fn ahead(self) -> usize {
        match self {
            Distance::Ahead(bytes) => bytes,
            Distance::Behind(_) => 0,
        }
    }
}

/// Sequence numbers wrap (RFC 9293 section 3.4): half of them are ahead, half behind.
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
