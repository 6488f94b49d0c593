//! Where packets come from: the ring of a live socket, or the records of a capture file.
//!
//! Both give [`Frame`](crate::frame::Frame)s that borrow from the memory they arrived in. Nothing here
//! looks into a frame: which packets are wanted is the filter's matter, and what they say is decode's.

pub mod file;
pub mod input;
pub mod interface;
pub mod relay;
pub mod ring;
pub mod socket;
pub mod stock;
#[allow(unreachable_pub, reason = "the folder's face is private to capture")]
pub(crate) mod sys;
pub mod zstd;
