//! Reassembly of IP datagrams.
//!
//! Fragments arrive in any order, repeated, incomplete, or forged. So memory is bounded, and the
//! oldest datagram is evicted when the bound is reached; a datagram waits for at most
//! [`TIMEOUT_SECONDS`] from its first fragment on (RFC 8200, section 4.5); and a datagram whose
//! fragments overlap is dropped together with all further fragments of it (RFC 5722, section 3),
//! for IPv4 as for IPv6. A fragment that repeats another exactly is a duplicate and is ignored.
//!
//! Only the fragment at offset 0 has ports. If these are not selected, the datagram is *foreign*:
//! its pieces are dropped, and further ones are known by its key alone. A capture filter drops such
//! a fragment, but keeps the later ones, which could be anyone's. So a datagram that is given up
//! without its first piece is *headless*: most likely it is foreign, and nothing is lost.
//!
//! An incomplete datagram is returned up to its first hole: the answers before it are valid.
//!
//! Keys are hashed with random keys of the process (`RandomState`), since strangers choose them.

mod pieces;

use std::hash::RandomState;

use dnsflow_wire::response::Endpoints;
use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::Entry;

use pieces::Pieces;

/// Seconds that a datagram waits for its last fragment (RFC 8200, section 4.5).
const TIMEOUT_SECONDS: u64 = 60;

/// Most bytes held, over all incomplete datagrams.
const MAX_BYTES: usize = 4 << 20;

/// Most incomplete datagrams held.
const MAX_DATAGRAMS: usize = 4096;

/// Most datagrams whose timeouts one fragment pays for. The next fragments go on.
const MAX_TIMEOUTS: usize = 8;

/// Most buffers kept for reuse.
const MAX_SPARE_BUFFERS: usize = 64;

/// Largest buffer kept for reuse, in bytes: most datagrams are smaller.
const MAX_SPARE_BYTES: usize = 8 << 10;

/// Largest payload of an IP datagram, in bytes.
const MAX_PAYLOAD_BYTES: usize = 65_535;

/// What identifies the fragments of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) endpoints: Endpoints,
    pub(super) identification: u32,
    /// The protocol, for IPv4; 0 for IPv6, where it is not part of the key (RFC 8200, section 4.5).
    pub(super) protocol: u8,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) key: Key,
    /// The protocol of the payload. That of the fragment at offset 0 is valid for the datagram.
    pub(super) protocol: u8,
    /// Offset of the payload in the datagram, in bytes.
    pub(super) offset: usize,
    /// Whether more fragments follow.
    pub(super) more: bool,
    pub(super) payload: &'a [u8],
}

/// The outcome of placing a fragment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// The datagram is still incomplete.
    Held,
    /// The fragment completes this datagram.
    Whole(Datagram),
    /// The same bytes were there already.
    Duplicate,
    /// It overlaps another fragment, or belongs to a datagram in which two did.
    Overlap,
    /// Its offset or length is invalid.
    Damaged,
    /// It belongs to a datagram that is not selected.
    Foreign,
}

/// The payload of a datagram, complete or up to its first hole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) endpoints: Endpoints,
    pub(super) protocol: u8,
    pub(super) payload: Vec<u8>,
}

/// Why a datagram was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// It waited for [`TIMEOUT_SECONDS`].
    Timeout,
    /// The bound of memory was reached.
    Evicted,
    /// The capture ended.
    Ended,
    /// Any of these, and its first fragment never came.
    Headless,
    /// Any of these, and it is not selected.
    Foreign,
}

#[derive(Debug)]
struct Pending {
    /// When the first fragment arrived, in seconds.
    since: u64,
    protocol: u8,
    /// The length of the datagram, known once the last fragment has arrived.
    end: Option<usize>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Pieces(Pieces),
    /// Fragments overlapped: all further ones are dropped.
    Poisoned,
    /// It is not selected: this many bytes of it have come.
    Foreign(usize),
}

/// The incomplete datagrams of a shard.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    /// In the order in which their first fragments arrived.
    pending: LinkedHashMap<Key, Pending, RandomState>,
    /// Bytes held, over all datagrams.
    bytes: usize,
    /// Empty buffers for reuse.
    spare: Vec<Vec<u8>>,
}

impl Fragments {
    /// Adds a fragment that arrived at `seconds`, which never go back. `foreign` says of one at
    /// offset 0 that its port or protocol is not selected.
    pub(super) fn place(&mut self, fragment: &Fragment<'_>, foreign: bool, seconds: u64) -> Placed {
        let length = fragment.payload.len();
        let odd = fragment.more && !length.is_multiple_of(8);
        let end = fragment.offset + length;
        let (Ok(offset), false) = (
            u16::try_from(fragment.offset),
            length == 0 || odd || end > MAX_PAYLOAD_BYTES,
        ) else {
            return Placed::Damaged;
        };
        let (pending, before) = match self.pending.entry(fragment.key) {
            Entry::Occupied(entry) => {
                let pending = entry.into_mut();
                let before = pending.memory();
                (pending, before)
            }
            // The capacity of a reused buffer is not counted yet.
            Entry::Vacant(entry) => {
                let buffer = self.spare.pop().unwrap_or_default();
                (entry.insert(Pending::new(fragment, buffer, seconds)), 0)
            }
        };
        let placed = pending.place(fragment, offset, foreign);
        let complete = pending.is_complete();
        self.bytes = (self.bytes + pending.memory()).saturating_sub(before);
        if !complete {
            return placed;
        }
        let pending = self.pending.remove(&fragment.key);
        match pending.map(|pending| self.datagram(fragment.key, pending)) {
            Some(datagram) if placed == Placed::Held => Placed::Whole(datagram),
            _ => placed,
        }
    }

