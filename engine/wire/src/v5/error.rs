//! Why bytes are not a datagram of version 5.

use core::fmt;

use crate::dns::NameError;

/// Why a datagram, or a record in it, is invalid. `at` is an offset in bytes from the start of the
/// datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than the header.
    ShortHeader {
        /// Length of the datagram in bytes.
        len: usize,
    },
    /// A version other than 5.
    Version(u8),
    /// A header shorter than 32 bytes, or longer than the datagram.
    HeaderWords {
        /// The length that the header tells, in units of 4 bytes.
        words: u8,
        /// Length of the datagram in bytes.
        len: usize,
    },
    /// The datagram ends before as many records or counters as the header tells.
    Missing {
        /// End of the datagram.
        at: usize,
        /// How many are missing.
        count: u16,
    },
    /// What holds a field ends inside it.
    Cut {
        /// Start of the field.
        at: usize,
        /// The field.
        field: &'static str,
    },
    /// A field has a value, or a length, that it can't have.
    Value {
        /// Start of the field.
        at: usize,
        /// The field.
        field: &'static str,
    },
    /// Bytes that are no name.
    Name {
        /// Start of the name.
        at: usize,
        /// Why.
        error: NameError,
    },
    /// An origin that no record before has told.
    Origin {
        /// Offset of the number.
        at: usize,
        /// The number.
        number: u8,
    },
    /// A group of answers that can't be.
    Group {
        /// Offset of its first byte.
        at: usize,
        /// That byte.
        found: u8,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ShortHeader { len } => {
                write!(f, "{len} bytes are too few for a dnsflow header of 32")
            }
            Self::Version(found) => write!(f, "dnsflow version {found}, expected 5"),
            Self::HeaderWords { words, len } => {
                write!(f, "header of {words} words in a datagram of {len} bytes")
            }
            Self::Missing { at, count } => {
                write!(f, "offset {at}: {count} announced records are missing")
            }
            Self::Cut { at, field } => write!(f, "offset {at}: cut {field}"),
            Self::Value { at, field } => write!(f, "offset {at}: bad {field}"),
            Self::Name { at, error } => {
                let why = match error {
                    NameError::Short => "is cut, or leads out of the records",
                    NameError::LabelType => "has a reserved label type",
                    NameError::Loop => "has more than 127 pointers",
                    NameError::Long | NameError::Excess => "has more than 255 bytes",
                };
                write!(f, "offset {at}: name {why}")
            }
            Self::Origin { at, number } => {
                write!(f, "offset {at}: origin {number} was not told before")
            }
            Self::Group { at, found } => {
                write!(
                    f,
                    "offset {at}: no group of answers starts with {found:#04x}"
                )
            }
        }
    }
}

impl core::error::Error for DecodeError {}
