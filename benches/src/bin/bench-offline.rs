//! Benchmark of capture files, compared with other programs on the same file; see README.md.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use dnsflow_benches::chart::{Chart, Series};
use dnsflow_benches::files::{Files, folder};
use dnsflow_benches::model;
use dnsflow_benches::offline::{self, Contender, TCPDUMP, mebibytes};
use dnsflow_benches::programs::{MEASURE, Usage, ours, run_measured};
use dnsflow_benches::report::{Machine, Target, targets};
use dnsflow_benches::steps::{self, Steps};
use serde::Serialize;

/// Measure the sensor on a capture file, on 1, 2, 4 and more cores, compared with tcpdump, dnscap
/// and other programs.
///
/// Programs run in turn over several rounds, and medians are compared. Writes a table, JSON and a
/// plot.
#[derive(Debug, Parser)]
#[command(name = "bench-offline", max_term_width = 100)]
struct Options {
    /// Packets of the capture file, which is created if it does not exist
    #[arg(long, value_name = "N", default_value_t = 3_000_000, value_parser = clap::value_parser!(u32).range(1000..))]
    packets: u32,

    /// Number of rounds; each runs every program once
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// Another program to measure, as a shell command in which {file} stands for the capture; may
    /// be repeated
    #[arg(long, value_name = "COMMAND")]
    peer: Vec<String>,

    /// Folder for the capture, the JSON and the plot [default: bench, beside the folder of this
    /// program]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Also put the results into this file, between the lines <!-- offline --> and <!-- /offline
    /// -->
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
}

/// Bytes of the capture on which the steps are measured: more than the caches hold, and small
/// enough for memory.
const STEPS_BYTES: u64 = 64 << 20;

#[derive(Debug, Serialize)]
struct Results<'a> {
    machine: &'a Machine,
    packets: u32,
    contenders: &'a [Contender],
    steps: Steps,
    targets: &'a [Target],
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, command)) if first == MEASURE => run_measured(command),
        _ => run(&Options::parse()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-offline: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut machine = Machine::this();
    let out = folder(options.out.as_deref())?;
    let capture = generated(&out, options.packets)?;
    let mut contenders = offline::contenders(&capture, &options.peer, &machine)?;
    let terminal = std::io::stderr().is_terminal();
    offline::run(
        &mut contenders,
        options.rounds.into(),
        &mut |round, name| {
            if terminal {
                eprint!("\rround {round} of {}: {name} \x1b[K", options.rounds);
            }
        },
    )?;
    if terminal {
        eprint!("\r\x1b[K");
    }
    let steps = steps::measure(&head(&capture)?, options.rounds.into())?;
    let targets_found = evaluate(&contenders, &steps);
    machine.update_busy();
    let results = Results {
        machine: &machine,
        packets: options.packets,
        contenders: &contenders,
        steps,
        targets: &targets_found,
    };
    let bytes = fs::metadata(&capture)?.len();
    let text = text(&results, bytes);
    let files = Files {
        out: &out,
        name: "offline",
        readme: options.readme.as_deref(),
    };
    files.write(&results, &plot(&contenders, options.packets), &text)
}

/// Path of the capture file, which is generated if it does not exist.
fn generated(out: &Path, packets: u32) -> Result<PathBuf, Box<dyn Error>> {
    let path = out.join(format!("responses-{packets}.pcap"));
    if path.is_file() {
        return Ok(path);
    }
    let unfinished = path.with_extension("part");
    let status = Command::new(ours("dnsflow-gen")?)
        .arg("--write")
        .arg(&unfinished)
        .args(["--count", &packets.to_string(), "--seed", "7"])
        .status()?;
    if !status.success() {
        return Err("dnsflow-gen failed to write the capture".into());
    }
    fs::rename(&unfinished, &path)?;
    Ok(path)
}

