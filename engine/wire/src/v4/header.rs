//! The datagram header, written and read; the same in every version.

use super::{DecodeError, Version};

/// Bytes of the datagram header, which is before the sets:
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    version    |  sets_count   |             flags           |S|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        sequence_number                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// All fields are in network byte order. S is [`FLAG_STATS`]. `sets_count` is 1 to 255; it is 1 for
/// a stats set. `sequence_number` counts the datagrams of a stream from 1 and wraps.
pub const HEADER_BYTES: usize = 8;

/// The flag of a datagram that holds a stats set; other flags are written as 0 and ignored when
/// read.
pub const FLAG_STATS: u16 = 0x0001;

/// The fields of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: Version,
    pub(super) sets_count: u8,
    pub(super) flags: u16,
    pub(super) sequence: u32,
}

impl Header {
    /// Writes the header to `out`.
    pub(super) fn write(self, out: &mut [u8; HEADER_BYTES]) {
        let Self {
            version,
            sets_count,
            flags,
            sequence,
        } = self;
        let ([f0, f1], [s0, s1, s2, s3]) = (flags.to_be_bytes(), sequence.to_be_bytes());
        *out = [version.number(), sets_count, f0, f1, s0, s1, s2, s3];
    }

    /// Reads the header of a whole datagram.
    pub(super) fn parse(datagram: &[u8]) -> Result<Self, DecodeError> {
        let Some(&[version, sets_count, f0, f1, s0, s1, s2, s3]) = datagram.first_chunk() else {
            return Err(DecodeError::ShortHeader {
                len: datagram.len(),
            });
        };
        let version = Version::from_number(version).ok_or(DecodeError::Version(version))?;
        if sets_count == 0 {
            return Err(DecodeError::NoSets);
        }
        Ok(Self {
            version,
            sets_count,
            flags: u16::from_be_bytes([f0, f1]),
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
        })
    }
}
