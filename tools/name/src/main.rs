//! `dnsflow-name`: adds to flow records the names that were looked up.

use std::process::ExitCode;

use clap::Parser;
use dnsflow_name::Options;

fn main() -> ExitCode {
    match dnsflow_name::run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dnsflow-name: {error}");
            ExitCode::FAILURE
        }
    }
}
