//! Domain names: what is valid, and the labels of one.
//!
//! [`Name`] gives the labels, of a name of a message as of one in a decoded set. Case is kept as
//! received. Names become text in [`text`](crate::text) only.

/// Longest name in wire format, root label included, in bytes (RFC 1035, section 2.3.4).
pub const MAX_NAME_BYTES: usize = 255;

/// Longest label, without the byte of its length, in bytes (RFC 1035, section 2.3.4).
pub const MAX_LABEL_BYTES: usize = 63;

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
    /// A name by itself, but the different names of its message have more than 4 times as many
    /// bytes as the message once their pointers are followed.
    Excess,
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
        Self(Form::Wire(wire))
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
    /// Lengths and labels, the root's included.
    Wire(&'a [u8]),
    /// Labels separated by dots; `None` after the last one.
    Text(Option<&'a [u8]>),
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.0 {
            Form::Wire(rest) => {
                let (&length, behind) = rest.split_first().filter(|(length, _)| **length > 0)?;
                let (label, behind) = behind.split_at_checked(usize::from(length))?;
                *rest = behind;
                Some(label)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
