//! Domain names where they lie: inside a message, maybe compressed, never copied to be checked.
//!
//! A response repeats its names through pointers, and a sensor needs most of them only to step
//! over them. So a [`Name`] is a place in a message that was proved to hold a name, together with
//! the length the name has once its pointers are followed; the labels are copied once, when they
//! are exported. Case is kept as received. Nothing here turns names into text.

/// Longest name in wire format, root label included, in bytes (RFC 1035 section 2.3.4).
pub const MAX_NAME_BYTES: usize = 255;

/// Pointers followed in one name before it is held to be a loop.
///
/// A name of 255 bytes has at most 127 labels, so a sender that compresses has no use for more.
const MAX_POINTERS: usize = 127;

/// Bytes behind a name that writing it may change.
pub const SPILL_BYTES: usize = 32;

/// Why bytes are not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// A label, a pointer or its target lies past the end of the message.
    Short,
    /// A label starts with the bits 01 or 10, which RFC 1035 section 4.1.4 reserves.
    LabelType,
    /// The pointers go round, or are more than a name has labels.
    Loop,
    /// Over [`MAX_NAME_BYTES`] once the pointers are followed.
    Long,
}

/// A name in a message, checked.
///
/// ```text
///   0  1  2  3  4  5  6  7
/// +--+--+--+--+--+--+--+--+
/// | 0  0|     length      |   label: 1 to 63 bytes follow; length 0 is the root and ends the name
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// | 1  1|                 offset                  |   pointer: the rest of the name is there
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// ```
///
/// (RFC 1035 sections 3.1 and 4.1.4.)
#[derive(Clone, Copy, Debug)]
pub struct Name<'m> {
    message: &'m [u8],
    at: NameAt,
}

/// Where a checked name lies in its message, and its length uncompressed. One word, so that a decoder can keep
/// many, and write and read them whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAt(u64);

/// What a [`NameAt`] says.
///
/// ```text
/// 0 15 bits | scattered 1 bit | rest 8 bits | run 8 bits | target 16 bits | offset 16 bits
/// ```
struct Place {
    offset: u16,
    /// Where the rest of the name is: behind the first pointer, or the root right there.
    target: u16,
    /// Bytes before the first pointer, or before the root.
    run: u8,
    /// Bytes of the rest, uncompressed.
    rest: u8,
    /// Whether the rest has pointers too.
    scattered: bool,
}

impl From<Place> for NameAt {
    #[inline(always)]
    fn from(place: Place) -> Self {
        NameAt(
            u64::from(place.offset)
                | u64::from(place.target) << 16
                | u64::from(place.run) << 32
                | u64::from(place.rest) << 40
                | u64::from(place.scattered) << 48,
        )
    }
}

impl NameAt {
    /// The root, at the very start.
    pub(crate) const ROOT: NameAt = NameAt(1 << 40);

    /// Bytes of the name in uncompressed wire format, root label included: 1 to 255.
    #[inline]
    #[must_use]
    pub fn wire_len(self) -> usize {
        self.run() + self.rest()
    }

    #[inline(always)]
    fn bits(self, from: u32, count: u32) -> usize {
        // At most 16 bits.
        usize::try_from(self.0 >> from & ((1 << count) - 1)).unwrap_or(0)
    }

    #[inline(always)]
    fn offset(self) -> usize {
        self.bits(0, 16)
    }

    #[inline(always)]
    fn target(self) -> usize {
        self.bits(16, 16)
    }

    #[inline(always)]
    fn run(self) -> usize {
        self.bits(32, 8)
    }

    #[inline(always)]
    fn rest(self) -> usize {
        self.bits(40, 8)
    }

    #[inline(always)]
    fn is_scattered(self) -> bool {
        self.bits(48, 1) == 1
    }

    /// The name again, in the message it was found in.
    #[must_use]
    pub fn within(self, message: &[u8]) -> Name<'_> {
        Name { message, at: self }
    }
}

