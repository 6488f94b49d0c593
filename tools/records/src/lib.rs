//! What programs share that read the records of sensors: where a datagram came from, which
//! datagrams were lost on the way, what a record says, and records as lines of JSON.
//!
//! | module | what it holds |
//! |---|---|
//! | [`frame`] | from a captured frame to the datagram in it |
//! | [`sequence`] | the account of a stream, by its sequence numbers |
//! | [`record`] | one record of any version |
//! | [`source`] | the accounts of all sources, in bounded memory |
//! | [`json`] | a record or statistics as a line of JSON |
//! | [`domain`] | the registered domain of a name |
//! | [`ecs`] | a record as an event of the Elastic Common Schema |
//! | [`timestamp`] | times in RFC 3339 |
//!
//! Datagrams are read by [`dnsflow_wire`]. The crate does no I/O, and captures nothing: how
//! datagrams come and where lines go is up to the program. No bytes make it panic.
//!
//! ```
//! use std::net::SocketAddr;
//! use std::time::Duration;
//!
//! use dnsflow_records::{Context, json};
//! use dnsflow_wire::v4::Stats;
//!
//! let context = Context {
//!     time: Duration::from_secs(1_700_000_000),
//!     source: SocketAddr::from(([192, 0, 2, 1], 4000)),
//!     sequence: 7,
//!     name: None,
//! };
//! let mut lines = Vec::new();
//! json::write_line(&mut lines, &json::stats(context, &Stats::default()))?;
//! assert!(lines.starts_with(br#"{"time":"2023-11-14T22:13:20.000000Z","sensor":"192.0.2.1""#));
//! assert!(lines.ends_with(b"}\n"));
//! # Ok::<(), std::io::Error>(())
//! ```

mod context;
pub mod domain;
pub mod ecs;
pub mod frame;
pub mod json;
pub mod record;
pub mod sequence;
pub mod source;
pub mod timestamp;

pub use context::Context;
