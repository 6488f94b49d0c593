//! From the bytes of a captured packet to the DNS responses it carries, borrowed all the way.

mod counters;
mod decoder;
mod fragments;
mod frame;
pub mod link;
mod link_type;
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
pub use frame::{Frame, Timestamp};
pub use link_type::LinkType;
pub use reject::{Loss, Reject};
pub use selection::Selection;
pub use sink::{Sets, Sink};
