//! What every long-running program of dnsflow has, whatever it does: the file of `--config`.
//!
//! The crate stands on no other crate of dnsflow, and knows nothing of packets, records or shards.
//! A program brings its own options.

pub mod config;
