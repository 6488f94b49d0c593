//! Reassembly of IP datagrams.
//!
//! Fragments arrive in any order, repeated, incomplete, or forged. So memory is bounded, and the
//! oldest datagram is evicted when the bound is reached; a datagram waits for at most
//! [`TIMEOUT_SECONDS`] from its first fragment on (RFC 8200, section 4.5); and a datagram whose
//! fragments overlap is dropped together with all further fragments of it (RFC 5722, section 3),
//! for IPv4 as for IPv6. A fragment that repeats another exactly is a duplicate and is ignored.
//!
//! An incomplete datagram is returned up to its first hole: the answers before it are valid.

use dnsflow_wire::response::Endpoints;
use hashlink::LinkedHashMap;

/// Seconds that a datagram waits for its last fragment (RFC 8200, section 4.5).
const TIMEOUT_SECONDS: u64 = 60;

/// Most bytes held, over all incomplete datagrams.
const MAX_BYTES: usize = 4 << 20;

/// Most incomplete datagrams held.
const MAX_DATAGRAMS: usize = 4096;

/// Most fragments of one datagram: 65,535 bytes in the smallest fragments, of 8 bytes (RFC 791,
/// section 3.2).
const MAX_FRAGMENTS: usize = 65_535 / 8;

/// Most buffers kept for reuse.
const MAX_SPARE_BUFFERS: usize = 64;

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
}

#[derive(Debug)]
struct Pending {
    /// When the first fragment arrived, in seconds.
    since: u64,
    protocol: u8,
    bytes: Vec<u8>,
    /// Ranges that have arrived, start and end, in bytes, ascending and disjoint.
    ranges: Vec<(usize, usize)>,
    /// The length of the datagram, known once the last fragment has arrived.
    end: Option<usize>,
    /// Fragments overlapped: all further ones are dropped.
    poisoned: bool,
}

/// The incomplete datagrams of a shard.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    /// In the order in which their first fragments arrived.
    pending: LinkedHashMap<Key, Pending>,
    /// Bytes held, over all datagrams.
    bytes: usize,
    /// Empty buffers for reuse.
    spare: Vec<Vec<u8>>,
}

impl Fragments {
    /// Adds a fragment that arrived at `seconds`, since any fixed time.
    pub(super) fn place(&mut self, fragment: &Fragment<'_>, seconds: u64) -> Placed {
        let length = fragment.payload.len();
        let end = fragment.offset + length;
        let odd = fragment.more && !length.is_multiple_of(8);
        if length == 0 || odd || end > MAX_PAYLOAD_BYTES {
            return Placed::Damaged;
        }
        let mut before = None;
        let spare = &mut self.spare;
        let pending = self.pending.entry(fragment.key).or_insert_with(|| {
            // The capacity of a reused buffer is not counted yet.
            before = Some(0);
            Pending {
                since: seconds,
                protocol: fragment.protocol,
                bytes: spare.pop().unwrap_or_default(),
                ranges: Vec::new(),
                end: None,
                poisoned: false,
            }
        });
        let before = before.unwrap_or_else(|| pending.memory());
        let placed = pending.place(fragment, end);
        self.bytes = (self.bytes + pending.memory()).saturating_sub(before);
        match placed {
            Placed::Held
                if self
                    .pending
                    .get(&fragment.key)
                    .is_some_and(Pending::is_whole) =>
            {
                self.pending
                    .remove(&fragment.key)
                    .map_or(Placed::Held, |whole| {
                        Placed::Whole(self.datagram(fragment.key, whole))
                    })
            }
            placed => placed,
        }
    }

