//! `dnsflow-query`: asks which names an address stood for.

use std::panic;
use std::process::ExitCode;

use clap::Parser;
use dnsflow_query::Options;

fn main() -> ExitCode {
    // A damaged file is told by one line.
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !dnsflow_archive::is_contained() {
            told(panic);
        }
    }));
    match dnsflow_query::run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        // What was wrong with files was said.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("dnsflow-query: {error}");
            ExitCode::FAILURE
        }
    }
}
