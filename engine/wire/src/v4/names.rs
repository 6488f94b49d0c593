//! The names of a set, read.

use super::DecodeError;
use crate::dns::{MAX_LABEL_BYTES, Name};

/// Most bytes of padding after the names of a set, whose length is a multiple of four.
const MAX_PADDING_BYTES: usize = 3;

/// How names are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Text that ends with NUL, labels separated by dots: version 0.
    Text,
    /// Length, label, .., 0 without compression (RFC 1035, section 3.1): from version 1 on.
    Wire,
}

/// The names of a set, in its order; an iterator.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    form: Form,
    left: u8,
    rest: &'a [u8],
}

impl<'a> Names<'a> {
    /// Checks `count` names and the padding after them, so that iterating over them cannot fail.
    /// `start` is the offset of `block` in its datagram.
    pub(super) fn parse(
        form: Form,
        count: u8,
        block: &'a [u8],
        start: usize,
    ) -> Result<Self, DecodeError> {
        let mut end = 0;
        for _ in 0..count {
            end += name_len(form, block.get(end..).unwrap_or_default(), start + end)?;
        }
        let padding = block.get(end..).unwrap_or_default();
        if padding.len() > MAX_PADDING_BYTES || padding.iter().any(|&byte| byte != 0) {
            return Err(DecodeError::Padding { at: start + end });
        }
        Ok(Self {
            form,
            left: count,
            rest: block,
        })
    }
}

/// Length in bytes of the name at the start of `block`, its terminating 0 included.
fn name_len(form: Form, block: &[u8], start: usize) -> Result<usize, DecodeError> {
    let past = DecodeError::NameEnd { at: start };
    if form == Form::Text {
        return block
            .iter()
            .position(|&byte| byte == 0)
            .map(|nul| nul + 1)
            .ok_or(past);
    }
    let mut at = 0;
    loop {
        match *block.get(at).ok_or(past)? {
            0 => return Ok(at + 1),
            found if usize::from(found) <= MAX_LABEL_BYTES => at += 1 + usize::from(found),
            found => {
                return Err(DecodeError::LabelLength {
                    at: start + at,
                    found,
                });
            }
        }
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = Name<'a>;

    fn next(&mut self) -> Option<Name<'a>> {
        self.left = self.left.checked_sub(1)?;
        let len = name_len(self.form, self.rest, 0).ok()?;
        let (name, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(match self.form {
            Form::Text => Name::from_text(name.strip_suffix(b"\0")?),
            Form::Wire => Name::from_wire(name),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for Names<'_> {}
