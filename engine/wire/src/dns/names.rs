//! The names of a message: checked, and written out uncompressed.
//!
//! A response repeats its names through pointers, and whoever answers decides how: a hundred
//! records can each point into the same chain of labels and pointers. So each place of a message is
//! followed once. [`Names`] marks every place that a name leads through, and has the name written
//! out. Another name that leads there takes the rest from where it was written, in one piece. What
//! the names of a message cost therefore grows with the bytes of the message, whatever they are.
//!
//! ```text
//! message | 3 www 7 example 3 com 0 | .. | 3 cdn (to example) | ..   a run is what a name has
//!           \---- run 0 -----------/       \- run 1 ---------/       between two pointers
//! text    | 3 www 7 example 3 com 0 | 3 cdn 7 example 3 com 0 | ..
//! ```

use core::ops::Range;

use super::name::{MAX_NAME_BYTES, NameError};

/// Offsets that a pointer can hold: it has 14 bits (RFC 1035, section 4.1.4).
pub(crate) const POINTABLE: usize = 1 << 14;

/// Most bytes of names, uncompressed, that are taken from one message: the name asked for and its
/// aliases.
///
/// They are the only part of a record that can be larger than the message it came in: a name of 255
/// bytes is repeated by a record of 14. Resolvers follow about a dozen aliases; this is room for 8
/// names of the greatest length, or 40 of 50 bytes.
pub const MAX_NAMES_BYTES: usize = 2048;

/// Most bytes of text for each byte of a message: names that are written out once, however often
/// they are pointed to.
///
/// A name that is short in the message, such as a label and a pointer, can have 255 bytes, and so
/// can each of a hundred. Of 1,301 messages of public captures, none has more than 0.73 bytes for
/// each of its own.
const TEXT_RATIO: usize = 4;

/// Pointers followed in one name; with more, it is taken for a loop.
///
/// A name of 255 bytes has at most 127 labels, so no compression needs more.
const MAX_POINTERS: usize = 127;

/// Bytes that are copied at once, since that is faster than exact lengths.
const PIECE_BYTES: usize = 32;

/// Largest index of a run. There are no more runs than places that pointers hold and names that
/// records have.
const LARGEST_RUN: u32 = u16::MAX as u32;

/// The names of one message, and what is known of the places that they lead through.
///
/// ```text
///   0  1  2  3  4  5  6  7
/// +--+--+--+--+--+--+--+--+
/// | 0  0|     length      |   label: 1 to 63 bytes follow; length 0 is the root and ends the name
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// | 1  1|                 offset                  |   pointer: the rest of the name is there
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// ```
///
/// (RFC 1035, sections 3.1 and 4.1.4.)
#[derive(Debug)]
pub(super) struct Names {
    /// For each offset that a pointer can hold, the last run that has a label, a root or a pointer
    /// there: the number of its message in the upper 16 bits, its index in the lower.
    marks: Box<[u32; POINTABLE]>,
    /// The number of the message, in the upper 16 bits; not 0 while one is read.
    message: u32,
    runs: Vec<Run>,
    /// Every name that is more than a pointer to what was read before, uncompressed; then memory for
    /// the next one.
    text: Vec<u8>,
    /// Bytes of those names, and the most that the message may have.
    filled: usize,
    most_filled: usize,
    /// The names to be exported.
    kept: Vec<NameText>,
    kept_bytes: usize,
    /// Names that would have been too many.
    omitted: usize,
    /// Labels, roots and pointers that were read.
    #[cfg(test)]
    steps: usize,
}

/// Labels one after the other, and the root or pointer behind them.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Its offset in the text minus its offset in the message; wraps.
    moved: usize,
    /// Offset in the text of the end of its name; 0 while the name is being read.
    end: usize,
    /// Pointers that are followed from here on; while the name is being read, before.
    pointers: usize,
}

/// The place of a name in the text. A name that is only a pointer to another has the place of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameText {
    start: u32,
    len: u8,
}

impl NameText {
    #[inline(always)]
    fn at(place: &Range<usize>) -> Result<Self, NameError> {
        Ok(Self {
            start: u32::try_from(place.start).map_err(|_| NameError::Long)?,
            len: u8::try_from(place.len()).map_err(|_| NameError::Long)?,
        })
    }

    /// Bytes of the name in wire format, root label included: 1 to 255.
    #[inline]
    pub(crate) fn wire_len(self) -> usize {
        usize::from(self.len)
    }

