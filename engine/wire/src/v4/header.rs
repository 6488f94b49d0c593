//! The datagram header, the same in every version.

use super::{DecodeError, Version};

/// Bytes of a datagram before its sets.
pub const HEADER_BYTES: usize = 8;

/// The flag of a datagram that holds a stats set; the other flags are ignored.
pub const FLAG_STATS: u16 = 0x0001;

/// What a datagram says of itself.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    version    |  sets_count   |             flags           |S|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        sequence_number                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |       sets_count data sets, or with S one stats set ..        |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: Version,
    pub(super) sets_count: u8,
    pub(super) flags: u16,
    pub(super) sequence: u32,
}

impl Header {
    /// The header in `out`.
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
