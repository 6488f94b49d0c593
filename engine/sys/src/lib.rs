//! System calls as safe functions over descriptors, slices and `io::Result`: the only unsafe code
//! of the programs.
//!
//! Where nix or socket2 has a call, it is used. The rest are what neither has: the options of
//! packet sockets and their rings, ioctls on interfaces, io_uring and the clock. Each unsafe block
//! has one operation, and a comment on what makes it sound.
//!
//! There is no policy here: callers decide which options are set, and in which order.
#![allow(unsafe_code, reason = "system calls that no library wraps")]

mod adopt;
mod affinity;
mod ethtool;
mod host;
mod inherited;
mod interface;
mod packet;
mod reports;
mod ring;
mod segments;
mod uring;

pub use adopt::buffered_file;
pub use affinity::{allowed_cpus, may_pin, pin};
pub use ethtool::{Merging, merging};
pub use host::{MemlockLimit, clock_is_synchronised, io_uring_probe, raise_memlock};
pub use inherited::inherited_descriptors;
pub use interface::{Interface, interface};
pub use packet::{FanoutMode, KernelCounts, PacketSocket, RingShape};
pub use reports::{next_report, report_errors};
pub use ring::{BlockBytes, Mapping};
pub use segments::segment_sends;
pub use uring::{Abilities, KeptSend, Outgoing, Ready, Ticket, Uring};
