//! Fields and parts, read with the error that names them.

use super::{DecodeError, varint};
use crate::cursor::Cursor;

/// The type of a part behind which there is only padding.
pub(super) const PADDING: u8 = 0;

impl<'a> Cursor<'a> {
    /// The next `N` bytes.
    pub(super) fn field<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let at = self.at;
        self.array().ok_or(DecodeError::Cut { at, field })
    }

    /// The next 2 bytes as a number.
    pub(super) fn number(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.field(field).map(u16::from_be_bytes)
    }

    /// The next `len` bytes.
    pub(super) fn bytes(
        &mut self,
        len: usize,
        field: &'static str,
    ) -> Result<&'a [u8], DecodeError> {
        let at = self.at;
        self.take(len).ok_or(DecodeError::Cut { at, field })
    }

    /// The next varint, of at most `most`.
    pub(super) fn varint(&mut self, most: u64, field: &'static str) -> Result<u64, DecodeError> {
        let at = self.at;
        let value = varint::read(self).filter(|value| *value <= most);
        value.ok_or(DecodeError::Value { at, field })
    }

    /// The next varint, as the length of something that is in memory, or has its size in 16 bits.
    pub(super) fn length(&mut self, field: &'static str) -> Result<usize, DecodeError> {
        let at = self.at;
        let length = self.varint(u16::MAX.into(), field)?;
        usize::try_from(length).map_err(|_| DecodeError::Value { at, field })
    }

    /// Whether nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }
}
