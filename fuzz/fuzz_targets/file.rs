//! See `dnsflow_fuzz::file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dnsflow_fuzz::file::check(bytes));
