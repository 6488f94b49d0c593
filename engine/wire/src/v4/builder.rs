//! The dnsflow datagram of version 4, encode side.
//!
//! A [`Builder`] fills memory that its owner set aside, so that many datagrams can lie side by side
//! and leave in one system call. It knows neither sockets nor sequence numbers: a stream numbers a
//! datagram when it is done with it.

use super::header::{HEADER_BYTES, Header};
use super::{Part, Version};

/// Sets that one datagram can count.
pub const MAX_SETS: u8 = 255;

/// A data datagram in the making: how much of its memory is filled, and by how many sets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder {
    filled: usize,
    sets: u8,
}

impl Builder {
    /// Appends a set to the datagram that is being built in `memory`; false, and nothing written, if it has no
    /// room for it.
    pub fn push(&mut self, part: &Part<'_>, memory: &mut [u8]) -> bool {
        let room = self.room(part.size(), memory);
        room.map(|room| part.write(room)).is_some()
    }

    /// As [`Builder::push`], with a set that was written before.
    pub fn push_encoded(&mut self, set: &[u8], memory: &mut [u8]) -> bool {
        let room = self.room(set.len(), memory);
        room.map(|room| room.copy_from_slice(set)).is_some()
    }

    /// Room for one more set, counted as filled.
    fn room<'m>(&mut self, size: usize, memory: &'m mut [u8]) -> Option<&'m mut [u8]> {
        if !self.fits(size, memory.len()) {
            return None;
        }
        let start = self.next();
        self.wrote(size);
        memory.get_mut(start..start + size)
    }

    /// Whether a set of so many bytes can be appended to a datagram that is built in `memory` bytes.
    #[inline]
    #[must_use]
    pub fn fits(&self, set: usize, memory: usize) -> bool {
        self.sets < MAX_SETS && self.next() + set <= memory
    }

    /// Where in the memory the next set goes.
    #[inline]
    #[must_use]
    pub fn next(&self) -> usize {
        self.filled.max(HEADER_BYTES)
    }

    /// Counts a set of so many bytes that was written there and [fits](Builder::fits).
    #[inline]
    pub fn wrote(&mut self, size: usize) {
        self.filled = self.next() + size;
        self.sets += 1;
    }

    /// Whether no set was pushed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets == 0
    }

    /// Bytes of the datagram so far; 0 without a set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Writes the header and starts over. Returns the length of the finished datagram in bytes.
    ///
    /// Returns 0 if it has no set, or if `memory` is shorter than the datagram and so is not the
    /// memory that its sets were written to; nothing is written then.
    pub fn finish(&mut self, sequence: u32, memory: &mut [u8]) -> usize {
        let Self { filled, sets } = core::mem::take(self);
        let datagram = memory.get_mut(..filled);
        let Some(head) = datagram.and_then(<[u8]>::first_chunk_mut) else {
            return 0;
        };
        let header = Header {
            version: Version::V4,
            sets_count: sets,
            flags: 0,
            sequence,
        };
        header.write(head);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Answers, Dialect, Extent, Scratch};
    use crate::response::{Endpoints, Response};
    use crate::v4::parts;

    /// `a` has the address 192.0.2.1: a set of 40 + 4 + 4 bytes.
    const MESSAGE: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\
        \x01a\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";
    const SET_BYTES: usize = 48;

    /// Calls `act` with that set.
    fn with_part(act: impl FnOnce(&Part<'_>)) {
        let mut scratch = Scratch::default();
        let answers = Answers::parse(MESSAGE, Dialect::Unicast, Extent::Whole, &mut scratch);
        let response = Response {
            endpoints: Endpoints::V4 {
                client: [10, 0, 0, 1],
                resolver: [10, 0, 0, 2],
            },
            answers: answers.expect("the message is chosen"),
        };
        let part = parts(&response, 1464).next().expect("there is one set");
        assert_eq!(part.size(), SET_BYTES);
        act(&part);
    }

    #[test]
    fn every_byte_of_a_datagram() {
        with_part(|part| {
            let mut memory = [0xee; 60];
            let mut builder = Builder::default();
            assert!(builder.push(part, &mut memory));
            assert_eq!((builder.len(), builder.is_empty()), (56, false));
            assert_eq!(builder.finish(0x0102_0304, &mut memory), 56);
            let mut wanted = vec![4, 1, 0, 0, 1, 2, 3, 4];
            wanted.extend([4, 1, 1, 0, 0, 4, 0, 0]);
            wanted.extend([10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            wanted.extend([10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            wanted.extend(b"\x01a\x00\x00");
            wanted.extend([192, 0, 2, 1]);
            assert_eq!(memory[..56], wanted);
            assert_eq!(memory[56..], [0xee; 4]);
        });
    }

    #[test]
    fn a_set_goes_in_whole_or_not_at_all() {
        with_part(|part| {
            for bytes in 0..HEADER_BYTES + 2 * SET_BYTES {
                let mut memory = vec![0xee; bytes];
                let mut builder = Builder::default();
                let fits = bytes >= HEADER_BYTES + SET_BYTES;
                assert_eq!(builder.push(part, &mut memory), fits, "{bytes} bytes");
                let before = memory.clone();
                assert!(!builder.push(part, &mut memory), "{bytes} bytes");
                assert_eq!(memory, before, "nothing was written");
            }
        });
    }

    #[test]
    fn no_more_than_255_sets() {
        with_part(|part| {
            let mut memory = vec![0; 65_000];
            let mut builder = Builder::default();
            for _ in 0..MAX_SETS {
                assert!(builder.push(part, &mut memory));
            }
            assert!(!builder.push(part, &mut memory));
            let bytes = builder.finish(7, &mut memory);
            assert_eq!(bytes, HEADER_BYTES + 255 * SET_BYTES);
            assert_eq!(memory[..2], [4, 255]);
            assert!(builder.is_empty());
        });
    }

    #[test]
    fn without_a_set_there_is_no_datagram() {
        let mut memory = [0xee; 64];
        let mut builder = Builder::default();
        assert_eq!((builder.len(), builder.is_empty()), (0, true));
        assert_eq!(builder.finish(1, &mut memory), 0);
        assert_eq!(memory, [0xee; 64]);
    }
    #[test]
    fn memory_shorter_than_the_sets_gives_no_datagram() {
        with_part(|part| {
            for bytes in 0..HEADER_BYTES + SET_BYTES {
                let mut builder = Builder::default();
                assert!(builder.push(part, &mut [0; HEADER_BYTES + SET_BYTES]));
                let mut memory = vec![0xee; bytes];
                assert_eq!(builder.finish(1, &mut memory), 0, "{bytes} bytes");
                assert_eq!(memory, vec![0xee; bytes]);
                assert!(builder.is_empty());
            }
        });
    }
}
