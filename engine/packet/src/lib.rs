//! From the bytes of a captured packet to the DNS responses that it carries.
//!
//! A [`Frame`] goes in, a [`Sink`] is told what became of it. In between is the [`Decoder`], which
//! borrows from the frame all the way: link layer, IP, UDP or TCP, message. Most packets are done
//! with at once and cost no allocation; fragments and TCP segments wait, in bounded memory, until
//! what they belong to is whole.
//!
//! | item | what it is |
//! |---|---|
//! | [`Frame`], [`LinkType`], [`Timestamp`] | one packet as it was captured |
//! | [`Selection`], [`tunnel::Tunnels`] | which packets may hold a response; capture filters are made of the same value |
//! | [`lists`] | names, clients and resolvers that are taken or not |
//! | [`client_sample`] | clients that are in a sample |
//! | [`Decoder`] | the ladder of every packet: fast path, layers, reassembly and decapsulation |
//! | [`Sink`], [`Fate`] | where the decoder puts what it finds, and what that can be |
//! | [`Sets`] | the sink for tools and tests: encodes each response and hands out its sets |
//! | [`Reject`], [`Loss`], [`Counters`] | every reason to give up, and counts that add up |
//! | [`link`], [`tunnel`], [`numbers`] | the layers, and the numbers by which they are told |
//!
//! # From packets to records
//!
//! ```
//! use std::time::Duration;
//!
//! use dnsflow_packet::{Decoder, Frame, LinkType, Selection, Sets, Timestamp};
//! use dnsflow_wire::{encode::Encode, v4::Encoder};
//!
//! # let packet: &[u8] = b"\x45\0\0\x43\0\0\0\0\x40\x11\0\0\xc0\0\x02\x35\xc6\x33\x64\x07\0\x35\x9c\x40\0\x2f\0\0\
//! #     \x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x01a\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";
//! # let packets = [packet];
//! let mut lines = String::new();
//! let mut decoder = Decoder::new(Selection::default());
//! let mut sink = Sets::new(Encoder::default(), 1464, |set: &[u8], at: Timestamp| {
//!     Encoder::write_line(set, Duration::new(at.seconds, at.nanoseconds), &mut lines);
//! });
//! for bytes in packets {
//!     let wire_bytes = u32::try_from(bytes.len())?;
//!     let frame = Frame { bytes, wire_bytes, at: Timestamp::default(), link: LinkType::Ip, vlan: None };
//!     sink.counters.received += 1;
//!     decoder.decode(&frame, &mut sink);
//! }
//! decoder.finish(&mut sink);
//! assert!(sink.counters.add_up());
//! assert_eq!(lines, "|192.0.2.53|198.51.100.7|00:00:00|a|192.0.2.1|\n");
//! # Ok::<(), std::num::TryFromIntError>(())
//! ```
//!
//! The program `records` in the `examples` of dnsflow-capfile does this with a capture file.
//!
//! # What it refuses to do
//!
//! It knows neither where packets come from nor where records go, and reads no clock: time is what
//! the frames say, and never goes back. It does not judge addresses and checksums, and takes no length from a packet for
//! granted: no bytes make it panic.

pub mod client_sample;
mod clock;
mod counters;
mod decoder;
mod fragments;
mod frame;
pub mod link;
mod link_type;
pub mod lists;
mod network;
pub mod numbers;
mod reject;
mod selection;
mod sink;
mod streams;
pub mod tunnel;
mod usual;

pub use counters::Counters;
pub use decoder::{Decoder, Fate, Held};
pub use dnsflow_wire::response::Timestamp;
pub use frame::Frame;
pub use link_type::LinkType;
pub use reject::{Loss, Reject};
pub use selection::Selection;
pub use sink::{Sets, Sink};
