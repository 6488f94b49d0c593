//! What dnsflow reads and writes, as types that mirror the wire and borrow from it.
//!
//! A DNS response comes in as bytes and leaves as part of a dnsflow datagram; on the way there is one
//! copy. Nearly all go the short way, and all can go the long one, which makes the same set:
//!
//! ```text
//! bytes -> v4::Transcriber ----------------------------------> v4::Builder
//!      \   (checked and copied at once)                               /  (room and header)
//!       -> dns::Answers -> response::Response -> v4::Part -------
//!          (checked places)    (+ who and whom)      (size, the copy)
//! ```
//!
//! The crate has no I/O, no unsafe code and no allocation per message. It refuses to know how the
//! bytes were captured and where datagrams go.

pub mod dns;
pub mod encode;
pub mod response;
pub mod text;
pub mod v4;