    /// Number of incomplete datagrams, and the bytes they hold.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.pending.len(), self.bytes)
    }

    /// Removes the next datagram that has timed out at `seconds`, or that exceeds a bound.
    pub(super) fn give_up(&mut self, seconds: u64) -> Option<(GivenUp, Datagram)> {
        let (_, oldest) = self.pending.front()?;
        let why = if oldest.since.saturating_add(TIMEOUT_SECONDS) <= seconds {
            GivenUp::Timeout
        } else if self.bytes > MAX_BYTES || self.pending.len() > MAX_DATAGRAMS {
            GivenUp::Evicted
        } else {
            return None;
        };
        self.pop_oldest().map(|datagram| (why, datagram))
    }

    /// Removes the next incomplete datagram, at the end of a capture.
    pub(super) fn drain(&mut self) -> Option<(GivenUp, Datagram)> {
        self.pop_oldest().map(|datagram| (GivenUp::Ended, datagram))
    }

    /// Takes a buffer back for reuse.
    pub(super) fn recycle(&mut self, mut payload: Vec<u8>) {
        if self.spare.len() < MAX_SPARE_BUFFERS {
            payload.clear();
            self.spare.push(payload);
        }
    }

    /// Removes the oldest datagram, cut at its first hole.
    fn pop_oldest(&mut self) -> Option<Datagram> {
        let (key, mut pending) = self.pending.pop_front()?;
        let reach = match pending.ranges.first() {
            Some((0, end)) if !pending.poisoned => *end,
            _ => 0,
        };
        pending.bytes.truncate(reach);
        Some(self.datagram(key, pending))
    }

    fn datagram(&mut self, key: Key, mut pending: Pending) -> Datagram {
        self.bytes = self.bytes.saturating_sub(pending.memory());
        if let Some(end) = pending.end {
            pending.bytes.truncate(end);
        }
        Datagram {
            endpoints: key.endpoints,
            protocol: pending.protocol,
            payload: pending.bytes,
        }
    }
}

impl Pending {
    /// Bytes that the datagram holds.
    fn memory(&self) -> usize {
        self.bytes.capacity() + self.ranges.capacity() * size_of::<(usize, usize)>()
    }

    /// Adds a fragment that ends at offset `end` of the datagram.
    fn place(&mut self, fragment: &Fragment<'_>, end: usize) -> Placed {
        if self.poisoned {
            return Placed::Overlap;
        }
        let start = fragment.offset;
        let at = self.ranges.partition_point(|(from, _)| *from < start);
        let free_before = at == 0 || self.ranges[at - 1].1 <= start;
        let free_behind = self.ranges.get(at).is_none_or(|(from, _)| *from >= end);
        let last = (!fragment.more).then_some(end);
        let ends_agree = match (self.end, last) {
            (Some(known), Some(last)) => known == last,
            (Some(known), None) => end <= known,
            (None, Some(last)) => self.ranges.last().is_none_or(|(_, reach)| *reach <= last),
            (None, None) => true,
        };
        if !(free_before && free_behind && ends_agree) {
            let same = ends_agree && self.bytes.get(start..end) == Some(fragment.payload);
            if same
                && self
                    .ranges
                    .iter()
                    .any(|(from, reach)| *from <= start && end <= *reach)
            {
                return Placed::Duplicate;
            }
            self.poison();
            return Placed::Overlap;
        }
        if self.ranges.len() == MAX_FRAGMENTS {
            self.poison();
            return Placed::Overlap;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[start..end].copy_from_slice(fragment.payload);
        self.ranges.insert(at, (start, end));
        self.join(at);
        self.end = self.end.or(last);
        if start == 0 {
            self.protocol = fragment.protocol;
        }
        Placed::Held
    }

    /// Merges the range at `at` with its neighbours where they touch.
    fn join(&mut self, at: usize) {
        if at + 1 < self.ranges.len() && self.ranges[at].1 == self.ranges[at + 1].0 {
            self.ranges[at].1 = self.ranges[at + 1].1;
            self.ranges.remove(at + 1);
        }
        if at > 0 && self.ranges[at - 1].1 == self.ranges[at].0 {
            self.ranges[at - 1].1 = self.ranges[at].1;
            self.ranges.remove(at);
        }
    }

    fn is_whole(&self) -> bool {
        self.end
            .is_some_and(|end| self.ranges.as_slice() == [(0, end)])
    }

    /// Drops the bytes, and all further fragments of the datagram.
    fn poison(&mut self) {
        self.poisoned = true;
        self.bytes = Vec::new();
        self.ranges = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key {
        endpoints: Endpoints::V4 {
            client: [192, 0, 2, 1],
            resolver: [192, 0, 2, 53],
        },
        identification: 7,
        protocol: 17,
    };

    fn fragment(offset: usize, payload: &[u8], more: bool) -> Fragment<'_> {
        Fragment {
            key: KEY,
            protocol: 17,
            offset,
            more,
            payload,
        }
    }

    fn datagram(payload: &[u8]) -> Datagram {
        Datagram {
            endpoints: KEY.endpoints,
            protocol: 17,
            payload: payload.to_vec(),
        }
    }

    #[test]
    fn any_order() {
        let payload: Vec<u8> = (0..40).collect();
        let parts = [(0, 16, true), (16, 32, true), (32, 40, false)];
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut fragments = Fragments::default();
            for (count, index) in order.into_iter().enumerate() {
                let (from, to, more) = parts[index];
                let placed = fragments.place(&fragment(from, &payload[from..to], more), 0);
                let expected = if count == 2 {
                    Placed::Whole(datagram(&payload))
                } else {
                    Placed::Held
                };
                assert_eq!(placed, expected, "{order:?}");
            }
            assert!(fragments.drain().is_none());
            assert_eq!(fragments.bytes, 0);
        }
    }

