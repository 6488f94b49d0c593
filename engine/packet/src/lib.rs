//! From the bytes of a captured packet to the DNS responses it carries, borrowed all the way.

mod counters;
mod decoder;
mod fragments;
mod frame;
pub mod link;
mod network;
mod reject;
mod sink;
mod streams;
pub mod tunnel;
mod usual;

pub use counters::Counters;
pub use decoder::{Decoder, Fate, Held, MDNS_PORT, Selection};
pub use frame::{Frame, LinkType, Timestamp};
pub use reject::{Loss, Reject};
pub use sink::{Sets, Sink};
