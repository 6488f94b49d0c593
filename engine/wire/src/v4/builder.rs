//! The dnsflow datagram of version 4, encode side.

use super::Encoder;
use crate::encode;

/// Sets that one datagram can count.
pub const MAX_SETS: u8 = 255;

/// A data datagram of version 4 in the making.
pub type Builder = encode::Builder<Encoder>;

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