    #[test]
    fn duplicates_are_ignored_and_overlaps_drop_the_datagram() {
        let mut fragments = Fragments::default();
        assert_eq!(
            fragments.place(&fragment(0, &[1; 16], true), 0),
            Placed::Held
        );
        assert_eq!(
            fragments.place(&fragment(0, &[1; 16], true), 0),
            Placed::Duplicate
        );
        assert_eq!(
            fragments.place(&fragment(16, &[2; 3], false), 0),
            Placed::Whole(datagram(&[&[1_u8; 16][..], &[2; 3]].concat()))
        );
        assert_eq!(
            fragments.place(&fragment(0, &[1; 16], true), 0),
            Placed::Held
        );
        assert_eq!(
            fragments.place(&fragment(8, &[1; 16], true), 0),
            Placed::Overlap
        );
        assert_eq!(
            fragments.place(&fragment(16, &[2; 3], false), 0),
            Placed::Overlap
        );
        assert_eq!(fragments.drain(), Some((GivenUp::Ended, datagram(&[]))));
    }

    #[test]
    fn different_bytes_at_one_offset_are_an_overlap() {
        let mut fragments = Fragments::default();
        assert_eq!(
            fragments.place(&fragment(0, &[1; 16], true), 0),
            Placed::Held
        );
        assert_eq!(
            fragments.place(&fragment(0, &[9; 16], true), 0),
            Placed::Overlap
        );
    }

    #[test]
    fn conflicting_ends_are_an_overlap() {
        let mut fragments = Fragments::default();
        assert_eq!(
            fragments.place(&fragment(16, &[1; 8], false), 0),
            Placed::Held
        );
        assert_eq!(
            fragments.place(&fragment(24, &[1; 8], false), 0),
            Placed::Overlap
        );
    }

    #[test]
    fn invalid_offsets_and_lengths_are_damaged() {
        let mut fragments = Fragments::default();
        assert_eq!(fragments.place(&fragment(0, &[], true), 0), Placed::Damaged);
        assert_eq!(
            fragments.place(&fragment(0, &[1; 15], true), 0),
            Placed::Damaged
        );
        assert_eq!(
            fragments.place(&fragment(65_528, &[1; 8], false), 0),
            Placed::Damaged
        );
    }

    #[test]
    fn timeout_returns_the_datagram_up_to_its_first_hole() {
        let mut fragments = Fragments::default();
        fragments.place(&fragment(0, &[1; 16], true), 100);
        fragments.place(&fragment(24, &[3; 8], true), 101);
        assert!(fragments.give_up(159).is_none());
        assert_eq!(
            fragments.give_up(160),
            Some((GivenUp::Timeout, datagram(&[1; 16])))
        );
        assert!(fragments.give_up(160).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let mut fragments = Fragments::default();
        let mut evicted = 0;
        for identification in 0..1000 {
            let key = Key {
                identification,
                ..KEY
            };
            fragments.place(
                &Fragment {
                    key,
                    ..fragment(60_000, &[1; 8], true)
                },
                0,
            );
            while let Some((why, given)) = fragments.give_up(0) {
                assert_eq!(why, GivenUp::Evicted);
                fragments.recycle(given.payload);
                evicted += 1;
            }
            assert!(fragments.bytes <= MAX_BYTES);
        }
        assert!(evicted > 900);
    }
}
