//! Benchmark of live capture, at several rates and on several cores, compared with tcpdump; see
//! README.md.

use std::error::Error;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dnsflow_benches::chart::{Chart, Series};
use dnsflow_benches::files::{Files, folder};
use dnsflow_benches::interrupt;
use dnsflow_benches::live::{self, Listener, Quiet, RING_MIB, Run};
use dnsflow_benches::model;
use dnsflow_benches::network::Network;
use dnsflow_benches::offline::mebibytes;
use dnsflow_benches::report::{Machine, Spread, Target, table, targets};
use serde::Serialize;

/// Measure live capture: CPU per packet, loss and age of records at several rates, for each fanout,
/// compared with tcpdump.
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

    /// Folder for the JSON and the plot [default: bench, beside the folder of this program]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Also put the results into this file, between the lines <!-- live --> and <!-- /live -->
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
}

/// Packets per second; `None` for as many as the generator can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Rate(Option<u64>);

/// Values of `--fanout`.
const FANOUTS: [&str; 4] = ["hash", "cpu", "client", "checksum"];

/// Assumed time per packet before the tap, in nanoseconds: the driver of a network card, and the
/// stack. A veth has no driver, so this can't be measured here.
const RECEIVE_NS: f64 = 150.0;

/// Average size of a frame of the generator, in bytes.
const FRAME_BYTES: f64 = 196.0;

#[derive(Debug, Serialize)]
struct Measured {
    rate: Rate,
    listener: Listener,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Results<'a> {
    machine: &'a Machine,
    measured: &'a [Measured],
    quiet: Quiet,
    targets: &'a [Target],
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
    let mut machine = Machine::this();
    let out = folder(options.out.as_deref())?;
    interrupt::watch()?;
    let network = Network::new()?;
    let progress = |text: &str| {
        if std::io::stderr().is_terminal() {
            eprint!("\r{text}\x1b[K");
        }
    };
    progress("idle ");
    let quiet = live::quiet(&network, options.cores.into())?;
    let mut measured = planned(options);
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
    let found = evaluate(&measured, quiet);
    machine.update_busy();
    let results = Results {
        machine: &machine,
        measured: &measured,
        quiet,
        targets: &found,
    };
    let text = text(&results);
    let files = Files {
        out: &out,
        name: "live",
        readme: options.readme.as_deref(),
    };
    files.write(&results, &plot(options, &measured), &text)
}

/// The combinations of rate and listener to measure.
fn planned(options: &Options) -> Vec<Measured> {
    let cores = options.cores.into();
    let mut listeners = vec![
        Listener::Nobody,
        Listener::Tcpdump,
        Listener::Sensor {
            cores: 1,
            fanout: "hash",
        },
    ];
    listeners.extend(FANOUTS.map(|fanout| Listener::Sensor { cores, fanout }));
    let at = |rate: &Rate| {
        let rate = *rate;
        listeners.clone().into_iter().map(move |listener| Measured {
            rate,
            listener,
            runs: Vec::new(),
        })
    };
    options.rates.iter().flat_map(at).collect()
}

impl Measured {
    fn spread(&self, figure: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(figure))
    }

    fn sum(&self, count: impl Fn(&Run) -> u64) -> u64 {
        self.runs.iter().map(count).sum()
    }

    fn is_sensor(&self) -> bool {
        matches!(self.listener, Listener::Sensor { .. })
    }

    /// Median, 99th percentile and maximum age in milliseconds; of each, the worst of all runs.
    fn age(&self) -> Option<[f64; 3]> {
        let ages = self.runs.iter().filter_map(|run| run.age);
        ages.reduce(|worst, age| std::array::from_fn(|index| worst[index].max(age[index])))
    }
}

/// The targets, with the measured values.
fn evaluate(measured: &[Measured], quiet: Quiet) -> Vec<Target> {
    let sensors = || measured.iter().filter(|point| point.is_sensor());
    let one = |rate| {
        sensors()
            .find(|point| point.rate == Rate(rate) && point.listener.name().ends_with("1 core"))
    };
    let tcpdump = |rate| {
        measured
            .iter()
            .find(|point| point.rate == Rate(rate) && point.listener == Listener::Tcpdump)
    };
    let beside = |rate| {
        let (one, other) = (one(rate)?, tcpdump(rate)?);
        Some(
            Spread::of(
                one.runs
                    .iter()
                    .zip(&other.runs)
                    .map(|(one, other)| one.cpu / other.cpu),
            )
            .median,
        )
    };
    let worst = |of: &dyn Fn(&Measured) -> Option<f64>| sensors().filter_map(of).reduce(f64::max);
    let lost = worst(&|point| (point.rate == Rate(None)).then(|| share(point, |run| run.lost)));
    let memory = worst(&|point| {
        let cores = match point.listener {
            Listener::Sensor { cores, .. } => f64::from(u32::try_from(cores).ok()?),
            _ => return None,
        };
        Some(point.spread(|run| mebibytes(run.peak_bytes)).max / cores - f64::from(RING_MIB))
    });
    // Only the default fanout: with others, such as cpu with one sending CPU, a shard may receive
    // few packets, and its records then wait for the flush interval.
    let by_hash = |point: &Measured| !matches!(point.listener, Listener::Sensor { fanout, .. } if fanout != "hash");
    let age = worst(&|point| {
        let wanted = point.rate == Rate(Some(100_000)) && by_hash(point);
        wanted.then(|| point.age().map(|age| age[2]))?
    });
    vec![
        Target::new(
            "200,000 a second: CPU on 1 core, of tcpdump's",
            1.25,
            "",
            beside(Some(200_000)),
        ),
        Target::new("generator's maximum: loss", 0.0, "%", lost),
        Target::new("memory a core beside the ring", 16.0, "MiB", memory),
        Target::new(
            "idle: wake-ups a second and core",
            5.0,
            "",
            Some(quiet.wake_ups),
        ),
        Target::new(
            "100,000 a second: age of a record, by hash",
            20.0,
            "ms",
            age,
        ),
        Target::new(
            "quiet: age of a record, with --flush 1",
            1000.0,
            "ms",
            Some(quiet.age),
        ),
    ]
}