impl<'m> Name<'m> {
    /// Checks the name that starts at `offset` of a message of at most 65,535 bytes.
    ///
    /// Returns the name and the offset behind it, which is behind the first pointer if it has one.
    ///
    /// # Errors
    /// The first thing found wrong, in wire order.
    pub fn parse(message: &'m [u8], offset: usize) -> Result<(Self, usize), NameError> {
        match Self::usual(message, offset) {
            Some(found) => Ok(found),
            None => Self::any(message, offset),
        }
    }

    /// A name with at most one pointer, as nearly all are; `None` says nothing of any other.
    #[inline(always)]
    pub(crate) fn usual(message: &'m [u8], offset: usize) -> Option<(Self, usize)> {
        let end = labels_end(message, offset)?;
        let (high, low) = (*message.get(end)?, *message.get(end + 1)?);
        if high != 0 && high < 0xc0 {
            return None;
        }
        // The root is a rest of one byte: then names with and without a pointer take one way.
        let pointer = usize::from(high & 0x3f) << 8 | usize::from(low);
        let (target, behind) = match high {
            0 => (end, end + 1),
            _ => (pointer, end + 2),
        };
        let root = labels_end(message, target)?;
        let (run, rest) = (end - offset, root + 1 - target);
        if message[root] != 0 || run + rest > MAX_NAME_BYTES {
            return None;
        }
        let at = Place {
            offset: u16::try_from(offset).ok()?,
            target: u16::try_from(target).ok()?,
            run: u8::try_from(run).ok()?,
            rest: u8::try_from(rest).ok()?,
            scattered: false,
        };
        Some((
            Name {
                message,
                at: at.into(),
            },
            behind,
        ))
    }

    #[cold]
    fn any(message: &'m [u8], offset: usize) -> Result<(Self, usize), NameError> {
        let start = u16::try_from(offset).map_err(|_| NameError::Short)?;
        let mut cursor = offset;
        let mut behind = 0;
        let mut pointers = 0;
        let mut target = 0;
        let mut run = 0;
        let mut wire_len = 0;
        loop {
            let byte = *message.get(cursor).ok_or(NameError::Short)?;
            match byte >> 6 {
                0 => {
                    wire_len += 1 + usize::from(byte);
                    if wire_len > MAX_NAME_BYTES {
                        return Err(NameError::Long);
                    }
                    cursor += 1 + usize::from(byte);
                    if byte == 0 {
                        break;
                    }
                }
                3 => {
                    let low = *message.get(cursor + 1).ok_or(NameError::Short)?;
                    if pointers == 0 {
                        behind = cursor + 2;
                        run = wire_len;
                    }
                    pointers += 1;
                    if pointers > MAX_POINTERS {
                        return Err(NameError::Loop);
                    }
                    cursor = usize::from(byte & 0x3f) << 8 | usize::from(low);
                    if pointers == 1 {
                        target = u16::try_from(cursor).unwrap_or(0);
                    }
                }
                _ => return Err(NameError::LabelType),
            }
        }
        if pointers == 0 {
            behind = cursor;
            run = wire_len - 1;
            target = u16::try_from(cursor - 1).map_err(|_| NameError::Short)?;
        }
        let byte = |count: usize| u8::try_from(count).map_err(|_| NameError::Long);
        let at = Place {
            offset: start,
            target,
            run: byte(run)?,
            rest: byte(wire_len - run)?,
            scattered: pointers > 1,
        };
        Ok((
            Name {
                message,
                at: at.into(),
            },
            behind,
        ))
    }

    /// Where the name is; [`NameAt::within`] gives it back.
    #[must_use]
    pub fn at(&self) -> NameAt {
        self.at
    }

