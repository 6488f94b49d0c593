//! See `dnsflow_fuzz::filters`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dnsflow_fuzz::filters::check(bytes));