/// A count in percent of all responses.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one run are less than 2^53"
)]
fn share(point: &Measured, count: impl Fn(&Run) -> u64) -> f64 {
    100.0 * point.sum(count) as f64 / point.sum(|run| run.responses).max(1) as f64
}

fn text(results: &Results<'_>) -> String {
    let Results {
        machine,
        measured,
        targets: found,
        ..
    } = results;
    let cpu = |point: &Measured| point.spread(|run| run.cpu).median;
    let row = |point: &Measured| {
        let tcpdump = measured
            .iter()
            .find(|other| other.rate == point.rate && other.listener == Listener::Tcpdump);
        let none = || "-".to_owned();
        let beside =
            tcpdump.map_or_else(none, |tcpdump| format!("{:.2}", cpu(point) / cpu(tcpdump)));
        let age = point.age().map_or_else(none, |[median, percentile, max]| {
            format!("{median:.1}, {percentile:.1}, {max:.1}")
        });
        let percent = |count: fn(&Run) -> u64| match share(point, count) {
            0.0 => "0".to_owned(),
            share => format!("{share:.3} %"),
        };
        vec![
            format!("{:.0}k", point.spread(|run| run.rate).median / 1e3),
            point.listener.name(),
            point.spread(|run| run.cpu).text(0),
            beside,
            percent(|run| run.lost),
            percent(|run| run.lost_behind),
            age,
            format!("{:.0}", point.spread(|run| mebibytes(run.peak_bytes)).max),
        ]
    };
    let rows: Vec<_> = measured
        .iter()
        .filter(|point| point.listener != Listener::Nobody)
        .map(row)
        .collect();
    let head = [
        "packets/s",
        "listener",
        "CPU ns a packet",
        "of tcpdump's",
        "lost",
        "lost behind it",
        "age ms: 50 %, 99 %, most",
        "MiB",
    ];
    let rounds = measured.first().map_or(0, |point| point.runs.len());
    let mut text = format!(
        "{}\n\nMedians of {rounds} rounds, least and most in brackets; losses are those of all rounds, ages and memory the \
         worst.\n\n{}\n{}",
        machine.text(),
        table(&head, &rows),
        targets(found)
    );
    if let Some(model) = model(measured) {
        text += &format!("\n{}", model.text());
    }
    text
}

/// The model of live capture, from the highest fixed rate, at which the sensor dominates.
fn model(measured: &[Measured]) -> Option<model::Live> {
    let rate = measured.iter().filter_map(|point| point.rate.0).max()?;
    let at = |name: &str| {
        measured
            .iter()
            .find(|point| point.rate.0 == Some(rate) && point.listener.name() == name)
    };
    let (nobody, one) = (at("nobody")?, at("dnsflow, 1 core")?);
    let generator = |point: &Measured| point.spread(|run| run.generator_cpu).median;
    Some(model::Live {
        receive: RECEIVE_NS,
        tap: (generator(one) - generator(nobody)).max(0.0),
        sensor: one.spread(|run| run.cpu).median,
        frame_bytes: FRAME_BYTES,
    })
}

fn plot(options: &Options, measured: &[Measured]) -> String {
    let labels: Vec<_> = options.rates.iter().map(Rate::text).collect();
    let mut names: Vec<String> = Vec::new();
    for point in measured
        .iter()
        .filter(|point| point.listener != Listener::Nobody)
    {
        if !names.contains(&point.listener.name()) {
            names.push(point.listener.name());
        }
    }
    let series = |figure: &dyn Fn(&Measured) -> Option<f64>| -> Vec<Series> {
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
        &series(&|point| Some(share(point, |run| run.lost))),
    );
    chart.lines(
        "Age of 99 of 100 records on arrival, milliseconds",
        &labels,
        &series(&|point| point.age().map(|age| age[1])),
    );
    chart.svg()
}

impl Rate {
    fn text(&self) -> String {
        match self.0 {
            Some(rate) => format!("{}k", rate / 1000),
            None => "max".to_owned(),
        }
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    match (text, text.parse()) {
        ("max", _) => Ok(Rate(None)),
        (_, Ok(rate @ 1000..)) => Ok(Rate(Some(rate))),
        _ => Err("expected max, or at least 1000 packets per second".to_owned()),
    }
}
