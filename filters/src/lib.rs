//! The classic BPF programs of dnsflow as values.
