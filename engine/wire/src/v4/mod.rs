//! Version 4 of the record format, written and read, and versions 0 to 3, read.
//!
//! A sensor sends datagrams; a datagram holds sets, each of which is one response or a part of one;
//! or it holds one stats set, the counters of the sender.
//!
//! ```text
//! datagram | header 8 | set | set | ..
//! set      | set header 40 | names, padded to a multiple of 4 | IPv4 addresses | IPv6 addresses |
//! ```
//!
//! | part | defined in | written by | read by |
//! |---|---|---|---|
//! | datagram header | `header` | [`Encoder`] | [`Datagram::parse`] |
//! | set header | `set_header` | [`Part::write`], [`Transcriber::set`] | [`Set::parse`] |
//! | names and addresses | `set` | [`Part::write`], [`Transcriber::set`] | [`Set::parse`] |
//! | counters | `stats` | [`Stats::datagram`] | [`Datagram::content`] |
//!
//! A collector meets sensors of every age, so the reader knows every version that was ever sent; a
//! sensor writes [`Version::V4`].
//!
//! Two ways lead from a message to a set. The [`Transcriber`] is the fast path: it checks a message
//! and writes its set in one pass. What does not qualify goes through
//! [`Answers`](crate::dns::Answers) and [`parts`], which split what is too large for one set. Where
//! both make a set, it is the same set.
//!
//! The module refuses to know sockets, streams and what the fields mean to a collector: sequence
//! numbers are given by who sends and accounted for by who receives.

mod builder;
mod cursor;
mod datagram;
mod encoder;
mod error;
mod header;
mod names;
mod part;
mod set;
mod set_header;
mod stats;
mod transcript;

pub use builder::{Builder, MAX_SETS};
pub use datagram::{Content, Datagram, Sets};
pub use encoder::Encoder;
pub use error::DecodeError;
pub use header::{FLAG_STATS, HEADER_BYTES};
pub use names::Names;
pub use part::{MIN_SET_ROOM_BYTES, Part, Parts, parts};
pub use set::Set;
pub use set_header::SET_HEADER_BYTES;
pub use stats::{STATS_BYTES, Stats};
pub use transcript::Transcriber;

/// UDP port of a collector where none is named.
pub const DEFAULT_PORT: u16 = 5300;

/// Bytes of an address of a record, by its IP version.
const IPV4_BYTES: usize = 4;
const IPV6_BYTES: usize = 16;

/// A version of the datagram format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Version {
    /// Names are text that ends with NUL; addresses are IPv4 only; four counters.
    V0 = 0,
    /// Names in wire format from here on.
    V1 = 1,
    /// A fifth counter from here on: the sample rate.
    V2 = 2,
    /// IPv6 from here on.
    V3 = 3,
    /// The resolver's address from here on. The version that is written.
    V4 = 4,
}

impl Version {
    /// The version of this number, as in the first byte of a datagram; `None` above 4.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::V0,
            1 => Self::V1,
            2 => Self::V2,
            3 => Self::V3,
            4 => Self::V4,
            _ => return None,
        })
    }

    /// The number that is in the header: 0 to 4.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests;
