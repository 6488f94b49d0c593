//! `dnsflow`, the sensor.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use dnsflow::capture::error::CaptureError;
use dnsflow::capture::inherited::InheritedSockets;
use dnsflow::start::check;
use dnsflow::start::cli::{Action, Cli};
use dnsflow::start::error::StartError;
use dnsflow::start::handover;
use dnsflow::start::settings::{Capture, Settings};
use dnsflow::supervisor;
use dnsflow_packet::LinkType;
use dnsflow_service::config::{self, LoadError};
use dnsflow_service::diagnostics;
use libc::SIGXFSZ;

fn main() -> ExitCode {
    // This comes first: descriptors that are opened earlier could have the numbers of inherited
    // ones.
    let inherited = InheritedSockets::take_over();
    diagnostics::start("dnsflow");
    fail_writes_instead_of_ending();
    let status = status(inherited);
    log::logger().flush();
    status
}

/// A write beyond RLIMIT_FSIZE fails with EFBIG, and is reported as any other, where SIGXFSZ does not
/// end the process.
fn fail_writes_instead_of_ending() {
    let caught = Arc::default();
    if let Err(error) = signal_hook::flag::register(SIGXFSZ, caught) {
        log::warn!("can't catch SIGXFSZ, which ends the process at a limit on file sizes: {error}");
    }
}

fn status(inherited: Result<InheritedSockets, CaptureError>) -> ExitCode {
    let started = config::load::<Cli>(std::env::args_os())
        .map_err(StartError::from)
        .and_then(|cli| run(cli, inherited?));
    match started {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // --help and --version come here too.
        Err(StartError::Load(LoadError::Arguments(error))) if error.exit_code() == 0 => {
            error.exit()
        }
        Err(StartError::Load(LoadError::Arguments(error))) => {
            eprint!(
                "{}",
                diagnostics::escaped_lines(&error.render().to_string())
            );
            ExitCode::from(2)
        }
        // As at any other time, that is an orderly end.
        Err(error @ StartError::Interrupted) => {
            log::info!("{error}");
            ExitCode::SUCCESS
        }
        // The reader of standard output has closed it.
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(error.exit_status())
        }
    }
}

fn run(cli: Cli, inherited: InheritedSockets) -> Result<bool, StartError> {
    let options = match cli.action {
        None => cli.options,
        Some(Action::Check(options)) => return check::run(&Settings::new(*options)?, inherited),
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
    supervisor::run(settings, inherited, Box::new(reload))
}

/// Reads the settings again, from the same command line.
fn reload() -> Result<Settings, StartError> {
    let cli = config::load::<Cli>(std::env::args_os())?;
    Settings::new(cli.options)
}
