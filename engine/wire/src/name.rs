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

/// Where a checked name lies in its message, and its length uncompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAt {
    offset: u16,
    wire_len: u8,
}

impl NameAt {
    /// Bytes of the name in uncompressed wire format, root label included: 1 to 255.
    #[must_use]
    pub fn wire_len(self) -> usize {
        usize::from(self.wire_len)
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
        let start = u16::try_from(offset).map_err(|_| NameError::Short)?;
        let mut cursor = offset;
        let mut behind = None;
        let mut pointers = 0;
        let mut wire_len: usize = 0;
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
                    behind = behind.or(Some(cursor + 2));
                    pointers += 1;
                    if pointers > MAX_POINTERS {
                        return Err(NameError::Loop);
                    }
                    cursor = usize::from(byte & 0x3f) << 8 | usize::from(low);
                }
                _ => return Err(NameError::LabelType),
            }
        }
        let at = NameAt {
            offset: start,
            wire_len: u8::try_from(wire_len).map_err(|_| NameError::Long)?,
        };
        Ok((Name { message, at }, behind.unwrap_or(cursor)))
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
            cursor: usize::from(self.at.offset),
            left: self.at.wire_len(),
        }
    }

    /// Writes the name uncompressed to the front of `out` and returns its length, [`NameAt::wire_len`]. Of a name
    /// for which `out` is too short, the labels that don't fit are left out.
    pub fn write(&self, out: &mut [u8]) -> usize {
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
