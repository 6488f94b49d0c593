//! `dnsflow`, the sensor.

use std::io::{self, Write};
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
        let program = capture.program(link)?;
        let text = format!("{}\n\n{program}", program.name());
        return match writeln!(io::stdout(), "{text}") {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
            Err(source) => Err(StartError::System {
                what: "can't write to standard output",
                source,
            }),
            Ok(()) => Ok(true),
        };
    }
    supervisor::run(&Settings::new(cli)?)
}
