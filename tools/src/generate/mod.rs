//! Realistic DNS responses, to a capture file or to an interface, with an account of what a
//! sensor must make of them.
//!
//! A sensor is only as good as what it was tried on. Recorded traffic is scarce, private, and
//! nobody knows for sure what is in it; here every packet is made from a seed, and what a perfect
//! sensor exports for it is written down as it is made, not found by parsing it again. So a test
//! that compares the two compares two independent programs.
//!
//! - [`Mix`]: what the traffic is made of, as options.
//! - [`Traffic`]: the packets, one after the other.
//! - [`capture_file`]: packets as a classic pcap.
//! - [`interface`] and [`live`]: packets through an interface, at a rate.
//! - [`Counts`]: the account.
//!
//! It makes nothing malformed, no fragments, no TCP with DNS in it and no tunnels: hostile and
//! unusual packets are built one by one, in the tests that need them.

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
mod random;
mod traffic;

pub use counts::Counts;
pub use mix::Mix;
pub use noise::Noise;
pub use packet::Mac;
pub use random::Share;
pub use traffic::{Kind, Traffic};
