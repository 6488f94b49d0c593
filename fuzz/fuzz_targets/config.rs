//! See `dnsflow_fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dnsflow_fuzz::config::check(bytes));