    /// The name in wire format. `text` is what it was written to.
    #[inline]
    pub(crate) fn within(self, text: &[u8]) -> &[u8] {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        let rest = text.get(start..).unwrap_or_default();
        rest.get(..self.wire_len()).unwrap_or_default()
    }
}

impl Default for Names {
    fn default() -> Self {
        Self {
            marks: Box::new([0; POINTABLE]),
            message: 0,
            runs: Vec::new(),
            text: Vec::new(),
            filled: 0,
            most_filled: 0,
            kept: Vec::new(),
            kept_bytes: 0,
            omitted: 0,
            #[cfg(test)]
            steps: 0,
        }
    }
}

impl Names {
    /// Forgets the names of the message before. Every name from here on has to be of one message of
    /// `bytes`, at most 65,535, which is given up at its first name that is refused.
    pub(super) fn next_message(&mut self, bytes: usize) {
        self.runs.clear();
        self.filled = 0;
        self.most_filled = TEXT_RATIO * bytes;
        self.kept.clear();
        self.kept_bytes = 0;
        self.omitted = 0;
        self.message = self.message.wrapping_add(1 << 16);
        if self.message == 0 {
            // Numbers start over, and would match the marks of earlier messages.
            self.marks.fill(0);
            self.message = 1 << 16;
        }
    }

    /// Checks the name that starts at `offset`, and returns it and the offset of what follows it,
    /// which is after the first pointer if it has one.
    ///
    /// # Errors
    /// The first error in wire order; but for a name that leads to a place known before, either
    /// [`NameError::Long`] or [`NameError::Loop`] if it exceeds both limits.
    #[inline]
    pub(super) fn read(
        &mut self,
        message: &[u8],
        offset: usize,
    ) -> Result<(NameText, usize), NameError> {
        let (name, behind) = self.find(message, offset)?;
        Ok((NameText::at(&name)?, behind))
    }

    /// As [`read`](Self::read), and keeps the name for export, as far as [`MAX_NAMES_BYTES`] go: the
    /// first name that exceeds them and all after it are omitted.
    #[inline]
    pub(super) fn keep(
        &mut self,
        message: &[u8],
        offset: usize,
    ) -> Result<(NameText, usize), NameError> {
        let (name, behind) = self.read(message, offset)?;
        self.kept_bytes += name.wire_len();
        if self.kept_bytes <= MAX_NAMES_BYTES {
            self.kept.push(name);
        } else {
            self.omitted += 1;
        }
        Ok((name, behind))
    }

    /// Whether no name was kept so far.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The names to be exported, in order, and the text that they are in.
    #[inline]
    pub(super) fn kept(&self) -> (&[NameText], &[u8]) {
        (&self.kept, &self.text)
    }

    /// What all names are in that were read so far.
    #[inline]
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The number of names that were not kept.
    #[inline]
    pub(super) fn omitted(&self) -> usize {
        self.omitted
    }

