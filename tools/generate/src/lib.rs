//! The generator: realistic DNS responses, to a capture file or an interface, with the records that
//! a perfect sensor exports for them.
//!
//! Recorded traffic is scarce and private, and its content is not known for certain. Here every
//! packet follows from a seed, and the expected records are known from making it, not from parsing
//! it again: a test that compares them with a sensor's compares two independent programs.
//!
//! - [`Mix`]: the options that say what the traffic consists of.
//! - [`Traffic`]: the packets, one after another.
//! - [`Wanted`]: which of them a sensor exports, and in which format.
//! - [`capture_file`]: packets as a pcap file.
//! - [`interface`] and [`live`]: packets through an interface, at a rate.
//! - [`Counts`]: how many packets of each kind were made.
//!
//! It makes no malformed packets, fragments, DNS over TCP or tunnels: the tests that need those
//! build them.

pub mod capture_file;
mod counts;
mod expected;
pub mod interface;
pub mod live;
mod message;
mod mix;
mod noise;
pub mod options;
mod packet;
mod population;
pub mod random;
mod traffic;
mod wanted;

pub use counts::Counts;
pub use mix::Mix;
pub use noise::Noise;
pub use packet::Mac;
pub use random::Share;
pub use traffic::{Kind, Traffic};
pub use wanted::{Format, Select, TypeList, Wanted};
