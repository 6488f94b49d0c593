//! Programs around the dnsflow sensor.

pub mod generate;
