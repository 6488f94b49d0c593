//! The seam between responses and the format in which a stream exports them.
//!
//! A format says how a response becomes *sets*, and how sets and statistics become datagrams.
//! Whoever exports fills datagrams by [`Encode`] alone, and so knows none of the formats. There are
//! two ways to a set. [`Encode::transcribe`] makes it of a message in one pass, without a look at
//! the message before; [`Encode::next_part`] makes it of a [`Response`] that was read, and splits
//! what is too large for one.
//!
//! In some formats a set means the same wherever it stands; in others it refers to what stands
//! before it in its datagram ([`Encode::IS_MOVABLE`]). Of those a set that has no room any more is
//! written once again, into the next datagram.

use crate::dns::{MessageReject, Rules};
use crate::response::{Envelope, Response, Timestamp};

/// Largest set that [`Encode::transcribe`] writes, in bytes. A larger one takes the slow path.
pub const MAX_TRANSCRIPT_BYTES: usize = 508;

/// Bytes after a set that writing it may change: whole pieces are copied faster than exact lengths.
pub const SPILL_BYTES: usize = 64;

/// Memory for one set and what copies write past its end. The bytes after the set are unspecified.
pub type Draft = [u8; MAX_TRANSCRIPT_BYTES + SPILL_BYTES];

/// What a sender counts, since its stream started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats<'a> {
    /// Packets that passed the capture filter and were looked at.
    pub captured: u64,
    /// Packets that the kernel gave to the capture.
    pub received: u64,
    /// Packets that the kernel dropped since its buffer was full.
    pub dropped: u64,
    /// Packets that the interfaces dropped.
    pub if_dropped: u64,
    /// N if one of N packets is kept, 0 if all are.
    pub sample_rate: u32,
    /// When they were taken.
    pub at: Timestamp,
    /// Everything else that is counted, by names of lower case letters, digits and underscores.
    pub others: &'a [(&'static str, u64)],
}

/// The datagram has no room for the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// A format of records, from the side that writes them.
///
/// Sets are written into the memory of the datagram that is being filled: `datagram` is that memory
/// from its first byte on, and `at` the offset of the set in it, which is at least
/// [`Encode::header_bytes`].
pub trait Encode {
    /// Whether a set means the same in any datagram, and at any place in it. Sizes of such sets are
    /// multiples of 4.
    const IS_MOVABLE: bool;

    /// Sets that one datagram can count.
    const MAX_SETS: usize;

    /// Bytes that any set has at least: where fewer are left in a datagram, it is full.
    const MIN_SET_BYTES: usize;

    /// What is left of a response that is being split.
    type Parts<'a>;

    /// Bytes of a datagram before its first set. They change only between two datagrams.
    fn header_bytes(&self) -> usize;

    /// Writes the set of a unicast message that came whole, in one pass. Behind `at` is memory for
    /// a [`Draft`], of which the set fills the front.
    ///
    /// Returns the size of the set in bytes, at most [`MAX_TRANSCRIPT_BYTES`], or why the message
    /// gives none; `None` if the message does not qualify for the fast path. Only in the first case
    /// are the bytes behind `at` specified, as far as the set goes.
    fn transcribe(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
        datagram: &mut [u8],
        at: usize,
    ) -> Option<Result<usize, MessageReject>>;

    /// The sets of a response, of at most `room` bytes each; nearly always it is one. They say the
    /// same as the set of [`Encode::transcribe`] does, where there is one.
    fn parts<'a>(&self, response: &'a Response<'a>, room: usize) -> Self::Parts<'a>;

    /// Writes the next set of a response. Returns its size in bytes; `None` if there is no more.
    ///
    /// # Errors
    /// [`NoRoom`], with nothing taken from `parts`, if `datagram` ends before the set does. That
    /// does not happen in a datagram without sets that has the room which the parts were made for.
    fn next_part(
        &mut self,
        parts: &mut Self::Parts<'_>,
        datagram: &mut [u8],
        at: usize,
    ) -> Option<Result<usize, NoRoom>>;

    /// Takes note that the set which was written last stays where it is. A set that was written and
    /// does not stay is forgotten.
    fn stays(&mut self);

    /// Writes the header of a datagram of `sets` sets, which ends with `datagram`. The next set is
    /// the first of another one.
    fn finish(&mut self, sets: usize, sequence: u64, datagram: &mut [u8]);

    /// Writes a datagram of statistics to the front of `out` and returns its size in bytes; 0, and
    /// nothing written, if `out` is too short.
    ///
    /// If there is no room for all of [`Stats::others`], `told` is raised by how many were written
    /// behind the first `told`; the next datagram has more.
    fn write_stats(
        &mut self,
        stats: &Stats<'_>,
        told: &mut usize,
        sequence: u64,
        out: &mut [u8],
    ) -> usize;

    /// Replaces the rules by which messages qualify on the fast path.
    fn select(&mut self, rules: &Rules);

    /// Takes note of the name of the interface that the messages from now on come from.
    fn on_interface(&mut self, _name: &str) {}

    /// Appends a set that was written as a line of [`text`](crate::text), whose record was captured
    /// at `time`, counted from 1970-01-01 00:00 UTC. Only for sets that are
    /// [movable](Self::IS_MOVABLE): others can't be read by themselves.
    fn write_line(_set: &[u8], _time: core::time::Duration, _out: &mut String) {}
}

/// How far a datagram is filled, and by how many sets.
///
/// The memory is the caller's, so that many datagrams can be side by side and one system call sends
/// them.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    header_bytes: usize,
    max_sets: usize,
    next: usize,
    sets: usize,
}

impl Fill {
    /// A datagram without sets, with so many bytes before the first one, that can count `max_sets`.
    #[must_use]
    pub fn new(header_bytes: usize, max_sets: usize) -> Self {
        Self {
            header_bytes,
            max_sets,
            next: header_bytes,
            sets: 0,
        }
    }

    /// Whether a set of `bytes` can be appended to a datagram of at most `limit` bytes: it has room,
    /// and fewer than its largest number of sets.
    #[inline]
    #[must_use]
    pub fn fits(&self, bytes: usize, limit: usize) -> bool {
        self.sets < self.max_sets && self.next + bytes <= limit
    }

    /// Offset of the next set.
    #[inline]
    #[must_use]
    pub fn next(&self) -> usize {
        self.next
    }

    /// Counts a set of `bytes` that was written at [`next`](Self::next). It must [fit](Self::fits).
    #[inline]
    pub fn wrote(&mut self, bytes: usize) {
        self.next += bytes;
        self.sets += 1;
    }

    /// Number of sets.
    #[inline]
    #[must_use]
    pub fn sets(&self) -> usize {
        self.sets
    }

    /// Whether the datagram has no set.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets == 0
    }

    /// Bytes of the datagram so far, header included; 0 without a set.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.is_empty() { 0 } else { self.next }
    }

    /// Starts over.
    pub fn clear(&mut self) {
        *self = Self::new(self.header_bytes, self.max_sets);
    }
}