    /// Where the name that starts at `offset` is in the text, and the offset of what follows it in
    /// the message.
    #[inline]
    fn find(&mut self, message: &[u8], offset: usize) -> Result<(Range<usize>, usize), NameError> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        // Most names are a pointer to one that was read before.
        if let Some(&[high @ 0xc0..=0xff, low]) =
            message.get(offset..).and_then(<[u8]>::first_chunk)
            && let Some(run) = self.known(target(high, low))
            && run.pointers < MAX_POINTERS
        {
            return Ok((run.rest(target(high, low)), offset + 2));
        }
        self.read_anew(message, offset)
    }

    #[inline(never)]
    fn read_anew(
        &mut self,
        message: &[u8],
        offset: usize,
    ) -> Result<(Range<usize>, usize), NameError> {
        let (start, first_run) = (self.filled, self.runs.len());
        let memory = start + MAX_NAME_BYTES + PIECE_BYTES;
        if self.text.len() < memory {
            self.text.resize(2 * memory, 0);
        }
        let (mut cursor, mut behind, mut pointers) = (offset, None, 0);
        let behind = loop {
            if behind.is_some()
                && let Some(run) = self.known(cursor)
            {
                pointers += run.pointers;
                let rest = run.rest(cursor);
                if run.end == 0 || pointers > MAX_POINTERS {
                    // A loop through labels exceeds the length first.
                    let has_labels = self.filled > start;
                    return Err(if has_labels {
                        NameError::Long
                    } else {
                        NameError::Loop
                    });
                }
                if self.filled - start + rest.len() > MAX_NAME_BYTES {
                    return Err(NameError::Long);
                }
                self.repeat(rest);
                break behind.unwrap_or(cursor);
            }
            let from = cursor;
            let most = from + MAX_NAME_BYTES - (self.filled - start);
            cursor = self.labels_end(message, from, most, behind.is_some())?;
            self.runs.push(Run {
                moved: self.filled.wrapping_sub(from),
                end: 0,
                pointers,
            });
            self.write(message.get(from..).unwrap_or_default(), cursor - from);
            match message.get(cursor..) {
                Some([0, ..]) if cursor < most => {
                    self.write(&[0], 1);
                    break behind.unwrap_or(cursor + 1);
                }
                Some([0, ..]) => return Err(NameError::Long),
                Some(&[high @ 0xc0..=0xff, low, ..]) => {
                    behind = behind.or(Some(cursor + 2));
                    cursor = target(high, low);
                    pointers += 1;
                    if pointers > MAX_POINTERS {
                        return Err(NameError::Loop);
                    }
                }
                // A label that an earlier name has led through.
                Some([1..0x40, ..]) => {}
                Some([0x40..0xc0, ..]) => return Err(NameError::LabelType),
                _ => return Err(NameError::Short),
            }
        };
        let end = self.filled;
        if end > self.most_filled {
            return Err(NameError::Excess);
        }
        for run in self.runs.iter_mut().skip(first_run) {
            run.end = end;
            run.pointers = pointers - run.pointers;
        }
        Ok((start..end, behind))
    }

    /// Adds the first `count` bytes to the text. Memory behind them may change.
    #[inline(always)]
    fn write(&mut self, from: &[u8], count: usize) {
        let room = self.text.get_mut(self.filled..).unwrap_or_default();
        if count <= PIECE_BYTES
            && let Some(piece) = from.first_chunk::<PIECE_BYTES>()
            && let Some(room) = room.first_chunk_mut()
        {
            *room = *piece;
        } else if let (Some(from), Some(room)) = (from.get(..count), room.get_mut(..count)) {
            room.copy_from_slice(from);
        }
        self.filled += count;
    }

    /// Adds a part of the text to its end. Memory behind it may change.
    #[inline(always)]
    fn repeat(&mut self, part: Range<usize>) {
        let count = part.len();
        let piece = self.text.get(part.start..).and_then(<[u8]>::first_chunk);
        if count <= PIECE_BYTES
            && let Some(&piece) = piece
        {
            let piece: [u8; PIECE_BYTES] = piece;
            if let Some(room) = self
                .text
                .get_mut(self.filled..)
                .and_then(<[u8]>::first_chunk_mut)
            {
                *room = piece;
            }
        } else {
            self.text.copy_within(part, self.filled);
        }
        self.filled += count;
    }

    /// Marks labels, and what is behind the last one, for the next run. Returns the offset of what
    /// is behind, at most `most`; or, behind a pointer, of the first label that is known.
    #[inline(always)]
    fn labels_end(
        &mut self,
        message: &[u8],
        from: usize,
        most: usize,
        is_pointed_to: bool,
    ) -> Result<usize, NameError> {
        let mark = self.message | u32::try_from(self.runs.len()).map_err(|_| NameError::Loop)?;
        let mut cursor = from;
        loop {
            #[cfg(test)]
            {
                self.steps += 1;
            }
            let byte = *message.get(cursor).ok_or(NameError::Short)?;
            if let Some(place) = self.marks.get_mut(cursor) {
                if is_pointed_to && (*place ^ self.message) <= LARGEST_RUN {
                    return Ok(cursor);
                }
                *place = mark;
            }
            if !(1..0x40).contains(&byte) {
                return Ok(cursor);
            }
            cursor += 1 + usize::from(byte);
            if cursor > most {
                return Err(NameError::Long);
            }
        }
    }

    /// The run that leads through this place of the message.
    #[inline(always)]
    fn known(&self, place: usize) -> Option<Run> {
        let run = *self.marks.get(place)? ^ self.message;
        self.runs.get(usize::try_from(run).ok()?).copied()
    }
}

impl Run {
    /// The rest of its name in the text, from a place in the message on.
    #[inline(always)]
    fn rest(&self, place: usize) -> Range<usize> {
        self.moved.wrapping_add(place)..self.end
    }
}

/// The offset that a pointer of these two bytes holds.
#[inline]
fn target(high: u8, low: u8) -> usize {
    usize::from(high & 0x3f) << 8 | usize::from(low)
}

#[cfg(test)]
mod tests;
