//! Names that were written to a datagram, found again by their ends: the rest of a name behind one
//! of its labels is a *suffix*, and one that recurs is written as a pointer.
//!
//! A suffix is its first label and the suffix behind that. So it is known by the bytes of one label
//! and the place of the other suffix, and names are looked up label by label, from the root on, as
//! far as they are known.
//!
//! ```text
//! www.example.com   com behind the root? at 70   example behind 70? at 62   www behind 62? no
//! ```

use super::head::MAX_DISTANCE;
use super::writer::Writer;

/// Slots: a datagram of 1,472 bytes has about 100 different suffixes.
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 10;

/// Most labels of a name, from the root, that are kept: names that recur share their ends.
pub(super) const KEPT_LABELS: usize = 4;

/// The suffix of no label.
pub(super) const ROOT: usize = 0;

/// Most suffixes that one set adds.
const MAX_ADDED: usize = 64;

/// Where a suffix is, and what it is.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The number of the datagram that it is in.
    datagram: u32,
    /// Offset in the datagram of its first label.
    offset: u16,
    /// The suffix behind that label: its offset, or [`ROOT`].
    behind: u16,
}

/// The suffixes of the datagram that is being filled, and of the set that is being written.
#[derive(Debug)]
pub(super) struct Suffixes {
    slots: Box<[Slot; SLOTS]>,
    datagram: u32,
    /// The slots of those that the present set has added.
    added: [u16; MAX_ADDED],
    count: usize,
    key: u64,
}

impl Suffixes {
    /// `key` is not known to those who choose names, so that they can't have all of them share a
    /// slot.
    pub(super) fn new(key: u64) -> Self {
        Self {
            slots: Box::new([Slot::default(); SLOTS]),
            datagram: 1,
            added: [0; MAX_ADDED],
            count: 0,
            key: key | 1,
        }
    }

    /// Forgets everything: another datagram begins.
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.datagram = self.datagram.wrapping_add(1);
        if self.datagram == 0 {
            // Numbers start over, and would match slots of earlier datagrams.
            self.slots.fill(Slot::default());
            self.datagram = 1;
        }
    }

    /// Starts a set. What the one before has added is forgotten, unless it was kept.
    #[inline(always)]
    pub(super) fn start_set(&mut self) {
        if self.count > 0 {
            self.take_back();
        }
    }

    #[inline(never)]
    fn take_back(&mut self) {
        for index in self.added.iter().take(self.count) {
            self.slots[usize::from(*index) % SLOTS] = Slot::default();
        }
        self.count = 0;
    }

    /// Keeps what the present set has added.
    #[inline(always)]
    pub(super) fn keep(&mut self) {
        self.count = 0;
    }

    /// The slot of the suffix that starts with the label at the front of `text`, before the suffix
    /// `behind`: by the label's length and up to 8 bytes of its front and 8 of its end. `None` where
    /// memory ends too soon to read that.
    #[inline(always)]
    pub(super) fn slot(&self, text: &[u8], behind: usize) -> Option<usize> {
        let front = u64::from_le_bytes(*text.first_chunk()?);
        let bytes = 1 + usize::from(text[0]);
        let word = if bytes <= 8 {
            front << (64 - 8 * bytes)
        } else {
            let end = u64::from_le_bytes(*text.get(bytes - 8..)?.first_chunk()?);
            front ^ end.rotate_left(29)
        };
        let behind = u64::try_from(behind).ok()?;
        let mixed = (word ^ behind).wrapping_mul(self.key);
        usize::try_from(mixed >> (64 - SLOT_BITS)).ok()
    }

    /// The offset of that suffix, if the datagram has it. `written` is the datagram before the set,
    /// and `set` what is written of that.
    #[inline(always)]
    pub(super) fn find(
        &self,
        slot: usize,
        text: &[u8],
        behind: usize,
        written: &[u8],
        set: &Writer<'_>,
    ) -> Option<usize> {
        let slot = self.slots[slot % SLOTS];
        if slot.datagram != self.datagram || usize::from(slot.behind) != behind {
            return None;
        }
        let offset = usize::from(slot.offset);
        let there = match written.get(offset..) {
            Some(there @ [_, ..]) => there,
            _ => set.written().get(offset.checked_sub(written.len())?..)?,
        };
        is_same_label(text, there)?.then_some(offset)
    }

    /// Adds that suffix, written to `offset`.
    #[inline(always)]
    pub(super) fn add(&mut self, slot: usize, behind: usize, offset: usize) {
        if let (Ok(behind), Ok(offset)) = (u16::try_from(behind), u16::try_from(offset))
            && let Some(added) = self.added.get_mut(self.count)
        {
            *added = u16::try_from(slot % SLOTS).unwrap_or(0);
            self.count += 1;
            self.slots[slot % SLOTS] = Slot {
                datagram: self.datagram,
                offset,
                behind,
            };
        }
    }
}

