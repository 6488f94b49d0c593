//! The name that a message is about, read alone: for those that decide by it whether the message is
//! read at all.
//!
//! It is the name at the end of the header: the name asked for, or without a question the owner of
//! the first answer, as [`Answers::names`](super::Answers::names) begins with. Upper case becomes
//! lower case (RFC 4343), so that names can be compared as bytes.

use super::rules::HEADER_BYTES;
use super::{MAX_NAME_BYTES, NameError};

/// Bytes that are copied at once. What follows a name in a response has at least as many: the root,
/// type and class of the question, and a record.
const PIECE_BYTES: usize = 16;

/// Most labels of a name: each has at least two bytes, and the root one.
const MAX_LABELS: usize = MAX_NAME_BYTES / 2;

/// Slots for labels: a power of two, so that a mask replaces the bounds check.
const SLOTS: usize = 128;

const _: () = assert!(MAX_LABELS < SLOTS);

/// Pointers followed in one name; with more, it is taken for a loop.
const MAX_POINTERS: usize = MAX_LABELS;

/// A name in lower case, without compression. The memory of one serves all messages.
///
/// ```
/// use dnsflow_wire::dns::Asked;
///
/// let message = b"\x12\x34\x81\x80\0\x01\0\0\0\0\0\0\x03WWW\x07example\0\0\x01\0\x01";
/// let mut name = Asked::default();
/// name.read(message)?;
/// assert_eq!(name.suffix(2), Some(&b"\x03www\x07example"[..]));
/// assert_eq!(name.suffix(1), Some(&b"\x07example"[..]));
/// assert_eq!(name.suffix(0), Some(&b""[..]));
/// assert_eq!(name.suffix(3), None);
/// # Ok::<(), dnsflow_wire::dns::NameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Asked {
    /// Labels with the bytes of their lengths, without the root. Bytes behind are unspecified.
    text: [u8; MAX_NAME_BYTES + PIECE_BYTES],
    len: usize,
    /// Where each label starts in the text.
    starts: [u8; SLOTS],
    labels: usize,
}

/// The root.
impl Default for Asked {
    fn default() -> Self {
        Self {
            text: [0; MAX_NAME_BYTES + PIECE_BYTES],
            len: 0,
            starts: [0; SLOTS],
            labels: 0,
        }
    }
}

impl Asked {
    /// Reads the name of `message`, from its header on, in place of the one before. It costs no more
    /// than 127 labels and as many pointers do, and allocates nothing.
    ///
    /// # Errors
    /// If there is no name: then nothing is an answer to it, and
    /// [`Answers::parse`](super::Answers::parse) refuses the message. What is here is unspecified.
    #[inline(always)]
    pub fn read(&mut self, message: &[u8]) -> Result<(), NameError> {
        (self.len, self.labels) = (0, 0);
        let labels = message.get(HEADER_BYTES..).ok_or(NameError::Short)?;
        match self.labels_of(labels)? {
            0 => Ok(()),
            _ => self.follow(message),
        }
    }

    /// The number of labels, the root's not counted.
    #[inline]
    #[must_use]
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// The last `labels` labels, each behind the byte of its length, without the root; `None` if the
    /// name has fewer.
    #[inline]
    #[must_use]
    pub fn suffix(&self, labels: usize) -> Option<&[u8]> {
        let first = self.labels.checked_sub(labels)?;
        // The root's place is not among those of labels.
        let start = match labels {
            0 => self.len,
            _ => usize::from(self.starts[first % SLOTS]),
        };
        self.text.get(start..self.len)
    }

    /// Adds the labels at the front of `rest`. Returns the byte behind them: 0 for the root, or the
    /// first of a pointer.
    #[inline(always)]
    fn labels_of(&mut self, rest: &[u8]) -> Result<u8, NameError> {
        let (before, mut labels, mut at) = (self.len, self.labels, 0);
        // The root has a byte too.
        let most = MAX_NAME_BYTES - 1 - before;
        let behind = loop {
            let byte = *rest.get(at).ok_or(NameError::Short)?;
            if !(1..0x40).contains(&byte) {
                break byte;
            }
            // Less than 255, so that it is all in one byte.
            self.starts[labels % SLOTS] = (before + at).to_le_bytes()[0];
            labels += 1;
            at += 1 + usize::from(byte);
            if at > most {
                return Err(NameError::Long);
            }
        };
        self.labels = labels;
        if (0x40..0xc0).contains(&behind) {
            return Err(NameError::LabelType);
        }
        let room = self.text.get_mut(before..).unwrap_or_default();
        let mut done = 0;
        while done < at {
            let piece = rest.get(done..).and_then(<[u8]>::first_chunk);
            let place = room.get_mut(done..).and_then(<[u8]>::first_chunk_mut);
            let (Some(piece), Some(place)) = (piece, place) else {
                let left = rest.get(done..at).unwrap_or_default();
                let room = room.get_mut(done..at).unwrap_or_default();
                room.copy_from_slice(left);
                // Bytes of lengths are below any letter.
                room.make_ascii_lowercase();
                break;
            };
            let piece: &[u8; PIECE_BYTES] = piece;
            *place = piece.map(|byte| byte.to_ascii_lowercase());
            done += PIECE_BYTES;
        }
        self.len = before + at;
        Ok(behind)
    }