    /// The labels in order, without the root.
    #[must_use]
    pub fn labels(&self) -> Labels<'m> {
        Labels {
            message: self.message,
            cursor: self.at.offset(),
            left: self.at.wire_len(),
        }
    }

    /// Writes the name uncompressed to the front of `out` and returns its length.
    ///
    /// Up to [`SPILL_BYTES`] of `out` behind the name may change. Bytes that don't fit are left out, so
    /// `out` wants to have [`NameAt::wire_len`] of them, and as many more to be fast.
    #[inline(always)]
    pub fn write(&self, out: &mut [u8]) -> usize {
        self.write_runs(out)
            .unwrap_or_else(|| self.write_labels(out))
    }

    /// A name with at most one pointer is two runs of bytes.
    #[inline(always)]
    fn write_runs(&self, out: &mut [u8]) -> Option<usize> {
        if self.at.is_scattered() {
            return None;
        }
        let (run, rest) = (self.at.run(), self.at.rest());
        spill(self.message.get(self.at.offset()..)?, run, out)?;
        let out = out.get_mut(run..)?;
        spill(self.message.get(self.at.target()..)?, rest, out)?;
        Some(run + rest)
    }

    #[cold]
    fn write_labels(&self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        for label in self.labels() {
            // A label's length byte stands before it in the message, so one copy takes both.
            let end = filled + label.with_length.len();
            if let Some(room) = out.get_mut(filled..end) {
                room.copy_from_slice(label.with_length);
            }
            filled = end;
        }
        if let Some(root) = out.get_mut(filled) {
            *root = 0;
        }
        filled + 1
    }
}

/// Steps over labels: the offset of the first byte that starts none, if the message has one.
#[inline(always)]
fn labels_end(message: &[u8], mut cursor: usize) -> Option<usize> {
    while let Some(byte @ 1..0x40) = message.get(cursor) {
        cursor += 1 + usize::from(*byte);
    }
    (cursor < message.len()).then_some(cursor)
}

/// Copies the first `count` bytes and, since that is faster than to be exact, up to [`SPILL_BYTES`] more
/// where there are so many; `None` if one of the two is shorter than `count`.
#[inline(always)]
pub(crate) fn spill(from: &[u8], count: usize, out: &mut [u8]) -> Option<()> {
    let mut filled = 0;
    loop {
        let piece = from.get(filled..).and_then(<[u8]>::first_chunk);
        let room = out.get_mut(filled..).and_then(<[u8]>::first_chunk_mut);
        let (Some(piece), Some(room)) = (piece, room) else {
            return exact(from, count, out);
        };
        *room = *piece;
        filled += SPILL_BYTES;
        if filled >= count {
            return Some(());
        }
        let _: &[u8; SPILL_BYTES] = piece;
    }
}

#[cold]
#[inline(never)]
fn exact(from: &[u8], count: usize, out: &mut [u8]) -> Option<()> {
    out.get_mut(..count)?.copy_from_slice(from.get(..count)?);
    Some(())
}

/// One label of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'m> {
    with_length: &'m [u8],
}

impl<'m> Label<'m> {
    /// The label's bytes, 1 to 63 of them.
    #[must_use]
    pub fn bytes(&self) -> &'m [u8] {
        self.with_length.get(1..).unwrap_or_default()
    }
}

/// The labels of a [`Name`], from the left.
#[derive(Clone, Debug)]
pub struct Labels<'m> {
    message: &'m [u8],
    cursor: usize,
    /// Bytes of the name not yet given, the root's included: ends every walk, whatever the bytes.
    left: usize,
}

impl<'m> Iterator for Labels<'m> {
    type Item = Label<'m>;

