//! DNS over TCP (RFC 7766): reassembly of messages from the segments of a stream.
//!
//! Only the resolver's direction is followed. A stream may have started before the capture, and
//! segments may be missing from the capture or repeated:
//!
//! - while the stream is synchronised, the two length bytes before each message give the start of
//!   the next one (`stream`);
//! - a segment ahead of a missing one is held for [`GAP_SECONDS`], within the bounds of `held`;
//! - if the missing segment never arrives and the gap lies inside one message, that message is lost
//!   and its length still gives the start of the next one; otherwise synchronisation is lost, until
//!   bytes look like a length and the header of a response (`resync`).
//!
//! Memory is bounded. At the bound, the stream that has been idle longest is evicted. The work for
//! a segment is bounded too: it grows with the bytes of the segment, and what ends other streams or
//! passes on what they hold was paid for by their segments.
//!
//! Keys are hashed with random keys of the process (`RandomState`), since strangers choose them.

mod held;
mod resync;
mod stream;

use std::hash::RandomState;

use dnsflow_wire::response::Endpoints;
use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::Entry;

use stream::Stream;

/// Most streams followed.
const MAX_STREAMS: usize = 16_384;

/// Most bytes held, over all streams.
const MAX_BYTES: usize = 4 << 20;

/// Seconds that segments are held behind a gap: longer than a retransmission takes.
const GAP_SECONDS: u64 = 10;

/// Seconds without a segment after which a stream is removed.
const IDLE_SECONDS: u64 = 120;

/// Most idle streams that one segment removes. The next segments go on.
const MAX_REMOVED: usize = 8;

/// How far ahead or behind a segment may be, in bytes. Any other belongs to another connection.
const WINDOW_BYTES: u64 = 1 << 20;

/// Bytes of the length before each message (RFC 1035, section 4.2.2).
const LENGTH_BYTES: usize = 2;

/// Bytes of a DNS header.
const HEADER_BYTES: usize = 12;

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

impl Segment<'_> {
    /// Whether it has no data. Those of a reset are no part of the stream (RFC 9293, section 3.5.3).
    fn is_empty(&self) -> bool {
        self.rst || self.payload.is_empty() && self.cut == 0
    }

    /// Sequence number of its first byte: SYN takes one (RFC 9293, section 3.4).
    fn start(&self) -> u32 {
        self.sequence.wrapping_add(u32::from(self.syn))
    }
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
    streams: LinkedHashMap<Key, Followed, RandomState>,
    /// Bytes held, over all streams.
    bytes: usize,
}

#[derive(Debug)]
struct Followed {
    stream: Stream,
    /// When the last segment arrived, in seconds.
    last_seen: u64,
}

impl Followed {
    fn is_idle(&self, seconds: u64) -> bool {
        self.last_seen.saturating_add(IDLE_SECONDS) <= seconds
    }
}

impl Streams {
    /// Takes a segment that arrived at `seconds`, which never go back, and passes each message that
    /// it completes, and each loss, to `found`.
    pub(super) fn segment(
        &mut self,
        key: Key,
        segment: &Segment<'_>,
        seconds: u64,
        found: &mut impl FnMut(&Key, Found<'_>),
    ) -> Taken {
        self.evict(seconds, found);
        let followed = match self.streams.entry(key) {
            Entry::Occupied(mut entry) => {
                entry.to_back();
                entry.into_mut()
            }
            Entry::Vacant(_) if segment.is_empty() && !segment.syn => return Taken::Empty,
            Entry::Vacant(entry) => entry.insert(Followed {
                stream: Stream::new(segment),
                last_seen: seconds,
            }),
        };
        let mut emit = |what: Found<'_>| found(&key, what);
        let before = followed.stream.memory();
        if followed.is_idle(seconds) {
            followed.stream.finish(&mut emit);
            followed.stream = Stream::new(segment);
        }
        followed.last_seen = seconds;
        let taken = followed.stream.segment(segment, seconds, &mut emit);
        self.bytes = (self.bytes + followed.stream.memory()).saturating_sub(before);
        taken
    }

    /// Number of streams followed, and the bytes they hold.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.streams.len(), self.bytes)
    }

    /// Ends all streams, at the end of a capture, and passes what is left in them to `found`.
    pub(super) fn drain(&mut self, found: &mut impl FnMut(&Key, Found<'_>)) {
        while let Some((key, mut followed)) = self.streams.pop_front() {
            let mut emit = |what: Found<'_>| found(&key, what);
            followed.stream.finish(&mut emit);
        }
        self.bytes = 0;
    }

    /// Ends streams that have been idle for [`IDLE_SECONDS`], a few at a time, and those that exceed
    /// a bound.
    fn evict(&mut self, seconds: u64, found: &mut impl FnMut(&Key, Found<'_>)) {
        let mut removed = 0;
        while let Some((_, oldest)) = self.streams.front() {
            let idle = oldest.is_idle(seconds);
            let exceeds = self.streams.len() >= MAX_STREAMS || self.bytes >= MAX_BYTES;
            if !exceeds && (!idle || removed >= MAX_REMOVED) {
                return;
            }
            removed += 1;
            if let Some((key, Followed { mut stream, .. })) = self.streams.pop_front() {
                self.bytes = self.bytes.saturating_sub(stream.memory());
                if !idle && stream.memory() > 0 {
                    found(&key, Found::Evicted);
                }
                stream.finish(&mut |what: Found<'_>| found(&key, what));
            }
        }
    }
}

/// The length before a message, in bytes; `None` if its two bytes are not there.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let length = bytes.first_chunk::<LENGTH_BYTES>()?;
    Some(usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests;
