//! What dnsflow reads and writes: DNS messages, and the record format that it sends to collectors.
//!
//! All types are views that borrow from the bytes they were read from, or memory that its owner
//! keeps and reuses. The crate does no I/O, has no unsafe code, and allocates nothing per message.
//! No bytes, however hostile, make it panic. It refuses to know how messages were captured, and
//! where datagrams are sent.
//!
//! | module | what it holds |
//! |---|---|
//! | [`dns`] | DNS messages and names: reading what a resolver answered |
//! | [`response`] | one response: the answers of a message, its client and its resolver |
//! | [`encode`] | the seam between responses and the format of their records |
//! | [`v4`] | the record format of versions 0 to 4: sets and datagrams, written and read |
//! | [`v5`] | the record format of version 5 |
//! | [`datagram`] | a datagram of any version, read |
//! | [`text`] | one line of text per record |
//!
//! # From a message to a datagram
//!
//! A sensor turns each DNS response into a set, and collects sets in a datagram. Two paths lead
//! there, and both make the same set:
//!
//! ```text
//!            fast path: checked and copied in one pass
//! bytes ---- v4::Transcriber ------------------------------------> v4::Builder -> datagram
//!      \                                                          /
//!       `--- dns::Answers --> response::Response --> v4::parts --'
//!            slow path: checked, then divided where it is too large, then copied
//! ```
//!
//! Most messages qualify for the fast path. The slow path takes every message:
//!
//! ```
//! use dnsflow_wire::dns::{Answers, Dialect, Extent, Scratch};
//! use dnsflow_wire::response::{Endpoints, Response};
//! use dnsflow_wire::v4::{Builder, HEADER_BYTES, parts};
//!
//! // A response to the question for `a.example`: it has the address 192.0.2.1.
//! let message = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\
//!     \x01a\x07example\0\0\x01\0\x01\
//!     \xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
//!
//! let mut scratch = Scratch::default();
//! let answers = Answers::parse(message, Dialect::Unicast, Extent::Whole, &mut scratch)?;
//! assert_eq!(answers.ipv4(), [[192, 0, 2, 1]]);
//!
//! let endpoints = Endpoints::V4 {
//!     client: [198, 51, 100, 7],
//!     resolver: [192, 0, 2, 53],
//! };
//! let response = Response { envelope: endpoints.into(), answers };
//! let mut memory = [0; 1472];
//! let mut builder = Builder::default();
//! for part in parts(&response, memory.len() - HEADER_BYTES) {
//!     assert!(builder.push(&part, &mut memory), "the datagram is full");
//! }
//! let length = builder.finish(1, &mut memory);
//! assert_eq!(length, 64);
//! // memory[..length] is the payload of a UDP packet to a collector.
//! # Ok::<(), dnsflow_wire::dns::MessageReject>(())
//! ```
//!
//! # From a datagram to records
//!
//! A collector reads the datagrams of every version that was ever sent:
//!
//! ```
//! use core::time::Duration;
//! use dnsflow_wire::datagram::{Datagram, DecodeError};
//! use dnsflow_wire::text::{write_record, write_set};
//! use dnsflow_wire::{v4, v5};
//!
//! /// The records of one UDP payload, as lines of text.
//! fn lines(payload: &[u8], received: Duration) -> Result<String, DecodeError> {
//!     let mut out = String::new();
//!     match Datagram::parse(payload)? {
//!         Datagram::V4(datagram) => {
//!             if let v4::Content::Sets(sets) = datagram.content()? {
//!                 for set in sets {
//!                     let _ = write_set(&mut out, None, received, &set?);
//!                 }
//!             }
//!         }
//!         Datagram::V5(datagram) => {
//!             if let v5::Content::Records(records) = datagram.content() {
//!                 for record in records {
//!                     let _ = write_record(&mut out, None, &record?);
//!                 }
//!             }
//!         }
//!     }
//!     Ok(out)
//! }
//!
//! // The sensor's first datagram: one set.
//! let mut payload = vec![4, 1, 0, 0, 0, 0, 0, 1];
//! payload.extend([4, 1, 1, 0, 0, 12, 0, 0]);
//! payload.extend([198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
//! payload.extend([192, 0, 2, 53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
//! payload.extend(b"\x01a\x07example\0\0");
//! payload.extend([192, 0, 2, 1]);
//!
//! assert_eq!(
//!     lines(&payload, Duration::ZERO)?,
//!     "|192.0.2.53|198.51.100.7|00:00:00|a.example|192.0.2.1|\n"
//! );
//! # Ok::<(), DecodeError>(())
//! ```
//!
//! Two programs in `examples` do this over UDP: `build_datagram` sends, `decode_datagram` receives.

mod cursor;
pub mod datagram;
pub mod dns;
pub mod encode;
pub mod response;
pub mod text;
pub mod v4;
pub mod v5;