    /// Adds what the pointer behind the labels leads to: no resolver writes a question so.
    #[cold]
    #[inline(never)]
    fn follow(&mut self, message: &[u8]) -> Result<(), NameError> {
        let mut at = HEADER_BYTES + self.len;
        for _ in 0..MAX_POINTERS {
            let pointer = message.get(at..).and_then(<[u8]>::first_chunk);
            let &[high, low] = pointer.ok_or(NameError::Short)?;
            let target = usize::from(u16::from_be_bytes([high & 0x3f, low]));
            let before = self.len;
            match self.labels_of(message.get(target..).ok_or(NameError::Short)?)? {
                0 => return Ok(()),
                _ => at = target + (self.len - before),
            }
        }
        Err(NameError::Loop)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dns::{Answers, Dialect, Extent, Scratch};

    /// A response whose question is these bytes, with an answer to it.
    fn response(question: &[u8]) -> Vec<u8> {
        let head = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0";
        let rest = b"\0\x01\0\x01\0\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
        [head, question, rest].concat()
    }

    fn labels(message: &[u8]) -> Result<Vec<Vec<u8>>, NameError> {
        let mut name = Asked::default();
        // What was read before does not matter.
        let _ = name.read(&response(b"\x05other\x04name\0"));
        name.read(message)?;
        let whole = name.suffix(name.labels()).expect("all of it");
        let parts = (0..name.labels()).map(|count| {
            let (long, short) = (name.suffix(count + 1), name.suffix(count));
            let (long, short) = (long.expect("a label more"), short.expect("as many"));
            assert!(whole.ends_with(long) && long.ends_with(short));
            long[1..long.len() - short.len()].to_vec()
        });
        let mut parts: Vec<_> = parts.collect();
        parts.reverse();
        Ok(parts)
    }

    #[test]
    fn names_become_lower_case() {
        let found = labels(&response(b"\x03WwW\x01@\x01[\x02\xc4Z\0"));
        assert_eq!(
            found,
            Ok(vec![
                b"www".to_vec(),
                b"@".to_vec(),
                b"[".to_vec(),
                b"\xc4z".to_vec()
            ])
        );
        assert_eq!(labels(&response(b"\0")), Ok(vec![]));
    }

    #[test]
    fn limits() {
        let longest = [&b"\x01a".repeat(127)[..], b"\0"].concat();
        assert_eq!(labels(&response(&longest)).map(|it| it.len()), Ok(127));
        let longer = [&b"\x01a".repeat(126)[..], b"\x02aa\0"].concat();
        assert_eq!(labels(&response(&longer)), Err(NameError::Long));
        assert_eq!(labels(&response(b"\xc0\x0c")), Err(NameError::Loop));
        assert_eq!(labels(&response(b"\x01a\xc0\x0c")), Err(NameError::Long));
        assert_eq!(labels(&response(b"\x40a")), Err(NameError::LabelType));
        assert_eq!(labels(&response(b"")[..12]), Err(NameError::Short));
        assert_eq!(labels(&[0; 11]), Err(NameError::Short));
    }

    #[test]
    fn pointers_are_followed() {
        let mut message = response(b"\x01a\xc0\x10\0\x01\0\x01");
        // Behind the question, where the owner of the answer would be.
        message.splice(16..16, *b"\x01B\0");
        assert_eq!(labels(&message), Ok(vec![b"a".to_vec(), b"b".to_vec()]));
    }

    /// Bytes that are names more often than not.
    fn any_question() -> impl Strategy<Value = Vec<u8>> {
        let label = proptest::collection::vec(any::<u8>(), 1..64).prop_map(|mut label| {
            let count = u8::try_from(label.len()).expect("at most 63");
            label.insert(0, count);
            label
        });
        let end = prop_oneof![
            4 => Just(vec![0]),
            2 => (0_u8..80).prop_map(|low| vec![0xc0, low]),
            1 => proptest::collection::vec(any::<u8>(), 0..3),
        ];
        (proptest::collection::vec(label, 0..6), end)
            .prop_map(|(labels, end)| [labels.concat(), end].concat())
    }

    proptest! {
        /// Whatever a message that is read begins with, this finds the same.
        #[test]
        fn it_is_the_first_name_of_the_message(
            question in any_question(),
            length in 0_usize..400,
            multicast: bool,
        ) {
            let mut message = response(&question);
            message.truncate(length.max(12));
            let dialect = if multicast {
                message[5] = 0;
                // It is the owner of the answer, which follows it.
                let at = 12 + question.len();
                if message.len() >= at + 5 {
                    message.drain(at..at + 5);
                }
                Dialect::Multicast
            } else {
                Dialect::Unicast
            };
            let mut scratch = Scratch::default();
            if let Ok(answers) = Answers::parse(&message, dialect, Extent::Cut, &mut scratch) {
                let name = answers.names().next().expect("there is one");
                let expected: Vec<_> = name.labels().map(<[u8]>::to_ascii_lowercase).collect();
                prop_assert_eq!(labels(&message), Ok(expected));
            }
        }
    }
}
