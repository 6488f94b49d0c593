//! `dnsflow`, the sensor.

use std::io::{self, Write};
use std::process::ExitCode;

use dnsflow::capture::stock::Stock;
use dnsflow::diagnostics;
use dnsflow::start::check;
use dnsflow::start::cli::{Action, Cli};
use dnsflow::start::config;
use dnsflow::start::error::StartError;
use dnsflow::start::handover;
use dnsflow::start::settings::{Capture, Settings};
use dnsflow::supervisor;
use dnsflow_packet::LinkType;

fn main() -> ExitCode {
    // Before anything else takes the number of a descriptor.
    let stock = Stock::handed_over();
    diagnostics::start();
    let status = status(stock);
    log::logger().flush();
    status
}

fn status(stock: Result<Stock, StartError>) -> ExitCode {
    let started = config::load(std::env::args_os()).and_then(|cli| run(cli, stock?));
    match started {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Also the way of --help and --version.
        Err(StartError::Arguments(error)) => error.exit(),
        // Whoever reads has seen enough.
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(error.exit_status())
        }
    }
}

fn run(cli: Cli, stock: Stock) -> Result<bool, StartError> {
    let options = match cli.action {
        None => cli.options,
        Some(Action::Check(options)) => return check::run(&Settings::new(*options)?, stock),
        Some(Action::OpenSockets { count }) => return handover::run(count).map(|()| true),
    };
    log::set_max_level(options.log_level.into());
    if options.print_filter {
        let capture = Capture::new(&options);
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
    let settings = Settings::new(options)?;
    supervisor::run(settings, stock, Box::new(reload))
}

/// The settings as they are now, from the same command line.
fn reload() -> Result<Settings, StartError> {
    let cli = config::load(std::env::args_os())?;
    Settings::new(cli.options)
}
