//! Datagrams of version 4, written.
//!
//! A [`Builder`] fills memory of its caller's, so that many datagrams are side by side and one
//! system call sends them. It knows neither sockets nor streams: the caller gives the sequence
//! number.

use super::header::Header;
use super::{HEADER_BYTES, Part, Version};
use crate::encode::Fill;

/// Most sets of one datagram: the header counts them in one byte.
pub const MAX_SETS: usize = 255;

/// A datagram of version 4 that is being built.
///
/// The memory is the caller's, and is passed to each call. It has to be the same, and must not
/// change, from the first set to [`finish`](Builder::finish). Its length is the size limit
/// of the datagram, such as 1,472 bytes: an MTU of 1,500 without the headers of IPv4 and UDP.
///
/// ```
/// # use dnsflow_wire::dns::{Answers, Dialect, Extent, Scratch};
/// # use dnsflow_wire::response::{Endpoints, Response};
/// use dnsflow_wire::v4::{Builder, HEADER_BYTES, parts};
///
/// # let message = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x01a\0\0\x01\0\x01\
/// #     \xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
/// # let mut scratch = Scratch::default();
/// # let answers = Answers::parse(message, Dialect::Unicast, Extent::Whole, &mut scratch).unwrap();
/// # let endpoints = Endpoints::V4 { client: [198, 51, 100, 7], resolver: [192, 0, 2, 53] };
/// # let response = Response { envelope: endpoints.into(), answers };
/// let mut memory = [0; 1472];
/// let mut builder = Builder::default();
/// let mut sequence = 1;
/// for part in parts(&response, memory.len() - HEADER_BYTES) {
///     if !builder.push(&part, &mut memory) {
///         let length = builder.finish(sequence, &mut memory);
///         // Send memory[..length] here.
///         # let _ = length;
///         sequence += 1;
///         assert!(builder.push(&part, &mut memory), "an empty datagram has room");
///     }
/// }
/// let length = builder.finish(sequence, &mut memory);
/// # assert_eq!((length, sequence), (56, 1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    fill: Fill,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            fill: Fill::new(HEADER_BYTES, MAX_SETS),
        }
    }
}

impl Builder {
    /// Appends a set to the datagram in `memory`. Returns false, and writes nothing, if it has no
    /// room, or [`MAX_SETS`] sets.
    pub fn push(&mut self, part: &Part<'_>, memory: &mut [u8]) -> bool {
        let room = self.room(part.size(), memory);
        room.map(|room| part.write(room)).is_some()
    }

    /// Appends a set that was encoded before, by [`Part::write`] or
    /// [`Transcriber::set`](super::Transcriber::set), like [`push`](Self::push).
    pub fn push_encoded(&mut self, set: &[u8], memory: &mut [u8]) -> bool {
        let room = self.room(set.len(), memory);
        room.map(|room| room.copy_from_slice(set)).is_some()
    }

    /// The memory of one more set, counted as filled.
    fn room<'m>(&mut self, size: usize, memory: &'m mut [u8]) -> Option<&'m mut [u8]> {
        if !self.fill.fits(size, memory.len()) {
            return None;
        }
        let start = self.fill.next();
        self.fill.wrote(size);
        memory.get_mut(start..start + size)
    }

    /// Whether the datagram has no set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fill.is_empty()
    }

    /// Bytes of the datagram so far, header included; 0 without a set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fill.len()
    }

    /// Writes the header, with `sequence` as the datagram's number in its stream, and starts over.
    /// Returns the length of the finished datagram in bytes.
    ///
    /// Returns 0 and writes nothing if the datagram has no set, or if `memory` is shorter than the
    /// datagram, and so is not the memory that its sets were written to.
    pub fn finish(&mut self, sequence: u32, memory: &mut [u8]) -> usize {
        let (sets, len) = (self.fill.sets(), self.fill.len());
        self.fill.clear();
        match memory.get_mut(..len) {
            Some(datagram) if sets > 0 => {
                write_header(sets, sequence, datagram);
                len
            }
            _ => 0,
        }
    }
}

/// Writes the header of a datagram of so many sets, at most [`MAX_SETS`].
pub(super) fn write_header(sets: usize, sequence: u32, datagram: &mut [u8]) {
    let header = Header {
        version: Version::V4,
        sets_count: u8::try_from(sets).unwrap_or(u8::MAX),
        flags: 0,
        sequence,
    };
    if let Some(head) = datagram.first_chunk_mut() {
        header.write(head);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{Answers, Dialect, Extent, Scratch};
    use crate::response::{Endpoints, Response};
    use crate::v4::{HEADER_BYTES, Part, parts};

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
            envelope: Endpoints::V4 {
                client: [10, 0, 0, 1],
                resolver: [10, 0, 0, 2],
            }
            .into(),
            answers: answers.expect("the message qualifies"),
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
