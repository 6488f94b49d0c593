//! The record format of version 4, written and read, and of versions 0 to 3, read.
//!
//! A sensor sends datagrams, each the payload of one UDP packet. A datagram holds data sets, each
//! of which is a response or a part of one, or one stats set, the counters of the sender:
//!
//! ```text
//! datagram | header 8 | data set | data set | ..
//! data set | set header 40 | names, padded to a multiple of 4 | IPv4 addresses | IPv6 addresses
//!
//! datagram | header 8 | stats set 20
//! ```
//!
//! (Sizes in bytes, of version 4.) What writes a part and what reads it share one definition:
//!
//! | part | layout | written by | read by |
//! |---|---|---|---|
//! | datagram header | [`HEADER_BYTES`] | [`Encoder`] | [`Datagram::parse`] |
//! | set header | [`SET_HEADER_BYTES`] | [`Part::write`], [`Transcriber::set`] | [`Set::parse`] |
//! | names, addresses | [`Set`] | [`Part::write`], [`Transcriber::set`] | [`Set::parse`] |
//! | stats set | [`Stats`] | [`Stats::datagram`] | [`Datagram::content`] |
//!
//! To decode, start at [`Datagram`]: a collector meets sensors of every age, so every version that
//! was ever sent is read. To encode, which is always [`Version::V4`], start at [`Builder`] and fill
//! it with sets:
//!
//! - [`Transcriber`], the fast path, checks a message and writes its set in one pass, if the
//!   message qualifies;
//! - [`parts`], the slow path, makes one or several sets of any
//!   [`Response`](crate::response::Response).
//!
//! Where both make a set, it is the same set.
//!
//! The module refuses to know sockets and streams, and to judge the fields: the sender numbers
//! datagrams, and the receiver accounts for the numbers.

mod builder;
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

/// Default UDP port of a collector.
pub const DEFAULT_PORT: u16 = 5300;

/// Bytes of an address.
const IPV4_BYTES: usize = 4;
const IPV6_BYTES: usize = 16;

/// A version of the datagram format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Version {
    /// Names are text that ends with NUL; addresses are IPv4 only; stats have four counters.
    V0 = 0,
    /// As version 0, with names in wire format.
    V1 = 1,
    /// As version 1, with a fifth counter: the sample rate.
    V2 = 2,
    /// As version 2, with IPv6 clients and addresses.
    V3 = 3,
    /// As version 3, with the resolver's address. The version that is written.
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
