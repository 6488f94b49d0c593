//! `dnsflow`, the sensor.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use dnsflow::cli::Cli;
use dnsflow::diagnostics::say;
use dnsflow::error::StartError;
use dnsflow::settings::{Capture, Settings};
use dnsflow::{frame::LinkType, supervisor};

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads has seen enough.
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("{error}"));
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
        return writeln!(io::stdout(), "{text}")
            .map(|()| true)
            .map_err(|source| StartError::System {
                what: "can't write to standard output",
                source,
            });
    }
    supervisor::run(&Settings::new(cli)?)
}
