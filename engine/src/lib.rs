//! The dnsflow sensor.
