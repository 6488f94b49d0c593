//! Benchmark of what a stranger's packets can cost; see README.md.

use std::error::Error;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dnsflow_benches::chart::Chart;
use dnsflow_benches::files::{Files, folder};
use dnsflow_benches::floods::live::{self, Load, Outcome};
use dnsflow_benches::floods::measure::{Costs, measure};
use dnsflow_benches::floods::{
    Flood, LARGE_BYTES, LARGE_LIMIT, PAUSE_LIMIT, SMALL_BYTES, SMALL_LIMIT,
};
use dnsflow_benches::interrupt;
use dnsflow_benches::network::Network;
use dnsflow_benches::report::{Machine, table};
use serde::Serialize;

/// Measure what packets that a stranger makes to be expensive cost, in ordinary packets.
///
/// Fails if one is over its limit. Writes a table, JSON and a plot.
#[derive(Debug, Parser)]
#[command(name = "bench-floods", max_term_width = 100)]
struct Options {
    /// Number of rounds; each measures every flood once
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// Only floods whose names contain this
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    flood: String,

    /// Send the most expensive flood beside ordinary traffic to a sensor on one core, and fail if
    /// that loses any of the ordinary traffic. Creates network namespaces; needs root
    #[arg(long)]
    live: bool,

    /// Live: ordinary responses a second
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..))]
    rate: u64,

    /// Live: packets of the flood a second
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1000..))]
    flood_rate: u64,

    /// Live: time of each run, in seconds
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// Folder for the JSON and the plot [default: bench, beside the folder of this program]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Also put the results into this file, between the lines <!-- floods --> and <!-- /floods -->,
    /// or <!-- floods-live --> and <!-- /floods-live -->
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Results<'a> {
    machine: &'a Machine,
    costs: &'a Costs,
}

#[derive(Debug, Serialize)]
struct LiveResults<'a> {
    machine: &'a Machine,
    load: Load,
    outcomes: &'a [Outcome],
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = if options.live {
        run_live(&options)
    } else {
        run(&options)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-floods: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut machine = Machine::this();
    let costs = costs(options, &floods(options)?)?;
    machine.update_busy();
    let results = Results {
        machine: &machine,
        costs: &costs,
    };
    let text = format!(
        "{}\n\nAn ordinary packet: {:.0} ns. Medians of {} rounds, least and most in brackets.\n\n{}",
        machine.text(),
        costs.ordinary_ns.median,
        options.rounds,
        costs.text()
    );
    let bars: Vec<_> = costs
        .floods
        .iter()
        .map(|cost| (cost.flood.to_owned(), cost.ratio.median / cost.limit))
        .collect();
    let mut chart = Chart::default();
    chart.bars("Cost of a packet, of its limit", &bars, 2);
    write(options, "floods", &results, &chart, &text)?;
    let over = costs.over().count();
    if over > 0 {
        return Err(format!(
            "{over} of {} floods are over a limit: a packet of at most {SMALL_BYTES} bytes may cost {SMALL_LIMIT} \
             ordinary ones, one of {LARGE_BYTES} bytes {LARGE_LIMIT}, a larger one more in proportion, and no single \
             packet {PAUSE_LIMIT}",
            costs.floods.len()
        )
        .into());
    }
    Ok(())
}

fn run_live(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut machine = Machine::this();
    interrupt::watch()?;
    let floods: Vec<_> = floods(options)?
        .into_iter()
        .filter(live::can_send)
        .collect();
    let costs = costs(options, &floods)?;
    let worst = floods
        .iter()
        .zip(&costs.floods)
        .max_by(|one, other| one.1.ns.median.total_cmp(&other.1.ns.median))
        .map(|(flood, _)| flood)
        .ok_or("none of these floods can be sent over a wire")?;
    let load = Load {
        ordinary_rate: options.rate,
        flood_rate: options.flood_rate,
        seconds: options.seconds,
    };
    let network = Network::new()?;
    let mut outcomes = Vec::new();
    for flood in [None, Some(worst)] {
        progress(flood.map_or("ordinary traffic alone", |flood| flood.name));
        outcomes.push(live::run(&network, flood, &load)?);
    }
    progress("");
    machine.update_busy();
    let results = LiveResults {
        machine: &machine,
        load,
        outcomes: &outcomes,
    };
    let text = format!("{}\n\n{}", machine.text(), live_table(&outcomes));
    let mut chart = Chart::default();
    chart.bars(
        "CPU of the sensor, percent of a core",
        &outcomes.iter().map(cpu_bar).collect::<Vec<_>>(),
        0,
    );
    write(options, "floods-live", &results, &chart, &text)?;
    match outcomes.iter().map(Outcome::lost).sum() {
        0_u64 => Ok(()),
        lost => Err(format!("{lost} ordinary responses gave no record").into()),
    }
}

/// The floods that were chosen.
fn floods(options: &Options) -> Result<Vec<Flood>, String> {
    let mut floods = Flood::all();
    floods.retain(|flood| flood.name.contains(&options.flood));
    if floods.is_empty() {
        return Err(format!(
            "no flood has a name with '{}' in it",
            options.flood
        ));
    }
    Ok(floods)
}

fn costs(options: &Options, floods: &[Flood]) -> Result<Costs, Box<dyn Error>> {
    let costs = measure(floods, options.rounds.into(), &mut |round, flood| {
        progress(&format!("round {round} of {}: {flood} ", options.rounds));
    });
    progress("");
    costs
}

fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{text}\x1b[K");
    }
}

fn write(
    options: &Options,
    name: &str,
    results: &impl Serialize,
    chart: &Chart,
    text: &str,
) -> Result<(), Box<dyn Error>> {
    let files = Files {
        out: &folder(options.out.as_deref())?,
        name,
        readme: options.readme.as_deref(),
    };
    files.write(results, &chart.svg(), text)
}

fn flood_name(outcome: &Outcome) -> String {
    outcome.flood.unwrap_or("none").to_owned()
}

fn cpu_bar(outcome: &Outcome) -> (String, f64) {
    (flood_name(outcome), 100.0 * outcome.cpu / outcome.seconds)
}

fn live_table(outcomes: &[Outcome]) -> String {
    let row = |outcome: &Outcome| {
        vec![
            flood_name(outcome),
            outcome.sent.to_string(),
            outcome.flood_sent.to_string(),
            format!("{:.1}", outcome.seconds),
            outcome.arrived.to_string(),
            outcome.lost().to_string(),
            outcome.dropped.to_string(),
            outcome.dropped_by_wire.to_string(),
            format!("{:.0} %", cpu_bar(outcome).1),
        ]
    };
    let head = [
        "flood",
        "ordinary responses",
        "packets of the flood",
        "seconds",
        "records of the ordinary",
        "lost",
        "dropped by the ring",
        "dropped by the wire",
        "CPU of the sensor",
    ];
    table(&head, &outcomes.iter().map(row).collect::<Vec<_>>())
}
