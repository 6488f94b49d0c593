//! What dnsflow reads and writes, as types that mirror the wire and borrow from it.
//!
//! A DNS response comes in as bytes and leaves as part of a dnsflow datagram; on the way there is one
//! copy, made when it is exported:
//!
//! ```text
//! bytes -> message::Answers -> response::Response -> set::Part -> datagram::Builder
//!          (checked places)    (+ who and whom)      (its size)   (the copy)
//! ```
//!
//! The crate has no I/O, no unsafe code and no allocation per message. It refuses to know how the
//! bytes were captured and where datagrams go.

pub mod datagram;
pub mod import;
pub mod message;
pub mod name;
pub mod response;
pub mod set;
pub mod text;
