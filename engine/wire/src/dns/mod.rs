//! DNS messages, read just far enough to know which addresses a name stands for.
//!
//! [`Answers::parse`] reads the header, the question and the answer section of one message, once,
//! from left to right. It allocates nothing in the long run: names and addresses are kept in
//! [`Scratch`], which the caller reuses for each message. What it costs grows with the bytes of the
//! message, however its names point into each other.
//!
//! | question | type |
//! |---|---|
//! | What does a message say? | [`Answers`] |
//! | Which messages qualify, and why not the others? | [`Dialect`], [`MessageReject`] |
//! | What happens to a message that was cut? | [`Extent`] |
//! | Why are bytes no name? | [`NameError`] |
//! | How much of its names is kept? | [`MAX_NAMES_BYTES`] |
//! | How are the labels of a name read? | [`Name`], [`Labels`] |
//!
//! ```text
//! +---------------------+
//! |       Header        |  12 bytes: flags and counts
//! +---------------------+
//! |      Question       |  the name asked for, type, class
//! +---------------------+
//! |       Answer        |  records: A, AAAA and CNAME are interpreted, other types are skipped
//! +---------------------+
//! | Authority           |  not read, so damage there is not noticed
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
mod names;
mod rules;
mod scratch;
mod walk;

pub use message::Answers;
pub(crate) use message::{Header, header};
pub use name::{Labels, MAX_LABEL_BYTES, MAX_NAME_BYTES, Name, NameError};
pub use names::MAX_NAMES_BYTES;
pub(crate) use names::{NameText, POINTABLE};
pub(crate) use rules::HEADER_BYTES;
pub use rules::{Dialect, Extent, MessageReject};
pub use scratch::Scratch;
pub(crate) use walk::asks_for_address;
