//! `dnsflow-top`: live rates and top lists of what dnsflow sensors export.

use std::process::ExitCode;

use clap::Parser;
use dnsflow_top::Options;

fn main() -> ExitCode {
    match dnsflow_top::run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dnsflow-top: {error}");
            ExitCode::FAILURE
        }
    }
}
