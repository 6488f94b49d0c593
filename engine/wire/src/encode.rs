//! The seam between responses and the format in which a stream exports them.
//!
//! A format says how a response becomes *sets*, and how sets and statistics become datagrams.
//! Whoever exports fills datagrams by [`Encode`] alone, and so knows none of the formats. There are
//! two ways to a set. [`Encode::transcribe`] makes it of a message in one pass, without a look at
//! the message before; [`Encode::parts`] makes it of a [`Response`] that was read, and splits what
//! is too large for one.

use core::marker::PhantomData;

use crate::dns::MessageReject;
use crate::response::{Endpoints, Response};
use crate::v4::Stats;

/// Largest set that [`Encode::transcribe`] writes, in bytes. A larger one takes the slow path.
pub const MAX_TRANSCRIPT_BYTES: usize = 508;

/// Bytes after a set that writing it may change: whole pieces are copied faster than exact lengths.
pub const SPILL_BYTES: usize = 64;

/// Memory for one set and what copies write past its end. The bytes after the set are unspecified.
pub type Draft = [u8; MAX_TRANSCRIPT_BYTES + SPILL_BYTES];

/// A format of records, from the side that writes them.
pub trait Encode {
    /// Bytes of a datagram before its first set.
    const HEADER_BYTES: usize;

    /// Sets that one datagram can count.
    const MAX_SETS: u8;

    /// Writes the set of a unicast message that came whole to the front of `draft`, in one pass.
    ///
    /// Returns the size of the set in bytes, at most [`MAX_TRANSCRIPT_BYTES`], or why the message
    /// gives none; `None` if the message does not qualify for the fast path. Only in the first case
    /// is the content of `draft` specified, as far as the set goes.
    fn transcribe(
        &mut self,
        message: &[u8],
        endpoints: &Endpoints,
        draft: &mut Draft,
    ) -> Option<Result<usize, MessageReject>>;

    /// Splits a response into sets of at most `room` bytes; nearly always it is one. They say the
    /// same as the set of [`Encode::transcribe`] does, where there is one.
    fn parts<'a>(
        response: &'a Response<'a>,
        room: usize,
    ) -> impl Iterator<Item = impl EncodePart + use<'a, Self>>;

    /// Writes the header of a datagram of `sets` sets to the front of `datagram`, which has at
    /// least [`Encode::HEADER_BYTES`].
    fn write_header(sets: u8, sequence: u32, datagram: &mut [u8]);

    /// Writes a datagram of statistics to the front of `out` and returns its size in bytes; 0, and
    /// nothing written, if `out` is too short.
    fn write_stats(stats: &Stats, sequence: u32, out: &mut [u8]) -> usize;

    /// Appends a set that was written as a line of [`text`](crate::text), whose record was captured
    /// at `time`, counted from 1970-01-01 00:00 UTC.
    fn write_line(set: &[u8], time: core::time::Duration, out: &mut String);
}

/// A set that is about to be written.
pub trait EncodePart {
    /// Bytes of the set.
    fn size(&self) -> usize;

    /// Writes the set to the front of `out`.
    ///
    /// # Panics
    /// If `out` is shorter than the set.
    fn write(&self, out: &mut [u8]);
}

/// A datagram that is being built in the format of `E`: how many bytes of its memory are filled,
/// and by how many sets.
///
/// The memory is the caller's, so that many datagrams can be side by side and one system call sends
/// them, and is passed to each call. It has to be the same, and must not change, from the first set
/// to [`finish`](Self::finish). Its length is the size limit of the datagram. The builder knows
/// neither sockets nor streams: the caller gives the sequence number.
#[derive(Debug)]
pub struct Builder<E> {
    filled: usize,
    sets: u8,
    format: PhantomData<fn() -> E>,
}

impl<E> Default for Builder<E> {
    fn default() -> Self {
        Self {
            filled: 0,
            sets: 0,
            format: PhantomData,
        }
    }
}

impl<E: Encode> Builder<E> {
    /// Appends a set to the datagram in `memory`. Returns false, and writes nothing, if the set
    /// does not [fit](Self::fits).
    pub fn push(&mut self, part: &impl EncodePart, memory: &mut [u8]) -> bool {
        let room = self.room(part.size(), memory);
        room.map(|room| part.write(room)).is_some()
    }

    /// Appends a set that was encoded before, by [`EncodePart::write`]
    /// or [`Encode::transcribe`], like [`push`](Self::push).
    pub fn push_encoded(&mut self, set: &[u8], memory: &mut [u8]) -> bool {
        let room = self.room(set.len(), memory);
        room.map(|room| room.copy_from_slice(set)).is_some()
    }

    /// The memory of one more set, counted as filled.
    fn room<'m>(&mut self, size: usize, memory: &'m mut [u8]) -> Option<&'m mut [u8]> {
        if !self.fits(size, memory.len()) {
            return None;
        }
        let start = self.next();
        self.wrote(size);
        memory.get_mut(start..start + size)
    }

    /// Whether a set of `set` bytes can be appended to a datagram whose memory has `memory` bytes:
    /// it has room, and fewer than [`Encode::MAX_SETS`] sets.
    #[inline]
    #[must_use]
    pub fn fits(&self, set: usize, memory: usize) -> bool {
        self.sets < E::MAX_SETS && self.next() + set <= memory
    }

    /// Offset in the memory of the next set: [`Encode::HEADER_BYTES`] in an empty datagram.
    #[inline]
    #[must_use]
    pub fn next(&self) -> usize {
        self.filled.max(E::HEADER_BYTES)
    }

    /// Counts a set of `size` bytes that the caller wrote at [`next`](Self::next), without a copy.
    /// The set must [fit](Self::fits).
    #[inline]
    pub fn wrote(&mut self, size: usize) {
        self.filled = self.next() + size;
        self.sets += 1;
    }

    /// Whether the datagram has no set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets == 0
    }

    /// Bytes of the datagram so far, header included; 0 without a set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Writes the header, with `sequence` as the datagram's number in its stream, and starts over.
    /// Returns the length of the finished datagram in bytes.
    ///
    /// Returns 0 and writes nothing if the datagram has no set, or if `memory` is shorter than the
    /// datagram, and so is not the memory that its sets were written to.
    pub fn finish(&mut self, sequence: u32, memory: &mut [u8]) -> usize {
        let done = core::mem::take(self);
        match memory.get_mut(..done.filled) {
            Some(datagram) if done.sets > 0 => {
                E::write_header(done.sets, sequence, datagram);
                done.filled
            }
            _ => 0,
        }
    }
}
