//! Bytes of a set, appended one after the other; nothing is written past the room for it.

use super::varint;
use crate::encode::{Draft, SPILL_BYTES};

/// Bytes copied at once where there is room: whole pieces are faster than exact lengths.
const PIECE_BYTES: usize = 32;

const _: () = assert!(SPILL_BYTES >= PIECE_BYTES);

/// Room for a set, and how much of it is written. Every method gives `None` where the room ends
/// before what is written; what is there is then unspecified.
pub(super) struct Writer<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(room: &'a mut [u8]) -> Self {
        Self { room, at: 0 }
    }

    /// Bytes so far.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.at
    }

    /// What is written so far.
    #[inline(always)]
    pub(super) fn written(&self) -> &[u8] {
        self.room.get(..self.at).unwrap_or_default()
    }

    /// Takes back what is behind the first `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.at = self.at.min(len);
    }

    #[inline(always)]
    pub(super) fn array<const N: usize>(&mut self, bytes: [u8; N]) -> Option<()> {
        *self.room.get_mut(self.at..)?.first_chunk_mut()? = bytes;
        self.at += N;
        Some(())
    }

    #[inline(always)]
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at + bytes.len();
        self.room.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }

    /// The first `count` bytes of `from`. Up to a piece behind them may change.
    #[inline(always)]
    pub(super) fn front(&mut self, from: &[u8], count: usize) -> Option<()> {
        let piece = from.first_chunk::<PIECE_BYTES>();
        let room = self.room.get_mut(self.at..)?;
        if count <= PIECE_BYTES
            && let (Some(piece), Some(room)) = (piece, room.first_chunk_mut())
        {
            *room = *piece;
            self.at += count;
            return Some(());
        }
        self.bytes(from.get(..count)?)
    }

    /// An IPv6 address, of which the bytes that it shares with the front of `before` are counted
    /// and not written:
    ///
    /// ```text
    /// shared 1, 0 to 15 | the rest of the address, 16 - shared
    /// ```
    #[inline(always)]
    pub(super) fn ipv6_after(&mut self, before: [u8; 16], address: [u8; 16]) -> Option<()> {
        let address = u128::from_be_bytes(address);
        let differ = (u128::from_be_bytes(before) ^ address).leading_zeros() / 8;
        let shared = differ.min(15);
        self.array([u8::try_from(shared).ok()?])?;
        let rest = (address << (8 * shared)).to_be_bytes();
        self.front(&rest, 16 - usize::try_from(shared).ok()?)
    }

    #[inline(always)]
    pub(super) fn varint(&mut self, value: u64) -> Option<()> {
        let room = self.room.get_mut(self.at..)?;
        let [low, next, ..] = value.to_le_bytes();
        // TTLs and times are mostly of one or two bytes.
        if value < 1 << 7 {
            *room.first_mut()? = low;
            self.at += 1;
        } else if value < 1 << 14 {
            *room.first_chunk_mut()? = [low | 0x80, next << 1 | low >> 7];
            self.at += 2;
        } else {
            self.at += varint::write(value, room)?;
        }
        Some(())
    }

    /// Adds 1 to a byte that was written.
    #[inline(always)]
    pub(super) fn increment(&mut self, at: usize) -> Option<()> {
        let byte = self.room.get_mut(at)?;
        *byte = byte.wrapping_add(1);
        Some(())
    }

    /// Takes 1 from a byte that was written.
    pub(super) fn decrement(&mut self, at: usize) {
        if let Some(byte) = self.room.get_mut(at) {
            *byte = byte.wrapping_sub(1);
        }
    }

    /// Changes bytes that were written.
    #[inline(always)]
    pub(super) fn patch<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> Option<()> {
        *self.room.get_mut(at..)?.first_chunk_mut()? = bytes;
        Some(())
    }
}

/// The bytes of the datagram before `at`, and the room of a [`Draft`] behind.
#[inline(always)]
pub(super) fn split(datagram: &mut [u8], at: usize) -> Option<(&[u8], &mut Draft)> {
    let (before, room) = datagram.split_at_mut_checked(at)?;
    Some((before, room.first_chunk_mut()?))
}