/// The last labels of a name, looked up from the root on. What the datagram does not have is added.
#[derive(Debug)]
pub(super) struct Tail {
    /// The label to look up next is the one before.
    next: usize,
    floor: usize,
    /// Offset at which the name ends, if nothing of it is known.
    end: usize,
    /// The first label that is known with all behind it, and where; the number of labels and
    /// [`ROOT`] if there is none.
    pub(super) cut: usize,
    pub(super) known: usize,
    /// The suffix behind the next label, and whether it and all behind it were known before.
    behind: usize,
    is_known: bool,
}

impl Tail {
    /// Of a name of so many labels, which would end at this offset of the datagram.
    #[inline(always)]
    pub(super) fn new(labels: usize, end: usize) -> Self {
        Self {
            next: labels,
            floor: labels.saturating_sub(KEPT_LABELS),
            end,
            cut: labels,
            known: ROOT,
            behind: ROOT,
            is_known: true,
        }
    }

    /// The label to look up next; `None` once all are.
    #[inline(always)]
    pub(super) fn label(&mut self) -> Option<usize> {
        (self.next > self.floor).then(|| self.next - 1)
    }

    /// Looks up that label, which starts at the front of `text`, and is written to `offset` unless it
    /// is known. Returns whether it is; if not, it is added, and so are those before it.
    #[inline(always)]
    pub(super) fn next(
        &mut self,
        text: &[u8],
        offset: usize,
        suffixes: &mut Suffixes,
        written: &[u8],
        set: &Writer<'_>,
    ) -> bool {
        self.next -= 1;
        let Some(slot) = suffixes.slot(text, self.behind) else {
            // Nothing before it can be known.
            self.next = self.floor;
            return false;
        };
        if self.is_known {
            match suffixes.find(slot, text, self.behind, written, set) {
                Some(found) if self.end <= found + usize::from(MAX_DISTANCE) => {
                    (self.cut, self.known, self.behind) = (self.next, found, found);
                    return true;
                }
                _ => self.is_known = false,
            }
        }
        suffixes.add(slot, self.behind, offset);
        self.behind = offset;
        false
    }
}

/// Whether both start with the same label.
#[inline(always)]
fn is_same_label(one: &[u8], other: &[u8]) -> Option<bool> {
    let bytes = 1 + usize::from(*one.first()?);
    let word = |text: &[u8], at: usize| {
        let word = text.get(at..)?.first_chunk()?;
        Some(u64::from_le_bytes(*word))
    };
    match bytes {
        // The end of a label is read with its front, or with bytes that were compared.
        ..=8 => {
            let (Some(one), Some(other)) = (word(one, 0), word(other, 0)) else {
                return Some(one.get(..bytes)? == other.get(..bytes)?);
            };
            Some((one ^ other) << (64 - 8 * bytes) == 0)
        }
        9..=16 => {
            let front = word(one, 0)? ^ word(other, 0)?;
            let end = word(one, bytes - 8)? ^ word(other, bytes - 8)?;
            Some(front | end == 0)
        }
        _ => Some(one.get(..bytes)? == other.get(..bytes)?),
    }
}