    fn next(&mut self) -> Option<Label<'m>> {
        for _ in 0..=MAX_POINTERS {
            let byte = *self.message.get(self.cursor)?;
            if byte >= 0xc0 {
                let low = *self.message.get(self.cursor + 1)?;
                self.cursor = usize::from(byte & 0x3f) << 8 | usize::from(low);
                continue;
            }
            let size = 1 + usize::from(byte);
            if byte == 0 || size >= self.left {
                return None;
            }
            let with_length = self.message.get(self.cursor..self.cursor + size)?;
            self.cursor += size;
            self.left -= size;
            return Some(Label { with_length });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(message: &[u8], at: usize) -> Result<(Vec<u8>, usize), NameError> {
        Name::parse(message, at).map(|(name, behind)| {
            let mut out = vec![0xff; name.at().wire_len()];
            assert_eq!(name.write(&mut out), out.len());
            (out, behind)
        })
    }

    #[test]
    fn plain_and_root() {
        assert_eq!(
            parse(b"\x03www\x02Ex\x00rest", 0),
            Ok((b"\x03www\x02Ex\x00".to_vec(), 8))
        );
        assert_eq!(parse(b"\x00", 0), Ok((vec![0], 1)));
    }

    #[test]
    fn pointers_forward_and_back() {
        let message = b"\x01a\x00\x01b\xc0\x00\xc0\x03\xc0\x0b\x01c\x00";
        assert_eq!(parse(message, 3), Ok((b"\x01b\x01a\x00".to_vec(), 7)));
        assert_eq!(parse(message, 7), Ok((b"\x01b\x01a\x00".to_vec(), 9)));
        assert_eq!(parse(message, 9), Ok((b"\x01c\x00".to_vec(), 11)));
    }

    #[test]
    fn refusals() {
        assert_eq!(parse(b"\xc0\x00", 0), Err(NameError::Loop));
        assert_eq!(parse(b"\x01a\xc0\x00", 0), Err(NameError::Long));
        assert_eq!(parse(b"\x40a", 0), Err(NameError::LabelType));
        assert_eq!(parse(b"\x80a", 0), Err(NameError::LabelType));
        assert_eq!(parse(b"\x02a", 0), Err(NameError::Short));
        assert_eq!(parse(b"\xc0", 0), Err(NameError::Short));
        assert_eq!(parse(b"\xc0\x09", 0), Err(NameError::Short));
        assert_eq!(parse(b"", 0), Err(NameError::Short));
        assert_eq!(parse(b"\x00", 70_000), Err(NameError::Short));
    }

    #[test]
    fn longest() {
        let mut message = Vec::new();
        for _ in 0..3 {
            message.push(63);
            message.extend([b'x'; 63]);
        }
        let mut fits = message.clone();
        fits.push(61);
        fits.extend([b'y'; 61]);
        fits.push(0);
        assert_eq!(
            parse(&fits, 0).map(|found| found.0.len()),
            Ok(MAX_NAME_BYTES)
        );
        message.push(62);
        message.extend([b'y'; 62]);
        message.push(0);
        assert_eq!(parse(&message, 0), Err(NameError::Long));
    }

    /// Bytes that are labels and pointers more often than chance has it.
    fn names() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
        use proptest::prelude::{Strategy, any, prop_oneof};
        let piece = prop_oneof![
            (1_u8..5, any::<[u8; 4]>())
                .prop_map(|(length, bytes)| { [&[length], &bytes[..length.into()]].concat() }),
            (1_u8..64, any::<u8>()).prop_map(|(length, byte)| [
                vec![length],
                vec![byte; length.into()]
            ]
            .concat()),
            // Pointers, and what looks like one but for its first bits.
            (1_u8..4, 0_u8..80).prop_map(|(bits, target)| vec![bits << 6, target]),
            (0_u8..80).prop_map(|target| vec![0xc0, target]),
            proptest::strategy::Just(vec![0]),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest::proptest! {
        #[test]
        fn a_usual_name_is_the_same_slowly(message in names(), at in 0_usize..80) {
            if let Some((name, behind)) = Name::usual(&message, at) {
                let slow = Name::any(&message, at).map(|(name, behind)| (name.at(), behind));
                proptest::prop_assert_eq!(slow, Ok((name.at(), behind)));
                let mut fast = vec![0; name.at().wire_len() + SPILL_BYTES];
                let mut exact = vec![0; name.at().wire_len()];
                proptest::prop_assert_eq!(name.write(&mut fast), exact.len());
                name.write_labels(&mut exact);
                proptest::prop_assert_eq!(&fast[..exact.len()], &exact);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(message: Vec<u8>, at in 0_usize..80) {
            if let Ok((name, behind)) = parse(&message, at) {
                proptest::prop_assert!(behind > at && behind <= message.len());
                proptest::prop_assert!(name.len() <= MAX_NAME_BYTES);
                // What was written is a name of its own, and the same one.
                proptest::prop_assert_eq!(parse(&name, 0), Ok((name.clone(), name.len())));
            }
        }
    }
}
