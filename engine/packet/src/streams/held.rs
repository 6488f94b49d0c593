//! Segments that wait behind a gap, in the order of the stream.

use std::collections::BTreeMap;

/// Most bytes that one stream holds behind a gap.
const MAX_HELD_BYTES: usize = 256 << 10;

/// Most segments that one stream holds behind a gap: more than [`MAX_HELD_BYTES`] are in segments
/// of usual size.
const MAX_HELD: usize = 1024;

/// Memory of a segment besides its bytes: its part of a node of the map that is half full, and what
/// the allocator adds.
const SEGMENT_BYTES: usize = 96;

/// The segments that one stream holds. The caller keeps their number and bytes within the bounds.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By the position of their first byte.
    segments: BTreeMap<u64, Waiting>,
    bytes: usize,
}

/// A segment that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) bytes: Box<[u8]>,
    /// Bytes that the snap length has cut off behind these.
    pub(super) cut: usize,
}

impl Waiting {
    /// Length in the stream, in bytes.
    pub(super) fn length(&self) -> usize {
        self.bytes.len() + self.cut
    }

    fn memory(&self) -> usize {
        SEGMENT_BYTES + self.bytes.len()
    }
}

impl Held {
    /// Memory held, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(super) fn exceeds_bound(&self) -> bool {
        self.bytes > MAX_HELD_BYTES || self.segments.len() > MAX_HELD
    }

    /// Holds a segment; false if its place is taken by one at least as long.
    pub(super) fn hold(&mut self, position: u64, bytes: &[u8], cut: usize) -> bool {
        let known = self.segments.get(&position);
        if known.is_some_and(|known| known.length() >= bytes.len() + cut) {
            return false;
        }
        let waiting = Waiting {
            bytes: bytes.into(),
            cut,
        };
        self.bytes += waiting.memory();
        if let Some(shorter) = self.segments.insert(position, waiting) {
            self.bytes = self.bytes.saturating_sub(shorter.memory());
        }
        true
    }

    /// Position of the first segment.
    pub(super) fn first(&self) -> Option<u64> {
        self.segments.first_key_value().map(|(first, _)| *first)
    }

    /// Takes the first segment out if it starts at `next` or before.
    pub(super) fn pop(&mut self, next: u64) -> Option<(u64, Waiting)> {
        let first = self.segments.first_entry()?;
        if *first.key() > next {
            return None;
        }
        let (position, waiting) = first.remove_entry();
        self.bytes = self.bytes.saturating_sub(waiting.memory());
        Some((position, waiting))
    }
}
