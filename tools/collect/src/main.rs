//! `dnsflow-collect`, the collector.

use std::env::args_os;
use std::process::ExitCode;

use dnsflow_collect::options::{Action, Cli};
use dnsflow_collect::{check, run};
use dnsflow_service::config::{self, LoadError};
use dnsflow_service::diagnostics;

fn main() -> ExitCode {
    diagnostics::start("dnsflow-collect");
    let status = status();
    log::logger().flush();
    status
}

fn status() -> ExitCode {
    let cli: Cli = match config::load(args_os()) {
        Ok(cli) => cli,
        // --help and --version come here too.
        Err(LoadError::Arguments(error)) if error.exit_code() == 0 => error.exit(),
        Err(LoadError::Arguments(error)) => {
            let text = error.render().to_string();
            eprint!("{}", diagnostics::escaped_lines(&text));
            return ExitCode::from(2);
        }
        Err(error) => {
            log::error!("{error}");
            return ExitCode::from(error.exit_status());
        }
    };
    let options = match cli.action {
        None => cli.options,
        Some(Action::Check(options)) => return check::run(&options),
    };
    log::set_max_level(options.log_level.into());
    match run::run(&options, &reload) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(error.exit_status())
        }
    }
}

/// Reads the options again, from the same command line.
fn reload() -> Result<dnsflow_collect::options::Options, String> {
    let cli = config::load::<Cli>(args_os()).map_err(|error| error.to_string())?;
    Ok(cli.options)
}
