//! Integers of variable length, written and read.
//!
//! ```text
//!   7  6  5  4  3  2  1  0
//! +--+--+--+--+--+--+--+--+
//! | 1| bits 0 to 6        |
//! +--+--+--+--+--+--+--+--+
//! | 1| bits 7 to 13       |
//! +--+--+--+--+--+--+--+--+
//! | 0| bits 14 to 20      |   the last byte, of at most 10
//! +--+--+--+--+--+--+--+--+
//! ```
//!
//! (LEB128: DWARF 5, section 7.6.)

use crate::cursor::Cursor;

/// Most bytes of a varint: 64 bits in groups of 7.
pub(super) const MAX_BYTES: usize = 10;

/// Writes `value` to the front of `out`. Returns how many bytes that took, 1 to [`MAX_BYTES`];
/// `None` if `out` is shorter.
pub(super) fn write(value: u64, out: &mut [u8]) -> Option<usize> {
    let mut rest = value;
    for (at, slot) in out.iter_mut().take(MAX_BYTES).enumerate() {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            *slot = low;
            return Some(at + 1);
        }
        *slot = low | 0x80;
    }
    None
}

/// Reads the varint at the cursor. `None` if it is cut or above 2^64 - 1.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<u64> {
    let mut value = 0;
    for at in 0..MAX_BYTES {
        let [byte] = cursor.array()?;
        let group = u64::from(byte & 0x7f);
        let shifted = group << (7 * at);
        if shifted >> (7 * at) != group {
            return None;
        }
        value |= shifted;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The varint of a signed value: `2n` for `n >= 0`, `-2n - 1` for `n < 0`.
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The signed value of a varint.
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(bytes: &[u8]) -> Option<(u64, usize)> {
        let mut cursor = Cursor { bytes, at: 0 };
        read(&mut cursor).map(|value| (value, cursor.at))
    }

    #[test]
    fn each_byte_has_seven_bits() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (u64::MAX, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ] {
            let mut out = [0xee; MAX_BYTES];
            let length = write(value, &mut out).unwrap();
            assert_eq!(&out[..length], bytes);
            assert_eq!(read_all(bytes), Some((value, bytes.len())));
        }
    }

    #[test]
    fn what_is_cut_or_too_large_is_none() {
        assert_eq!(read_all(&[]), None);
        assert_eq!(read_all(&[0x80]), None);
        assert_eq!(read_all(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), None);
        assert_eq!(read_all(&[0x80; 11]), None);
        // Longer than it has to be.
        assert_eq!(read_all(&[0x81, 0]), Some((1, 2)));
    }

    #[test]
    fn signs_are_in_bit_0() {
        for (signed, value) in [(0, 0), (-1, 1), (1, 2), (-2, 3)] {
            assert_eq!((zigzag(signed), unzigzag(value)), (value, signed));
        }
        assert_eq!(zigzag(i64::MIN), u64::MAX);
        assert_eq!(zigzag(i64::MAX), u64::MAX - 1);
    }

    proptest! {
        #[test]
        fn values_come_back(value: u64, shift in 0..64, signed: i64) {
            let value = value >> shift;
            let mut out = [0; MAX_BYTES];
            let length = write(value, &mut out).unwrap();
            let bits = 64 - (value | 1).leading_zeros();
            prop_assert_eq!(length, usize::try_from(bits.div_ceil(7)).unwrap());
            prop_assert_eq!(read_all(&out), Some((value, length)));
            prop_assert_eq!(write(value, &mut out[..length - 1]), None);
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }
    }
}
