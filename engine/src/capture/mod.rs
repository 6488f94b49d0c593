//! Where packets come from: the ring of a live socket, or the records of a capture file.
//!
//! Both give [`Frame`](dnsflow_packet::Frame)s that borrow from the memory they arrived in. Nothing here
//! looks into a frame: which packets are wanted is the filter's matter, and what they say is decode's.

pub mod interface;
pub mod relay;
pub mod ring;
pub mod socket;
pub mod stock;
