//! The record format of version 5, read. `docs/protocol.md` specifies it.
//!
//! ```text
//! datagram | header 32 | header parts | record | record | .. | padding
//! datagram | header 32 | header parts | counter | counter | .. | padding
//! record   | length 2 | form 1 | flags 1 | time | client | port 2 | origin | rcode | name | .. | answers | 0 | parts
//! ```
//!
//! | part | layout |
//! |---|---|
//! | datagram header | [`HEADER_BYTES`] |
//! | record | [`Record`] |
//! | resolver, and where it was seen | [`Origin`] |
//! | names | [`Name`] |
//! | answers | [`Answers`] |
//! | statistics | [`Counter`] |
//!
//! Start at [`Datagram`]. All types are views of its bytes. A record is checked as a whole before
//! anything of it is given, so that its accessors and iterators cannot fail. Nothing is allocated,
//! and no bytes cause a panic. Each byte is read once when its record is checked, but for those that
//! pointers lead to: a name leads through at most 255 bytes and 127 pointers.
//!
//! The module refuses to know sockets and streams, and to judge the fields: the receiver accounts
//! for sequence numbers.

mod answers;
mod datagram;
mod encoder;
mod error;
mod fields;
mod head;
mod header;
mod name;
mod origin;
mod origin_table;
mod parts;
mod record;
mod stats;
mod suffixes;
mod transcript;
mod varint;
mod writer;
mod written;

pub use answers::{Answer, Answers, Data};
pub use datagram::{Content, Datagram, Records};
pub use encoder::{Encoder, Identity, MIN_DATAGRAM_BYTES};
pub use error::DecodeError;
pub use header::{FLAG_STATS, HEADER_BYTES, Header};
pub use name::{Labels, Name};
pub use origin::Origin;
pub use parts::Parts;
pub use record::{Flags, Question, Record, Subnet};
pub use stats::{Counter, Counters};

/// The number of this version, as in the first byte of a datagram.
pub const VERSION: u8 = 5;

/// Types and classes that have a meaning here (RFC 1035, section 3.2; RFC 3596, section 2.1).
const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;

#[cfg(test)]
mod tests;
