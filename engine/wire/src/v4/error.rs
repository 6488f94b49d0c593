//! Why bytes are not a dnsflow datagram.

use core::fmt;

/// Why a datagram, or a set in it, is invalid. `at` is an offset in bytes from the start of the
/// datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than the header.
    ShortHeader {
        /// Length of the datagram in bytes.
        len: usize,
    },
    /// A version other than 0 to 4.
    Version(u8),
    /// The header announces no set.
    NoSets,
    /// A stats datagram of another length than its version has.
    StatsLength {
        /// Length of the datagram in bytes.
        len: usize,
        /// Length that the version asks for.
        want: usize,
    },
    /// The datagram ends inside a set header.
    CutHeader {
        /// Start of the set.
        at: usize,
    },
    /// The IP version of a set is neither 4 nor 6.
    IpVersion {
        /// Offset of the byte.
        at: usize,
        /// Its value.
        found: u8,
    },
    /// Bytes that must be zero are not: the set header's reserved field, or the end of the field of
    /// an IPv4 address.
    NotZero {
        /// Start of the field.
        at: usize,
    },
    /// A set without a name; even a query for the root has one.
    NoNames {
        /// Start of the set.
        at: usize,
    },
    /// The length of a version 4 names block is not a multiple of four.
    NamesLength {
        /// Offset of the length.
        at: usize,
        /// The length in bytes.
        found: u16,
    },
    /// The datagram ends inside a names block.
    CutNames {
        /// Start of the names block.
        at: usize,
    },
    /// A name runs past the end of its names block.
    NameEnd {
        /// Start of the name.
        at: usize,
    },
    /// A label length above 63 (RFC 1035, section 2.3.4); sets have no compression.
    LabelLength {
        /// Offset of the length.
        at: usize,
        /// Its value.
        found: u8,
    },
    /// More than three bytes, or bytes other than zero, after the last name.
    Padding {
        /// End of the last name.
        at: usize,
    },
    /// The datagram ends inside the addresses of a set.
    CutAddresses {
        /// Start of the addresses.
        at: usize,
    },
    /// Bytes after the last set.
    Trailing {
        /// End of the last set.
        at: usize,
        /// Number of bytes.
        count: usize,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ShortHeader { len } => {
                write!(f, "{len} bytes are too few for a dnsflow header of 8")
            }
            Self::Version(found) => write!(f, "dnsflow version {found}, known are 0 to 4"),
            Self::NoSets => f.write_str("header announces no set"),
            Self::StatsLength { len, want } => {
                write!(f, "stats datagram of {len} bytes, expected {want}")
            }
            Self::CutHeader { at } => write!(f, "offset {at}: cut set header"),
            Self::IpVersion { at, found } => {
                write!(f, "offset {at}: IP version {found}, expected 4 or 6")
            }
            Self::NotZero { at } => write!(f, "offset {at}: bytes are not zero as they must be"),
            Self::NoNames { at } => write!(f, "offset {at}: set without a name"),
            Self::NamesLength { at, found } => {
                write!(
                    f,
                    "offset {at}: names length {found} is not a multiple of 4"
                )
            }
            Self::CutNames { at } => write!(f, "offset {at}: cut names"),
            Self::NameEnd { at } => write!(f, "offset {at}: name runs past its block"),
            Self::LabelLength { at, found } => {
                write!(
                    f,
                    "offset {at}: label length {found}, at most 63 are allowed"
                )
            }
            Self::Padding { at } => {
                write!(f, "offset {at}: names are not padded with 0 to 3 zeros")
            }
            Self::CutAddresses { at } => write!(f, "offset {at}: cut addresses"),
            Self::Trailing { at, count } => {
                write!(f, "offset {at}: {count} bytes after the last set")
            }
        }
    }
}

impl core::error::Error for DecodeError {}
