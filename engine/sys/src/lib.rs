//! The system calls that no library wraps, and the only unsafe code of the project.
//!
//! Everything above this folder deals in descriptors, slices and `io::Result`. One operation stands
//! in each unsafe block, and what it relies on is written over it. There is no policy here: which
//! options are set, and in which order, is decided by its callers.
#![allow(unsafe_code, reason = "the crate of the system calls")]

mod adopt;
mod ethtool;
mod handed;
mod host;
mod packet;
mod readiness;
mod ring;

pub use adopt::{segment_sends, udp_socket, unix_stream};
pub use ethtool::{Merging, merging};
pub use handed::handed_over;
pub use host::{Interface, clock_is_synchronised, interface, io_uring_probe, raise_memlock};
pub use packet::{FanoutMode, KernelCounts, PacketSocket, RingShape};
pub use readiness::Readiness;
pub use ring::{BlockBytes, Mapping};
