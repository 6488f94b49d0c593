//! Programs around the dnsflow sensor.

pub mod generate;
pub mod read;
