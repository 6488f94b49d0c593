//! See `dnsflow_fuzz::agree`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dnsflow_fuzz::agree::check(bytes));
