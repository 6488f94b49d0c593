//! Benchmark of live capture, at several rates and on several cores, compared with tcpdump; see
//! README.md.

use std::error::Error;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dnsflow_benches::chart::{Chart, Series};
use dnsflow_benches::files::{Files, folder};
use dnsflow_benches::interrupt;
use dnsflow_benches::live::plan::{Point, Rate, points};
use dnsflow_benches::live::results::{Results, evaluate};
use dnsflow_benches::live::{self, Listener};
use dnsflow_benches::network::Network;
use dnsflow_benches::report::Machine;

/// Measure live capture: CPU per packet, loss and age of records at several rates, for each fanout,
/// compared with tcpdump, and with dnscap where it is installed.
///
/// Creates network namespaces for a generator, the sensor and a collector, and removes them at the
/// end. Needs root. Writes a table, JSON and a plot.
#[derive(Debug, Parser)]
#[command(name = "bench-live", max_term_width = 100)]
struct Options {
    /// Packets per second, separated by commas; max is as many as the generator can send
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "50000,100000,200000,max", value_parser = rate)]
    rates: Vec<Rate>,

    /// Number of cores on which each fanout is measured
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..))]
    cores: u8,

    /// Measured time of each run, in seconds
    #[arg(long, value_name = "S", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    seconds: u16,

    /// Number of rounds; each runs every listener at every rate once
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// Another build of dnsflow, such as that of an earlier commit, measured beside this one. If it does not know
    /// --format v5, leave those rows out with --only
    #[arg(long, value_name = "PATH")]
    peer: Option<PathBuf>,

    /// Measure only rows whose name contains TEXT, with tcpdump and the peer at the same rates
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Folder for the JSON and the plot [default: bench, beside the folder of this program]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Also put the results into this file, between the lines <!-- live --> and <!-- /live -->
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-live: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let peer = options
        .peer
        .as_ref()
        .map(|path| program(path))
        .transpose()?;
    let only = options.only.as_deref();
    let cores = options.cores.into();
    let (others, missing): (Vec<_>, Vec<_>) = Listener::OTHERS
        .into_iter()
        .partition(Listener::is_installed);
    let missing: Vec<_> = missing.iter().map(Listener::name).collect();
    for name in &missing {
        eprintln!("bench-live: {name} is not installed: its rows are left out");
    }
    let mut measured = points(&options.rates, cores, &others, peer.as_deref(), only);
    if measured.is_empty() {
        return Err("no row at these rates has a name that contains the text of --only".into());
    }
    let mut machine = Machine::this();
    let out = folder(options.out.as_deref())?;
    interrupt::watch()?;
    let network = Network::new()?;
    network.add_full_queue()?;
    let progress = |text: &str| {
        if std::io::stderr().is_terminal() {
            eprint!("\r{text}\x1b[K");
        }
    };
    let mut quiet = None;
    if only.is_none() {
        progress("idle ");
        quiet = Some(live::quiet(&network, cores)?);
    }
    let time = Duration::from_secs(options.seconds.into());
    for round in 1..=options.rounds {
        for point in &mut measured {
            let name = point.listener.name();
            progress(&format!(
                "round {round} of {}: {} a second, {name} ",
                options.rounds,
                point.rate.text()
            ));
            point
                .runs
                .push(live::run(&network, &point.listener, point.rate.0, time)?);
        }
    }
    progress("");
    let targets = evaluate(&measured, quiet);
    machine.update_busy();
    let results = Results {
        machine: &machine,
        measured: &measured,
        quiet,
        targets: &targets,
        missing: &missing,
    };
    let files = Files {
        out: &out,
        name: "live",
        readme: options.readme.as_deref(),
    };
    files.write(&results, &plot(options, &measured), &results.text())
}

/// The path of a program, which may be run from any folder.
fn program(path: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let found = path.canonicalize().ok().filter(|path| path.is_file());
    found.ok_or_else(|| format!("--peer {}: no such program", path.display()).into())
}

fn plot(options: &Options, measured: &[Point]) -> String {
    let labels: Vec<_> = options.rates.iter().map(Rate::text).collect();
    let mut names: Vec<String> = Vec::new();
    let is_plain = |point: &&Point| match &point.listener {
        Listener::Nobody => false,
        Listener::Tcpdump | Listener::Dnscap => true,
        Listener::Sensor(sensor) => sensor.is_plain(),
    };
    for point in measured.iter().filter(is_plain) {
        if !names.contains(&point.listener.name()) {
            names.push(point.listener.name());
        }
    }
    let series = |figure: &dyn Fn(&Point) -> Option<f64>| -> Vec<Series> {
        let of = |name: &String| {
            let at = |rate: &Rate| {
                measured
                    .iter()
                    .find(|point| point.rate == *rate && point.listener.name() == *name)
            };
            let values = options
                .rates
                .iter()
                .map(|rate| at(rate).and_then(figure))
                .collect();
            Series {
                name: name.replace("dnsflow, ", ""),
                values,
            }
        };
        let is_known = |series: &Series| series.values.iter().any(Option::is_some);
        names.iter().map(of).filter(is_known).collect()
    };
    let mut chart = Chart::default();
    chart.lines(
        "CPU, nanoseconds a packet, by packets a second",
        &labels,
        &series(&|point| Some(point.spread(|run| run.cpu).median)),
    );
    chart.lines(
        "Lost, percent",
        &labels,
        &series(&|point| Some(point.share(|run| run.lost))),
    );
    chart.lines(
        "Age of 99 of 100 records on arrival, milliseconds",
        &labels,
        &series(&|point| point.age().map(|age| age[1])),
    );
    chart.svg()
}

fn rate(text: &str) -> Result<Rate, String> {
    match (text, text.parse()) {
        ("max", _) => Ok(Rate(None)),
        (_, Ok(rate @ 1000..)) => Ok(Rate(Some(rate))),
        _ => Err("expected max, or at least 1000 packets per second".to_owned()),
    }
}