/// The file header and whole records from the start of a capture (pcap-savefile(5), little endian,
/// as the generator writes it).
fn head(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(STEPS_BYTES)
        .read_to_end(&mut bytes)?;
    let mut end = 24;
    while let Some(length) = bytes
        .get(end + 8..)
        .and_then(|rest| rest.first_chunk::<4>())
    {
        let next = end + 16 + usize::try_from(u32::from_le_bytes(*length))?;
        if next > bytes.len() {
            break;
        }
        end = next;
    }
    bytes.truncate(end);
    Ok(bytes)
}

/// The targets, with the measured values.
fn evaluate(contenders: &[Contender], steps: &Steps) -> Vec<Target> {
    let on = |cores| contenders.iter().find(|known| known.cores == Some(cores));
    let tcpdump = contenders.iter().find(|known| known.name == TCPDUMP);
    let (one, two) = (on(1), on(2));
    let pair = |mine: Option<&Contender>, other: Option<&Contender>, figure: fn(&Usage) -> f64| {
        Some(mine?.ratio(other?, figure).median)
    };
    let most = contenders.iter().filter(|known| known.cores.is_some());
    let most = most
        .map(|known| known.spread(|usage| mebibytes(usage.own_bytes)).max)
        .reduce(f64::max);
    vec![
        Target::new(
            "CPU on 1 core, of tcpdump's",
            0.45,
            "",
            pair(one, tcpdump, Usage::cpu),
        ),
        Target::new(
            "time on 2 cores, of 1 core's",
            0.53,
            "",
            pair(two, one, |usage| usage.wall),
        ),
        Target::new("export alone, CPU a response", 60.0, "ns", Some(steps.send)),
        Target::new("memory beyond the page cache", 64.0, "MiB", most),
    ]
}

fn text(results: &Results<'_>, bytes: u64) -> String {
    let Results {
        machine,
        packets,
        contenders,
        steps,
        targets: found,
    } = results;
    let count = f64::from(*packets);
    let bytes_a_packet = mebibytes(bytes) * f64::from(1 << 20) / count;
    let rounds = contenders.first().map_or(0, |known| known.runs.len());
    let mut text = format!(
        "{}\n\n{packets} packets, {bytes_a_packet:.0} bytes each in the file; medians of {rounds} rounds, least and \
         most in brackets.\n\n{}\n{}\n{}",
        machine.text(),
        offline::text(contenders, count),
        targets(found),
        steps.text(),
    );
    let wall = |cores| {
        let found = contenders.iter().find(|known| known.cores == Some(cores))?;
        Some(found.spread(|usage| usage.wall).median * 1e9 / count)
    };
    if let (Some(one), Some(two)) = (wall(1), wall(2)) {
        text += &format!(
            "\n{}",
            model::Offline::new(one, two).text(bytes_a_packet, steps.bandwidth)
        );
    }
    text
}

fn plot(contenders: &[Contender], packets: u32) -> String {
    let mut chart = Chart::default();
    let a_packet = |known: &Contender| (known.name.clone(), known.cpu_ns(packets.into()).median);
    let bars: Vec<_> = contenders.iter().map(a_packet).collect();
    chart.bars("CPU, nanoseconds a packet", &bars, 0);
    let ours: Vec<_> = contenders
        .iter()
        .filter(|known| known.cores.is_some())
        .collect();
    let labels: Vec<_> = ours.iter().map(|known| known.name.clone()).collect();
    let rate = |known: &&Contender| {
        Some(f64::from(packets) / known.spread(|usage| usage.wall).median / 1e6)
    };
    let measured: Vec<_> = ours.iter().map(rate).collect();
    let perfect = ours.iter().map(|known| {
        let first = measured.first().copied().flatten()?;
        u32::try_from(known.cores?)
            .ok()
            .map(|cores| first * f64::from(cores))
    });
    let series = [
        Series {
            name: "if cores doubled it".to_owned(),
            values: perfect.collect(),
        },
        Series {
            name: "measured".to_owned(),
            values: measured.clone(),
        },
    ];
    chart.lines("Million packets a second", &labels, &series);
    chart.svg()
}
