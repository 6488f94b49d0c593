//! The dnsflow datagram of version 4, encode side.

/// The version that the sensor writes.
pub const VERSION: u8 = 4;

/// Bytes before the sets.
pub const HEADER_BYTES: usize = 8;

/// Sets that one datagram can count.
pub const MAX_SETS: u8 = 255;

/// Bytes of a datagram with a stats set.
pub const STATS_BYTES: usize = HEADER_BYTES + 20;

/// The flag of a datagram that holds a stats set.
pub const FLAG_STATS: u16 = 0x0001;

/// UDP port of collectors where none is named.
pub const DEFAULT_PORT: u16 = 5300;

/// A data datagram of version 4 in the making.
///
/// ```text
///  0               1               2               3
/// +---------------+---------------+---------------+---------------+
/// |   version 4   |   sets_count  |      flags (0x0001 stats)     |
/// |                       sequence_number                         |
/// |  sets ..                                                      |
/// +---------------------------------------------------------------+
/// ```
pub type Builder = crate::encode::Builder<crate::encoder::Encoder>;

/// What a stream says of itself; all since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets that the stream's process looked at.
    pub packets_captured: u32,
    /// Packets that passed its filter in the kernel.
    pub packets_received: u32,
    /// Packets that the kernel had no room for.
    pub packets_dropped: u32,
    /// Packets that the interface lost.
    pub packets_ifdropped: u32,
    /// 1 of how many packets is kept; 0 when not sampling.
    pub sample_rate: u32,
}

impl Stats {
    /// The stats datagram.
    #[must_use]
    pub fn datagram(&self, sequence: u32) -> [u8; STATS_BYTES] {
        let mut out = [0; STATS_BYTES];
        write_header(&mut out, 1, FLAG_STATS, sequence);
        let fields = [
            self.packets_captured,
            self.packets_received,
            self.packets_dropped,
            self.packets_ifdropped,
            self.sample_rate,
        ];
        for (slot, field) in out[HEADER_BYTES..].chunks_exact_mut(4).zip(fields) {
            slot.copy_from_slice(&field.to_be_bytes());
        }
        out
    }
}

pub(crate) fn write_header(memory: &mut [u8], sets: u8, flags: u16, sequence: u32) {
    memory[0] = VERSION;
    memory[1] = sets;
    memory[2..4].copy_from_slice(&flags.to_be_bytes());
    memory[4..HEADER_BYTES].copy_from_slice(&sequence.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Answers, Dialect, Extent, Marks};
    use crate::response::{Endpoints, Response};
    use crate::set::{Part, parts};

    /// `a` has the address 192.0.2.1: a set of 40 + 4 + 4 bytes.
    const MESSAGE: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\
        \x01a\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01";
    const SET_BYTES: usize = 48;

    /// Calls `act` with that set.
    fn with_part(act: impl FnOnce(&Part<'_>)) {
        let mut marks = Marks::default();
        let answers = Answers::parse(MESSAGE, Dialect::Unicast, Extent::Whole, &mut marks);
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
    fn every_byte_of_a_stats_datagram() {
        let stats = Stats {
            packets_captured: 0x0102_0304,
            packets_received: 5,
            packets_dropped: 6,
            packets_ifdropped: u32::MAX,
            sample_rate: 10,
        };
        let wanted = b"\x04\x01\x00\x01\x00\x00\x00\x09\
            \x01\x02\x03\x04\x00\x00\x00\x05\x00\x00\x00\x06\xff\xff\xff\xff\x00\x00\x00\x0a";
        assert_eq!(&stats.datagram(9), wanted);
    }
}
