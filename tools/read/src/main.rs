//! `dnsflow-read`: prints what dnsflow sensors export.

use std::process::ExitCode;

use clap::Parser;
use dnsflow_read::Options;

fn main() -> ExitCode {
    match dnsflow_read::run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dnsflow-read: {error}");
            ExitCode::FAILURE
        }
    }
}
