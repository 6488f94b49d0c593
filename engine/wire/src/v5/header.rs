//! The datagram header, written and read, and the parts that follow it.

use super::fields::PADDING;
use super::{DecodeError, VERSION};
use crate::cursor::Cursor;

/// Bytes of the datagram header, without the parts behind it:
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  version = 5  | header words  |             flags           |S|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |             core              |             count             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                          sequence (8)                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                            boot (8)                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                            time (8)                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// All fields are in network byte order. S is [`FLAG_STATS`].
pub const HEADER_BYTES: usize = 32;

/// Bytes of one of the units in which the header tells its length.
pub(super) const WORD_BYTES: usize = 4;

/// The flag of a datagram that holds statistics; other flags are written as 0 and ignored when
/// read.
pub const FLAG_STATS: u16 = 0x0001;

/// Types of parts.
pub(super) const PART_SENSOR_NAME: u8 = 1;
pub(super) const PART_SAMPLING: u8 = 2;
pub(super) const PART_SENSOR_VERSION: u8 = 3;

/// Longest name of a sensor, in bytes.
pub(super) const MAX_SENSOR_NAME_BYTES: usize = 63;

/// The fields of the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Length of header and parts in units of 4 bytes: 8 to 255.
    pub words: u8,
    /// [`FLAG_STATS`], and others that are ignored.
    pub flags: u16,
    /// Which core of the sensor, from 0.
    pub core: u16,
    /// How many records or counters follow.
    pub count: u16,
    /// Number of the datagram in its stream, from 1.
    pub sequence: u64,
    /// Which run of the sensor; chosen at random.
    pub boot: u64,
    /// Microseconds since 1970-01-01 00:00 UTC, to which the times of records are relative.
    pub time: u64,
}

impl Header {
    /// Writes the header to `out`.
    pub fn write(&self, out: &mut [u8; HEADER_BYTES]) {
        let Self {
            words,
            flags,
            core,
            count,
            sequence,
            boot,
            time,
        } = *self;
        let ([f0, f1], [c0, c1], [n0, n1]) =
            (flags.to_be_bytes(), core.to_be_bytes(), count.to_be_bytes());
        let (front, wide) = out.split_at_mut(8);
        front.copy_from_slice(&[VERSION, words, f0, f1, c0, c1, n0, n1]);
        for (slot, value) in wide.chunks_exact_mut(8).zip([sequence, boot, time]) {
            slot.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// Reads the header of a whole datagram.
    ///
    /// # Errors
    ///
    /// [`DecodeError::ShortHeader`] below 32 bytes, [`DecodeError::Version`] for a version other than
    /// 5, [`DecodeError::HeaderWords`] if the header ends before its own end or behind that of the
    /// datagram.
    pub fn parse(datagram: &[u8]) -> Result<Self, DecodeError> {
        let len = datagram.len();
        if let Some(&version) = datagram.first()
            && version != VERSION
        {
            return Err(DecodeError::Version(version));
        }
        let short = DecodeError::ShortHeader { len };
        let header: &[u8; HEADER_BYTES] = datagram.first_chunk().ok_or(short)?;
        let &[_, words, f0, f1, c0, c1, n0, n1, ref wide @ ..] = header;
        let (wide, _) = wide.as_chunks();
        let mut wide = wide.iter().map(|&bytes| u64::from_be_bytes(bytes));
        let mut next = || wide.next().ok_or(short);
        let header = Self {
            words,
            flags: u16::from_be_bytes([f0, f1]),
            core: u16::from_be_bytes([c0, c1]),
            count: u16::from_be_bytes([n0, n1]),
            sequence: next()?,
            boot: next()?,
            time: next()?,
        };
        if header.len() < HEADER_BYTES || header.len() > len {
            return Err(DecodeError::HeaderWords { words, len });
        }
        Ok(header)
    }

    /// Bytes of header and parts.
    pub(super) fn len(&self) -> usize {
        WORD_BYTES * usize::from(self.words)
    }
}

/// What the parts behind the header say.
///
/// ```text
/// part | type 1 | length 1 | value
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) sensor_name: Option<&'a [u8]>,
    pub(super) sampling: Option<u32>,
    pub(super) sensor_version: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Reads the parts of a header, which is given with them. Of two parts of one type, the first
    /// one counts.
    pub(super) fn parse(header: &'a [u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor {
            bytes: header,
            at: HEADER_BYTES,
        };
        let mut parts = Self::default();
        while !cursor.is_at_end() {
            let at = cursor.at;
            let [kind] = cursor.field("header part")?;
            if kind == PADDING {
                break;
            }
            let [length] = cursor.field("header part")?;
            let value = cursor.bytes(length.into(), "header part")?;
            match kind {
                PART_SENSOR_NAME => {
                    if value.is_empty() || value.len() > MAX_SENSOR_NAME_BYTES {
                        let field = "name of the sensor";
                        return Err(DecodeError::Value { at, field });
                    }
                    parts.sensor_name = parts.sensor_name.or(Some(value));
                }
                PART_SAMPLING => {
                    let field = "sampling rate";
                    let rate = value.try_into().map(u32::from_be_bytes);
                    let rate = rate.map_err(|_| DecodeError::Value { at, field })?;
                    parts.sampling = parts.sampling.or(Some(rate));
                }
                PART_SENSOR_VERSION => {
                    parts.sensor_version = parts.sensor_version.or(Some(value));
                }
                _ => {}
            }
        }
        Ok(parts)
    }
}
