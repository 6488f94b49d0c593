//! `dnsflow`, the sensor.

use std::process::ExitCode;

use clap::Parser;
use dnsflow::cli::Cli;
use dnsflow::error::StartError;
use dnsflow::settings::{Capture, Settings};
use dnsflow::{frame::LinkType, supervisor};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("dnsflow: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}

fn run(cli: Cli) -> Result<bool, StartError> {
    if cli.print_filter {
        let capture = Capture::new(&cli);
        let link = LinkType::Ethernet;
        println!("{}\n\n{}", capture.expression(link), capture.program(link)?);
        return Ok(true);
    }
    supervisor::run(&Settings::new(cli)?)
}
