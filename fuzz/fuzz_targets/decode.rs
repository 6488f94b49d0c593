//! See `dnsflow_fuzz::decode`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dnsflow_fuzz::decode::check(bytes));
