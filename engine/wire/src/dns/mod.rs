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
//! | Which messages qualify, and why not the others? | [`Rules`], [`Dialect`], [`MessageReject`] |
//! | What happens to a message that was cut? | [`Extent`] |
//! | Why are bytes no name? | [`NameError`] |
//! | How much of its names is kept? | [`MAX_NAMES_BYTES`] |
//! | How are the labels of a name read? | [`Name`], [`Labels`] |
//! | Which name is a message about, before it is read? | [`Asked`] |
//!
//! ```text
//! +---------------------+
//! |       Header        |  12 bytes: flags and counts
//! +---------------------+
//! |      Question       |  the name asked for, type, class
//! +---------------------+
//! |       Answer        |  records: A, AAAA and CNAME are interpreted, other types are skipped,
//! +---------------------+  or kept with `Rules::details`
//! | Authority           |  not read, but for the EDNS record with `Rules::details`; damage there
//! | Additional          |  is not noticed
//! +---------------------+
//! ```
//!
//! (RFC 1035, section 4.1.)
//!
//! The module refuses to match owner names with the question, and
//! to judge who may answer what: a sensor records what was said.

mod asked;
pub(crate) mod edns;
pub(crate) mod marks;
mod message;
mod name;
mod names;
pub(crate) mod owner;
mod records;
mod rules;
mod scratch;
mod walk;

pub use asked::Asked;
pub use message::Answers;
pub(crate) use message::{Header, flags, header};
pub use name::{Labels, MAX_LABEL_BYTES, MAX_NAME_BYTES, Name, NameError};
pub use names::MAX_NAMES_BYTES;
pub(crate) use names::{NameText, POINTABLE};
pub(crate) use records::{Data, Record, is_left_out};
pub(crate) use rules::{A, AAAA, CNAME, HEADER_BYTES};
pub use rules::{Dialect, Extent, MessageReject, Outcome, Outcomes, Rules, Types};
pub use scratch::Scratch;
