//! Programs around the dnsflow sensor.
