//! Which names an address stood for, for a client, at a time: the question that dnsflow exists for.
//!
//! | module | what it holds |
//! |---|---|
//! | [`question`] | what is asked |
//! | [`map`] | who was told what, in bounded memory, and answers from that |
//! | [`confidence`] | how sure an answer is, whoever gives it |
//! | [`answer`] | what comes back: the names that held, the best one first, and how they were found |
//!
//! Questions and answers are the same whoever is asked: a map in memory, the naming service of
//! `dnsflow-collect --serve`, files, or a database. As JSON they are what the service reads and writes.
//! The crate does no I/O, and reads no clock.

pub mod answer;
pub mod confidence;
pub mod map;
pub mod question;

pub use answer::{Answer, Candidate, Match};
pub use map::{Limits, Map};
pub use question::{Question, Time, TimeError};
