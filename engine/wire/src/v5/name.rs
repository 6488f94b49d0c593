//! Names, which may end in a name before.

use core::fmt;

use super::DecodeError;
use crate::cursor::Cursor;
use crate::dns::{MAX_NAME_BYTES, NameError};
use crate::text::NameText;

/// Most pointers that a name leads through: a name of 255 bytes has at most 127 labels.
const MAX_POINTERS: usize = 127;

/// A name of a record, checked; case as received.
///
/// ```text
///   0  1  2  3  4  5  6  7
/// +--+--+--+--+--+--+--+--+
/// | 0  0|     length      |   label: 1 to 63 bytes follow; length 0 is the root and ends the name
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// | 1  1|                distance                 |   pointer: the rest of the name is that many
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+   bytes before this byte
/// ```
///
/// The labels are where they are in the datagram: each iteration follows the pointers again. Two
/// names are equal if their labels are, byte by byte.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    /// The datagram up to the end of the record.
    bytes: &'a [u8],
    at: usize,
    wire_len: u8,
}

/// A step of a name.
enum Step<'a> {
    Label(&'a [u8]),
    Root,
    /// To this offset.
    Pointer(usize),
}

/// The step at an offset, and the offset behind it.
fn step(bytes: &[u8], at: usize) -> Result<(Step<'_>, usize), NameError> {
    let rest = bytes.get(at..).ok_or(NameError::Short)?;
    match *rest {
        [0, ..] => Ok((Step::Root, at + 1)),
        [length @ 1..0x40, ref behind @ ..] => {
            let length = usize::from(length);
            let label = behind.get(..length).ok_or(NameError::Short)?;
            Ok((Step::Label(label), at + 1 + length))
        }
        [0x40..0xc0, ..] => Err(NameError::LabelType),
        [high, low, ..] => {
            let distance = usize::from(u16::from_be_bytes([high & 0x3f, low]));
            let target = at.checked_sub(distance).filter(|target| *target < at);
            Ok((Step::Pointer(target.ok_or(NameError::Short)?), at + 2))
        }
        _ => Err(NameError::Short),
    }
}

impl<'a> Name<'a> {
    /// Reads the name at the cursor. It leads to no byte before `floor`, where records start.
    pub(super) fn parse(cursor: &mut Cursor<'a>, floor: usize) -> Result<Self, DecodeError> {
        let start = cursor.at;
        let invalid = |error| DecodeError::Name { at: start, error };
        let (mut at, mut end, mut pointers, mut length) = (start, None, 0, 0);
        loop {
            let (step, behind) = step(cursor.bytes, at).map_err(invalid)?;
            match step {
                Step::Label(label) => length += 1 + label.len(),
                Step::Root => length += 1,
                Step::Pointer(_) => pointers += 1,
            }
            if length > MAX_NAME_BYTES {
                return Err(invalid(NameError::Long));
            }
            if pointers > MAX_POINTERS {
                return Err(invalid(NameError::Loop));
            }
            at = match step {
                Step::Label(_) => behind,
                Step::Root => {
                    cursor.at = end.unwrap_or(behind);
                    break;
                }
                Step::Pointer(target) if target >= floor => {
                    end = end.or(Some(behind));
                    target
                }
                Step::Pointer(_) => return Err(invalid(NameError::Short)),
            };
        }
        Ok(Self {
            bytes: cursor.bytes,
            at: start,
            wire_len: u8::try_from(length).map_err(|_| invalid(NameError::Long))?,
        })
    }

    /// The labels from left to right, without the root's empty one: none for the root itself.
    #[must_use]
    pub fn labels(&self) -> Labels<'a> {
        Labels {
            bytes: self.bytes,
            at: self.at,
        }
    }

    /// Bytes of the name in wire format without pointers, root label included: 1 to 255.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        usize::from(self.wire_len)
    }

    /// The name in wire format without pointers (RFC 1035, section 3.1), written to `memory`.
    pub fn to_wire<'m>(&self, memory: &'m mut [u8; MAX_NAME_BYTES]) -> &'m [u8] {
        let mut end = 0;
        for label in self.labels() {
            let behind = end + 1 + label.len();
            // Room for the root is left: the name was checked.
            if let Some([length, room @ ..]) = memory.get_mut(end..behind)
                && let Ok(found) = u8::try_from(label.len())
            {
                *length = found;
                room.copy_from_slice(label);
                end = behind;
            }
        }
        if let Some(root) = memory.get_mut(end) {
            *root = 0;
        }
        memory.get(..=end).unwrap_or_default()
    }
}

impl<'a> IntoIterator for Name<'a> {
    type Item = &'a [u8];
    type IntoIter = Labels<'a>;

    fn into_iter(self) -> Labels<'a> {
        self.labels()
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.wire_len == other.wire_len && self.labels().eq(other.labels())
    }
}

impl Eq for Name<'_> {}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", NameText(self.labels()))
    }
}

/// The labels of a [`Name`] from left to right, each as its bytes without the length; an iterator.
#[derive(Clone)]
pub struct Labels<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        // Pointers that follow each other go back, so this ends.
        loop {
            match step(self.bytes, self.at).ok()? {
                (Step::Label(label), behind) => {
                    self.at = behind;
                    return Some(label);
                }
                (Step::Pointer(target), _) => self.at = target,
                (Step::Root, _) => return None,
            }
        }
    }
}

impl core::iter::FusedIterator for Labels<'_> {}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Labels({})", NameText(self.clone()))
    }
}
