//! Version 4 as a stream writes it.

use core::time::Duration;

use super::header::Header;
use super::{HEADER_BYTES, MAX_SETS, Part, Set, Stats, Transcriber, Version, parts};
use crate::dns::MessageReject;
use crate::encode::{Draft, Encode, EncodePart};
use crate::response::{Endpoints, Response};
use crate::text;

/// Writes records of version 4. Its memory serves all messages.
#[derive(Debug, Default)]
pub struct Encoder {
    transcriber: Transcriber,
}

impl Encode for Encoder {
    const HEADER_BYTES: usize = HEADER_BYTES;
    const MAX_SETS: u8 = MAX_SETS;

    #[inline(always)]
    fn transcribe(
        &mut self,
        message: &[u8],
        endpoints: &Endpoints,
        draft: &mut Draft,
    ) -> Option<Result<usize, MessageReject>> {
        self.transcriber.set(message, endpoints, draft)
    }

    fn parts<'a>(
        response: &'a Response<'a>,
        room: usize,
    ) -> impl Iterator<Item = impl EncodePart + use<'a>> {
        parts(response, room)
    }

    fn write_header(sets: u8, sequence: u32, datagram: &mut [u8]) {
        let header = Header {
            version: Version::V4,
            sets_count: sets,
            flags: 0,
            sequence,
        };
        if let Some(head) = datagram.first_chunk_mut() {
            header.write(head);
        }
    }

    fn write_stats(stats: &Stats, sequence: u32, out: &mut [u8]) -> usize {
        let datagram = stats.datagram(sequence);
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

impl EncodePart for Part<'_> {
    fn size(&self) -> usize {
        Part::size(self)
    }

    fn write(&self, out: &mut [u8]) {
        Part::write(self, out);
    }
}
