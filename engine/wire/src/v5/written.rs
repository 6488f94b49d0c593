//! Names of a message, and where the datagram has them.

use super::suffixes::{KEPT_LABELS, Suffixes, Tail};
use super::writer::Writer;
use crate::dns::POINTABLE;

/// Labels of a name of which the offsets are known, counted from its end. A power of two too.
pub(super) const MAX_STARTS: usize = 8;

/// The message and the memory of the datagram before the record.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) message: &'a [u8],
    pub(super) written: &'a [u8],
}

/// A name that was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    /// Its offset in the message, and that of the first byte which is not written here, since the
    /// datagram has it already.
    pub(super) start: usize,
    pub(super) cut: usize,
    /// Where it is.
    pub(super) place: Place,
    /// What is from `cut` on: offsets in the message, and places.
    pub(super) tail: [(usize, Place); KEPT_LABELS],
    pub(super) tail_count: usize,
}

/// A name, or the end of one, in the datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: usize,
    /// Its bytes without compression.
    pub(super) bytes: usize,
}

impl Written {
    /// Looks up the end of a name of `count` labels, of which `starts` has the last ones; returns
    /// where the datagram has it, or the root. `moved` is how much further behind the name is written
    /// than read; it wraps.
    #[inline(always)]
    pub(super) fn end(
        &mut self,
        source: Source<'_>,
        count: usize,
        starts: &[usize; MAX_STARTS],
        moved: usize,
        known: (&mut Suffixes, &Writer<'_>),
    ) -> usize {
        let Source { message, written } = source;
        let (suffixes, out) = known;
        let mut tail = Tail::new(count, self.cut.wrapping_add(moved));
        let mut bytes = 1;
        while let Some(label) = tail.label() {
            let start = starts[label % MAX_STARTS];
            let text = message.get(start..).unwrap_or_default();
            let offset = start.wrapping_add(moved);
            if !tail.next(text, offset, suffixes, written, out) {
                continue;
            }
            bytes += 1 + text.first().map_or(0, |length| usize::from(*length));
            self.cut = start;
            let place = Place {
                offset: tail.known,
                bytes,
            };
            if let Some(slot) = self.tail.get_mut(self.tail_count) {
                *slot = (start, place);
                self.tail_count += 1;
            }
        }
        tail.known
    }

    /// The place of what follows from this offset of the message on, which is that of a label of the
    /// name.
    #[inline(always)]
    pub(super) fn place_from(&self, offset: usize) -> Option<Place> {
        if offset < self.cut || self.tail_count == 0 {
            let before = offset.wrapping_sub(self.start);
            return Some(Place {
                offset: self.place.offset.wrapping_add(before),
                bytes: self.place.bytes.wrapping_sub(before),
            });
        }
        let tail = self.tail.iter().take(self.tail_count);
        tail.copied()
            .find_map(|(read, place)| (read == offset).then_some(place))
    }
}

/// Skips labels, and marks the offset of each. Returns the offset of the first byte that is no
/// label, and how many there were; `starts` has the offset of label `n` at `n` modulo its length. A
/// function of its own, so that the loop's variables stay in registers.
#[inline(never)]
pub(super) fn labels_end(
    message: &[u8],
    mut read: usize,
    marks: &mut [u32; POINTABLE],
    mark: u32,
    starts: &mut [usize; MAX_STARTS],
) -> (usize, usize) {
    let mut count = 0;
    while let Some(byte @ 1..0x40) = message.get(read) {
        marks[read % POINTABLE] = mark;
        starts[count % MAX_STARTS] = read;
        read += 1 + usize::from(*byte);
        count += 1;
    }
    (read, count)
}