    /// Number of incomplete datagrams, and the bytes they hold.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.pending.len(), self.bytes)
    }

    /// Removes the next datagram that has timed out at `seconds`, or that exceeds a bound. `removed`
    /// says how many were removed for the same fragment.
    pub(super) fn give_up(&mut self, seconds: u64, removed: usize) -> Option<(GivenUp, Datagram)> {
        let (_, oldest) = self.pending.front()?;
        let timed_out = oldest.is_timed_out(seconds);
        let exceeds = self.bytes > MAX_BYTES || self.pending.len() > MAX_DATAGRAMS;
        if !exceeds && (!timed_out || removed >= MAX_TIMEOUTS) {
            return None;
        }
        self.pop_oldest(if timed_out {
            GivenUp::Timeout
        } else {
            GivenUp::Evicted
        })
    }

    /// Removes the datagram with this key if it has timed out, but others before it are still to be
    /// removed.
    pub(super) fn give_up_one(&mut self, key: Key, seconds: u64) -> Option<(GivenUp, Datagram)> {
        let (_, oldest) = self.pending.front()?;
        if !oldest.is_timed_out(seconds) || !self.pending.get(&key)?.is_timed_out(seconds) {
            return None;
        }
        let pending = self.pending.remove(&key)?;
        Some((
            pending.given_up(GivenUp::Timeout),
            self.datagram(key, pending),
        ))
    }

    /// Removes the next incomplete datagram, at the end of a capture.
    pub(super) fn drain(&mut self) -> Option<(GivenUp, Datagram)> {
        self.pop_oldest(GivenUp::Ended)
    }

    /// Takes a buffer back for reuse.
    pub(super) fn recycle(&mut self, payload: Vec<u8>) {
        if self.spare.len() < MAX_SPARE_BUFFERS
            && (1..=MAX_SPARE_BYTES).contains(&payload.capacity())
        {
            self.spare.push(payload);
        }
    }

    /// Removes the oldest datagram, cut at its first hole.
    fn pop_oldest(&mut self, why: GivenUp) -> Option<(GivenUp, Datagram)> {
        let (key, pending) = self.pending.pop_front()?;
        Some((pending.given_up(why), self.datagram(key, pending)))
    }

    fn datagram(&mut self, key: Key, pending: Pending) -> Datagram {
        self.bytes = self.bytes.saturating_sub(pending.memory());
        let spare = &mut self.spare;
        Datagram {
            endpoints: key.endpoints,
            protocol: pending.protocol,
            payload: match pending.content {
                Content::Pieces(pieces) => pieces.join(|| spare.pop().unwrap_or_default()),
                Content::Poisoned | Content::Foreign(_) => Vec::new(),
            },
        }
    }
}

impl Pending {
    fn new(fragment: &Fragment<'_>, buffer: Vec<u8>, seconds: u64) -> Self {
        Self {
            since: seconds,
            protocol: fragment.protocol,
            end: None,
            content: Content::Pieces(Pieces::new(buffer)),
        }
    }

    /// Bytes that the datagram holds.
    fn memory(&self) -> usize {
        match &self.content {
            Content::Pieces(pieces) => pieces.memory(),
            Content::Poisoned | Content::Foreign(_) => 0,
        }
    }

    fn is_timed_out(&self, seconds: u64) -> bool {
        self.since.saturating_add(TIMEOUT_SECONDS) <= seconds
    }

    /// Whether every byte has come.
    fn is_complete(&self) -> bool {
        let filled = match &self.content {
            Content::Pieces(pieces) => pieces.filled(),
            Content::Foreign(filled) => *filled,
            Content::Poisoned => return false,
        };
        self.end.is_some_and(|end| filled >= end)
    }

    /// What it means that the datagram is given up for this reason.
    fn given_up(&self, why: GivenUp) -> GivenUp {
        match &self.content {
            Content::Foreign(_) => GivenUp::Foreign,
            Content::Pieces(pieces) if !pieces.has_first() => GivenUp::Headless,
            Content::Pieces(_) | Content::Poisoned => why,
        }
    }

    /// Adds a fragment.
    fn place(&mut self, fragment: &Fragment<'_>, offset: u16, foreign: bool) -> Placed {
        let end = fragment.offset + fragment.payload.len();
        let last = (!fragment.more).then_some(end);
        if foreign {
            self.content = Content::Foreign(match &self.content {
                Content::Pieces(pieces) => pieces.filled(),
                Content::Foreign(filled) => *filled,
                Content::Poisoned => 0,
            });
        }
        let pieces = match &mut self.content {
            Content::Pieces(pieces) => pieces,
            Content::Poisoned => return Placed::Overlap,
            // One that comes twice ends it too early. What comes then is headless.
            Content::Foreign(filled) => {
                *filled += fragment.payload.len();
                self.end = self.end.or(last);
                return Placed::Foreign;
            }
        };
        let ends_agree = match (self.end, last) {
            (Some(known), Some(last)) => known == last,
            (Some(known), None) => end <= known,
            (None, Some(last)) => pieces.reach() <= last,
            (None, None) => true,
        };
        if !ends_agree || !pieces.add(offset, fragment.payload) {
            if ends_agree && pieces.hold(offset, fragment.payload) {
                return Placed::Duplicate;
            }
            self.content = Content::Poisoned;
            return Placed::Overlap;
        }
        self.end = self.end.or(last);
        if offset == 0 {
            self.protocol = fragment.protocol;
        }
        Placed::Held
    }
}

#[cfg(test)]
mod tests;
