//! The dnsflow sensor: it exports DNS responses from interfaces or a capture file to collectors, on
//! every core.
//!
//! ```text
//! NIC -> fanout program -> capture filter -> ring block -> decoder -> response -> datagram
//!        (which shard?)    (keep it?)        (borrowed)    (views)    (borrowed)  (the one copy)
//! ```
//!
//! Each core runs one [`shard`], which owns a capture socket, a decoder, a stream and a set of
//! counters. [`capture`] gives frames, [`dnsflow_packet`] decodes them, [`export`] sends the
//! records; only the shard knows all three. [`start`] turns a command line into settings, the
//! [`supervisor`] starts shards and waits for events, [`observe`] serves metrics and reports to the
//! service manager, and [`dnsflow_service::diagnostics`] is the logger.

pub mod capture;
pub mod export;
pub mod observe;
pub mod shard;
pub mod start;
pub mod supervisor;
