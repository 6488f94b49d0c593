//! Runs the sensor for a long time under everything at once; see README.md.

use std::error::Error;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dnsflow_benches::files::{Files, folder};
use dnsflow_benches::interrupt;
use dnsflow_benches::report::{Machine, table};
use dnsflow_benches::soak::{self, Outcome, Plan, samples};
use serde::Serialize;

/// Run the sensor under mixed traffic, floods and hostile frames, with reloads, restarts of a
/// collector and an interface that goes away, and check that nothing is lost without a count and
/// nothing grows.
///
/// Creates network namespaces, and removes them at the end. Needs root. Writes a table, JSON and a
/// plot. The exit status is 1 if the account is not exact, or memory, descriptors or threads grow.
#[derive(Debug, Parser)]
#[command(name = "soak", max_term_width = 100)]
struct Options {
    /// How long, in minutes
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,

    /// Packets per second, but for floods
    #[arg(long, value_name = "PPS", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(10..))]
    rate: u64,

    /// Folder for the JSON and the plot [default: soak, beside the folder of this program]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Also put the results into this file, between the lines <!-- soak --> and <!-- /soak -->
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if (0.1..=100_000.0).contains(&minutes) => Ok(minutes),
        _ => Err("expected minutes from 0.1 to 100000".to_owned()),
    }
}

#[derive(Debug, Serialize)]
struct Results<'a> {
    machine: &'a Machine,
    minutes: f64,
    rate: u64,
    outcome: &'a Outcome,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("soak: the account is not exact, or something grows; see above");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let mut machine = Machine::this();
    let beside = std::env::current_exe()?.with_file_name("../soak");
    let out = folder(Some(options.out.as_deref().unwrap_or(&beside)))?;
    interrupt::watch()?;
    let progress = |text: &str| {
        if std::io::stderr().is_terminal() {
            eprint!("\r{text}\x1b[K");
        }
    };
    let plan = Plan {
        time: Duration::from_secs_f64(options.minutes * 60.0),
        rate: options.rate,
        folder: &out,
    };
    let outcome = soak::run(&plan, &progress);
    progress("");
    let outcome = outcome?;
    machine.update_busy();
    let results = Results {
        machine: &machine,
        minutes: options.minutes,
        rate: options.rate,
        outcome: &outcome,
    };
    let files = Files {
        out: &out,
        name: "soak",
        readme: options.readme.as_deref(),
    };
    files.write(&results, &samples::plot(&outcome.samples), &text(&results))?;
    Ok(outcome.is_right())
}

/// The results as Markdown.
fn text(results: &Results<'_>) -> String {
    let Results {
        machine,
        minutes,
        rate,
        outcome,
    } = results;
    let disturbances = &outcome.disturbances;
    let verdict = |holds: bool| if holds { "yes" } else { "NO" }.to_owned();
    let account: Vec<Vec<String>> = outcome
        .account
        .iter()
        .map(|it| vec![it.what.to_owned(), it.numbers.clone(), verdict(it.holds)])
        .collect();
    let growth: Vec<Vec<String>> = outcome
        .growth
        .iter()
        .map(|it| {
            vec![
                it.what.to_owned(),
                format!("{:.1}", it.before),
                format!("{:.1}", it.after),
                format!("{:.1}", it.tolerance),
                verdict(it.is_flat()),
            ]
        })
        .collect();
    format!(
        "{}\n\n{minutes} minutes at {rate} packets a second besides floods: {} frames sent, {} more while the interface was \
         down; {} reloads, {} restarts of a collector, {} times the interface went down and up, {} times it was replaced.\n\n{}\n{}",
        machine.text(),
        outcome.sent.frames,
        outcome.sent.while_away,
        disturbances.reloads,
        disturbances.restarts,
        disturbances.downs,
        disturbances.replacements,
        table(&["account", "numbers", "holds"], &account),
        table(
            &[
                "median",
                "second quarter",
                "last quarter",
                "tolerance",
                "flat"
            ],
            &growth
        ),
    )
}
