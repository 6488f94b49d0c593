//! Version 4 as a stream writes it.

use core::time::Duration;

use super::builder::write_header;
use super::part::Parts;
use super::{HEADER_BYTES, MAX_SETS, SET_HEADER_BYTES, Set, Stats, Transcriber, Version, parts};
use crate::dns::{MessageReject, Rules};
use crate::encode::{self, Encode, NoRoom};
use crate::response::{Envelope, Response};
use crate::text;

/// Writes records of version 4. Its memory serves all messages.
#[derive(Debug, Default)]
pub struct Encoder {
    transcriber: Transcriber,
}

impl Encoder {
    /// Writes records of the messages that `rules` select.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            transcriber: Transcriber::new(rules),
        }
    }
}

impl Encode for Encoder {
    const IS_MOVABLE: bool = true;
    const MAX_SETS: usize = MAX_SETS;
    const MIN_SET_BYTES: usize = SET_HEADER_BYTES;
    type Parts<'a> = Parts<'a>;

    #[inline(always)]
    fn header_bytes(&self) -> usize {
        HEADER_BYTES
    }

    #[inline(always)]
    fn transcribe(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
        datagram: &mut [u8],
        at: usize,
    ) -> Option<Result<usize, MessageReject>> {
        let draft = datagram.get_mut(at..)?.first_chunk_mut()?;
        self.transcriber.set(message, &envelope.endpoints, draft)
    }

    fn parts<'a>(&self, response: &'a Response<'a>, room: usize) -> Parts<'a> {
        parts(response, room)
    }

    fn next_part(
        &mut self,
        parts: &mut Parts<'_>,
        datagram: &mut [u8],
        at: usize,
    ) -> Option<Result<usize, NoRoom>> {
        let mut behind = parts.clone();
        let part = behind.next()?;
        let room = datagram.get_mut(at..).unwrap_or_default();
        let Some(room) = room.get_mut(..part.size()) else {
            return Some(Err(NoRoom));
        };
        part.write(room);
        *parts = behind;
        Some(Ok(part.size()))
    }

    fn select(&mut self, rules: &Rules) {
        self.transcriber.select(rules);
    }

    #[inline(always)]
    fn stays(&mut self) {}

    fn finish(&mut self, sets: usize, sequence: u64, datagram: &mut [u8]) {
        write_header(sets, low32(sequence), datagram);
    }

    fn write_stats(
        &mut self,
        stats: &encode::Stats<'_>,
        told: &mut usize,
        sequence: u64,
        out: &mut [u8],
    ) -> usize {
        // It has no fields for them.
        *told = stats.others.len();
        let stats = Stats {
            captured: low32(stats.captured),
            received: low32(stats.received),
            dropped: low32(stats.dropped),
            if_dropped: low32(stats.if_dropped),
            sample_rate: Some(stats.sample_rate),
        };
        let datagram = stats.datagram(low32(sequence));
        let Some(room) = out.get_mut(..datagram.len()) else {
            return 0;
        };
        room.copy_from_slice(&datagram);
        datagram.len()
    }

    fn write_line(set: &[u8], time: Duration, out: &mut String) {
        if let Ok((set, _)) = Set::parse(Version::V4, set) {
            // Writing to a string does not fail.
            let _ = text::write_set(out, None, time, &set);
        }
    }
}

/// The low 32 bits: counters and sequence numbers of the format wrap.
fn low32(count: u64) -> u32 {
    u32::try_from(count & u64::from(u32::MAX)).unwrap_or(0)
}
