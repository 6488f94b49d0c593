//! Domain names: checked where they are, compressed or not, without a copy.
//!
//! A response repeats its names through pointers, and most of them only have to be skipped. So a
//! checked name in a message is kept as a [`NameAt`]: its offset, and the length that it has once
//! its pointers are followed. Its labels are copied once, when it is exported. [`Name`] gives the
//! labels, of a name in a message as of one in a decoded set. Case is kept as received. Names
//! become text in [`text`](crate::text) only.

/// Longest name in wire format, root label included, in bytes (RFC 1035, section 2.3.4).
pub const MAX_NAME_BYTES: usize = 255;

/// Longest label, without the byte of its length, in bytes (RFC 1035, section 2.3.4).
pub const MAX_LABEL_BYTES: usize = 63;

/// Pointers followed in one name; with more, it is taken for a loop.
///
/// A name of 255 bytes has at most 127 labels, so no compression needs more.
const MAX_POINTERS: usize = 127;

/// Why bytes are not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// A label, a pointer or its target is past the end of the message.
    Short,
    /// A label starts with the bits 01 or 10, which are reserved (RFC 1035, section 4.1.4).
    LabelType,
    /// The pointers form a loop, or are more than the 127 labels that a name can have.
    Loop,
    /// Over [`MAX_NAME_BYTES`] once the pointers are followed.
    Long,
}

/// The place of a checked name in its message, and the name's length uncompressed.
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
/// (RFC 1035, sections 3.1 and 4.1.4.)
///
/// ```
/// use dnsflow_wire::dns::NameAt;
///
/// // `example` at offset 0, and `www` before a pointer to it at offset 9.
/// let message = b"\x07example\0\x03www\xc0\0";
/// let (name, end) = NameAt::parse(message, 9)?;
/// assert_eq!((name.wire_len(), end), (13, 15));
/// assert!(name.within(message).labels().eq([&b"www"[..], b"example"]));
/// # Ok::<(), dnsflow_wire::dns::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAt {
    offset: u16,
    wire_len: u8,
}

impl NameAt {
    /// Checks the name that starts at `offset` of a message of at most 65,535 bytes.
    ///
    /// Returns the name and the offset of what follows it, which is after the first pointer if it
    /// has one.
    ///
    /// # Errors
    /// The first error, in wire order.
    pub fn parse(message: &[u8], offset: usize) -> Result<(Self, usize), NameError> {
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
        let name = Self {
            offset: start,
            wire_len: u8::try_from(wire_len).map_err(|_| NameError::Long)?,
        };
        Ok((name, behind.unwrap_or(cursor)))
    }

    /// Bytes of the name in uncompressed wire format, root label included: 1 to 255.
    #[must_use]
    pub fn wire_len(self) -> usize {
        usize::from(self.wire_len)
    }

    /// The name. `message` is the one that it was found in; in another one, the labels are
    /// unspecified.
    #[must_use]
    pub fn within(self, message: &[u8]) -> Name<'_> {
        Name(Form::Wire(self.walk(message)))
    }

    /// Writes the name uncompressed to the front of `out`. Returns its length in bytes,
    /// [`wire_len`](Self::wire_len). `message` is the one that it was found in. If `out` is too
    /// short, labels that do not fit are left out.
    pub fn write(self, message: &[u8], out: &mut [u8]) -> usize {
        let mut filled = 0;
        let mut labels = self.walk(message);
        while let Some(with_length) = labels.next_label() {
            // A label's length byte is before it in the message, so one copy takes both.
            let end = filled + with_length.len();
            if let Some(room) = out.get_mut(filled..end) {
                room.copy_from_slice(with_length);
            }
            filled = end;
        }
        if let Some(root) = out.get_mut(filled) {
            *root = 0;
        }
        filled + 1
    }

    fn walk(self, message: &[u8]) -> Wire<'_> {
        Wire {
            message,
            cursor: usize::from(self.offset),
            left: self.wire_len(),
        }
    }
}

