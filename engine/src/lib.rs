//! The dnsflow sensor: DNS responses off an interface or out of a file, on every core, to collectors.
//!
//! ```text
//! NIC -> fanout program -> capture filter -> ring block -> decode -> response -> datagram -> collectors
//!        (which shard?)    (keep it?)        (borrowed)    (views)   (borrowed)  (the one copy)
//! ```
//!
//! Every core runs one [`shard`], which owns one capture socket, one decoder, one stream and one set of
//! counters. [`capture`] gives frames, [`decode`] makes responses of them, [`export`] sends those; only the
//! shard knows all three. The [`supervisor`] starts shards and waits.

pub mod capture;
pub mod diagnostics;
pub mod export;
pub mod observe;
pub mod shard;
pub mod start;
pub mod supervisor;
