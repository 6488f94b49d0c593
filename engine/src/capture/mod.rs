//! Live capture: interfaces, packet sockets and their rings, and input that can be read only once.
//!
//! A ring gives [`Frame`](dnsflow_packet::Frame)s that borrow from its memory. Nothing here reads a
//! frame: the filter decides which packets arrive, and the decoder what they mean.

pub mod error;
pub mod inherited;
pub mod interface;
pub mod rates;
pub mod relay;
pub mod ring;
pub mod socket;