/// A name, case as received: one of a DNS message, or one of a decoded set.
///
/// A name of a message has at most [`MAX_NAME_BYTES`], and labels of at most [`MAX_LABEL_BYTES`]. A
/// set limits the labels only, and in version 0, where names are text, not even those.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(Form<'a>);

impl<'a> Name<'a> {
    /// The name that `wire` is, in wire format without compression, root label included.
    pub(crate) fn from_wire(wire: &'a [u8]) -> Self {
        Self(Form::Wire(Wire {
            message: wire,
            cursor: 0,
            left: wire.len(),
        }))
    }

    /// The name that `text` is, labels separated by dots. A dot at its end is the root's and adds
    /// no label.
    pub(crate) fn from_text(text: &'a [u8]) -> Self {
        let text = text.strip_suffix(b".").unwrap_or(text);
        Self(Form::Text((!text.is_empty()).then_some(text)))
    }

    /// The labels from left to right, without the root's empty one: none for the root itself.
    #[must_use]
    pub fn labels(&self) -> Labels<'a> {
        Labels(self.0)
    }
}

impl<'a> IntoIterator for Name<'a> {
    type Item = &'a [u8];
    type IntoIter = Labels<'a>;

    fn into_iter(self) -> Labels<'a> {
        self.labels()
    }
}

/// The labels of a [`Name`] from left to right, each as its bytes without the length; an iterator.
///
/// A name of a version 0 set is split at its dots: that version has no other form for a dot inside
/// a label.
#[derive(Clone, Debug)]
pub struct Labels<'a>(Form<'a>);

/// What is left of a name.
#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    /// Lengths and labels.
    Wire(Wire<'a>),
    /// Labels separated by dots; `None` after the last one.
    Text(Option<&'a [u8]>),
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.0 {
            Form::Wire(labels) => {
                let with_length = labels.next_label()?;
                Some(with_length.get(1..).unwrap_or_default())
            }
            Form::Text(rest) => {
                let text = (*rest)?;
                let label = match text.iter().position(|&byte| byte == b'.') {
                    Some(dot) => {
                        *rest = text.get(dot + 1..);
                        text.get(..dot)?
                    }
                    None => rest.take()?,
                };
                Some(label)
            }
        }
    }
}

/// A checked name in wire format.
#[derive(Clone, Copy, Debug)]
struct Wire<'m> {
    message: &'m [u8],
    cursor: usize,
    /// Bytes of the name not yet given, the root's included: ends every walk, whatever the bytes.
    left: usize,
}

impl<'m> Wire<'m> {
    /// The next label, with the byte of its length before it.
    fn next_label(&mut self) -> Option<&'m [u8]> {
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
            return Some(with_length);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(message: &[u8], at: usize) -> Result<(Vec<u8>, usize), NameError> {
        NameAt::parse(message, at).map(|(name, behind)| {
            let mut out = vec![0xff; name.wire_len()];
            assert_eq!(name.write(message, &mut out), out.len());
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

    #[test]
    fn text_is_split_at_its_dots() {
        let labels = |text| Name::from_text(text).labels().collect::<Vec<_>>();
        assert_eq!(labels(b""), [b""; 0]);
        assert_eq!(labels(b"."), [b""; 0]);
        assert_eq!(labels(b"www.a."), [&b"www"[..], b"a"]);
        assert_eq!(labels(b"a..b"), [&b"a"[..], b"", b"b"]);
        assert_eq!(labels(b".a.."), [&b""[..], b"a", b""]);
    }

    #[test]
    fn wire_names_may_be_longer_in_sets_than_in_messages() {
        let mut wire = Vec::new();
        for _ in 0..1000 {
            wire.extend(b"\x3f");
            wire.extend([b'x'; MAX_LABEL_BYTES]);
        }
        wire.push(0);
        let name = Name::from_wire(&wire);
        assert_eq!(name.labels().count(), 1000);
        assert!(name.labels().all(|label| label == [b'x'; MAX_LABEL_BYTES]));
        assert_eq!(Name::from_wire(b"\0").labels().count(), 0);
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
