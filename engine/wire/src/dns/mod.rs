//! DNS messages, read just far enough to know which addresses a name stands for.
//!
//! [`Answers::parse`] reads the header, the question and the answer section of one message, once,
//! from left to right. It copies and allocates nothing: it notes where names are and which
//! addresses were found in [`Scratch`], which its owner keeps from message to message.
//!
//! | to know | see |
//! |---|---|
//! | which messages qualify, and why others do not | [`Dialect`], [`MessageReject`] |
//! | what becomes of a message that was cut | [`Extent`] |
//! | how a name is read from a message | [`NameAt`] |
//! | how its labels are read | [`Name`], [`Labels`] |
//!
//! ```text
//! +---------------------+
//! |       Header        |  12 bytes: flags and counts
//! +---------------------+
//! |      Question       |  the name asked for, type, class
//! +---------------------+
//! |       Answer        |  records: A, AAAA and CNAME are interpreted, other types are skipped
//! +---------------------+
//! | Authority           |  not read: damage here is not noticed
//! | Additional          |
//! +---------------------+
//! ```
//!
//! (RFC 1035, section 4.1.)
//!
//! The module refuses to interpret other record types, to match owner names with the question, and
//! to judge who may answer what: a sensor records what was said.

mod message;
mod name;
mod scratch;
mod walk;

pub use message::{Answers, Dialect, Extent, MessageReject};
pub(crate) use message::{HEADER_BYTES, Header, header};
pub use name::{Labels, MAX_LABEL_BYTES, MAX_NAME_BYTES, Name, NameAt, NameError};
pub use scratch::Scratch;
pub(crate) use walk::asks_for_address;
