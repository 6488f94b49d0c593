//! Statistics, written and read: counters with names.

use super::{DecodeError, varint};
use crate::cursor::Cursor;

/// Longest name of a counter, in bytes.
const MAX_NAME_BYTES: usize = 63;

/// One counter of a sender, counted since the start of its stream.
///
/// ```text
/// length 1 | name | value
/// ```
///
/// `value` is a varint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter<'a> {
    /// Its name: 1 to 63 lower case letters, digits and underscores.
    pub name: &'a str,
    /// Its value.
    pub value: u64,
}

impl<'a> Counter<'a> {
    /// Writes the counter to the front of `out`. Returns how many bytes that took; `None` if `out` is
    /// shorter, or the name is none.
    pub fn write(&self, out: &mut [u8]) -> Option<usize> {
        let name = checked(self.name.as_bytes())?;
        let (length, behind) = out.split_first_mut()?;
        let (room, behind) = behind.split_at_mut_checked(name.len())?;
        let value = varint::write(self.value, behind)?;
        *length = u8::try_from(name.len()).ok()?;
        room.copy_from_slice(name.as_bytes());
        Some(1 + name.len() + value)
    }

    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, DecodeError> {
        let (at, field) = (cursor.at, "name of a counter");
        let [length] = cursor.field(field)?;
        let name = checked(cursor.bytes(length.into(), field)?);
        Ok(Self {
            name: name.ok_or(DecodeError::Value { at, field })?,
            value: cursor.varint(u64::MAX, "counter")?,
        })
    }
}

/// The name that these bytes are.
fn checked(name: &[u8]) -> Option<&str> {
    let is_allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    let is_name = (1..=MAX_NAME_BYTES).contains(&name.len()) && name.iter().all(is_allowed);
    core::str::from_utf8(name).ok().filter(|_| is_name)
}

/// The counters of a datagram, in order; an iterator that ends after the first error.
#[derive(Clone, Debug)]
pub struct Counters<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) left: u16,
}

impl<'a> Iterator for Counters<'a> {
    type Item = Result<Counter<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let count = self.left;
        self.left = count.checked_sub(1)?;
        let counter = if self.cursor.is_at_end() {
            let at = self.cursor.at;
            Err(DecodeError::Missing { at, count })
        } else {
            Counter::parse(&mut self.cursor)
        };
        if counter.is_err() {
            self.left = 0;
        }
        Some(counter)
    }
}

impl core::iter::FusedIterator for Counters<'_> {}
