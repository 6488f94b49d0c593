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
use dnsflow_benches::offline::{self, Contender, TCPDUMP, Version, mebibytes};
use dnsflow_benches::programs::{MEASURE, Usage, ours, run_measured};
use dnsflow_benches::report::{Machine, Target, targets};
use dnsflow_benches::sizes::{self, Sizes};
use dnsflow_benches::steps::{self, Steps};
use nix::sys::statvfs::statvfs;
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

    /// Packets of a larger file, on which one core and two are compared; 0 leaves that out. It is created if it
    /// does not exist, takes 213 bytes a packet, and has fewer packets on a disk with little room
    #[arg(long, value_name = "N", default_value_t = 30_000_000)]
    large: u32,

    /// Also tell how many bytes a response takes in the captures of this folder, which may be repeated
    #[arg(long, value_name = "DIR")]
    captures: Vec<PathBuf>,

    /// Folder for the captures that are made, the JSON and the plot [default: bench, beside the folder of this
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

/// Bytes of a packet of the generator in a capture file, rounded up.
const PACKET_BYTES: u64 = 215;

/// Bytes of the disk that the larger file leaves alone.
const DISK_RESERVE_BYTES: u64 = 6 << 30;

/// The larger file, and the sensor on it.
#[derive(Debug, Serialize)]
struct Large {
    packets: u32,
    /// What there is to say of its size.
    note: Option<String>,
    contenders: Vec<Contender>,
}

#[derive(Debug, Serialize)]
struct Results<'a> {
    machine: &'a Machine,
    packets: u32,
    contenders: &'a [Contender],
    large: Option<Large>,
    sizes: Vec<Sizes>,
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
    let head = head(&capture)?;
    let sizes = measured_sizes(&head, &options.captures)?;
    run_in_turn(&mut contenders, options.rounds)?;
    let steps = steps::measure(&head, options.rounds.into())?;
    let large = measured_large(&out, options)?;
    let targets_found = evaluate(&contenders, large.as_ref(), &sizes, &steps);
    machine.update_busy();
    let results = Results {
        machine: &machine,
        packets: options.packets,
        contenders: &contenders,
        large,
        sizes,
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

/// Runs all programs in turn, and tells a terminal how far it is.
fn run_in_turn(contenders: &mut [Contender], rounds: u16) -> Result<(), Box<dyn Error>> {
    let terminal = std::io::stderr().is_terminal();
    offline::run(contenders, rounds.into(), &mut |round, name| {
        if terminal {
            eprint!("\rround {round} of {rounds}: {name} \x1b[K");
        }
    })?;
    if terminal {
        eprint!("\r\x1b[K");
    }
    Ok(())
}

/// The sizes of the start of the capture of the generator, of each folder of captures, and of each of those captures.
fn measured_sizes(head: &[u8], folders: &[PathBuf]) -> Result<Vec<Sizes>, Box<dyn Error>> {
    let mut all: Vec<_> = Sizes::of(sizes::MIX, head)?.into_iter().collect();
    for folder in folders {
        let found = sizes::captures(folder)?;
        let name = folder.file_name().unwrap_or(folder.as_os_str());
        let name = format!("{} captures of {}", found.len(), name.display());
        all.push(Sizes::sum(&name, &found));
    }
    Ok(all)
}

/// Runs the sensor on the larger file, if there is to be one.
fn measured_large(out: &Path, options: &Options) -> Result<Option<Large>, Box<dyn Error>> {
    if options.large == 0 {
        return Ok(None);
    }
    let wanted = options.large;
    let packets = large_packets(out, wanted)?;
    let note = (packets < wanted)
        .then(|| format!("The disk has no room for {wanted} packets, so that there are fewer."));
    if packets == 0 {
        return Err("the disk has no room for the larger file: --large 0 leaves it out".into());
    }
    let mut contenders = offline::divided(&generated(out, packets)?)?;
    run_in_turn(&mut contenders, options.rounds)?;
    Ok(Some(Large {
        packets,
        note,
        contenders,
    }))
}

/// Packets of the larger file: so many, or fewer where neither that file is there nor the room for it.
fn large_packets(out: &Path, wanted: u32) -> Result<u32, Box<dyn Error>> {
    const MILLION: u32 = 1_000_000;
    let disk = statvfs(out)?;
    let free = disk.blocks_available() * disk.fragment_size();
    let room = free.saturating_sub(DISK_RESERVE_BYTES) / PACKET_BYTES;
    let room = u32::try_from(room).unwrap_or(u32::MAX);
    let is_there = |packets: &u32| capture_path(out, *packets).is_file();
    if wanted <= room || is_there(&wanted) {
        return Ok(wanted);
    }
    // Of a run before, which has taken the room.
    let mut fewer = (1..=wanted / MILLION)
        .rev()
        .map(|millions| millions * MILLION);
    let made = fewer.find(is_there);
    Ok((room - room % MILLION).max(made.unwrap_or(0)))
}

fn capture_path(out: &Path, packets: u32) -> PathBuf {
    out.join(format!("responses-{packets}.pcap"))
}

/// Path of the capture file, which is generated if it does not exist.
fn generated(out: &Path, packets: u32) -> Result<PathBuf, Box<dyn Error>> {
    let path = capture_path(out, packets);
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
fn evaluate(
    contenders: &[Contender],
    large: Option<&Large>,
    sizes: &[Sizes],
    steps: &Steps,
) -> Vec<Target> {
    let sensor = |known: &[Contender], cores, version| {
        let mut known = known.iter();
        known.find(|known| known.is_sensor(cores, version)).cloned()
    };
    let on = |cores| sensor(contenders, cores, Version::V4);
    let tcpdump = contenders.iter().find(|known| known.name == TCPDUMP);
    let (one, two) = (on(1), on(2));
    let one_v5 = sensor(contenders, 1, Version::V5);
    let pair = |mine: Option<&Contender>, other: Option<&Contender>, figure: fn(&Usage) -> f64| {
        Some(mine?.ratio(other?, figure).median)
    };
    let two_of_one = |version| {
        let known = &large?.contenders;
        let of = |cores| sensor(known, cores, version);
        pair(of(2).as_ref(), of(1).as_ref(), |usage| usage.wall)
    };
    let large_name = large.map_or_else(String::new, |large| {
        format!(", {} million packets", large.packets / 1_000_000)
    });
    let most = contenders.iter().filter(|known| known.cores.is_some());
    let most = most
        .map(|known| known.spread(|usage| mebibytes(usage.own_bytes)).max)
        .reduce(f64::max);
    let on_1 = "CPU on 1 core, of tcpdump's";
    let of_tcpdump = pair(one.as_ref(), tcpdump, Usage::cpu);
    let mut found = vec![
        Target::new(on_1, 0.45, "", of_tcpdump),
        Target::new(format!("{on_1}, to begin with"), 0.60, "", of_tcpdump),
        Target::new(
            format!("{on_1}, v5"),
            0.60,
            "",
            pair(one_v5.as_ref(), tcpdump, Usage::cpu),
        ),
        Target::new(
            "time on 2 cores, of 1 core's",
            0.53,
            "",
            pair(two.as_ref(), one.as_ref(), |usage| usage.wall),
        ),
        Target::new(
            format!("time on 2 cores, of 1 core's{large_name}"),
            0.55,
            "",
            two_of_one(Version::V4),
        ),
        Target::new(
            format!("time on 2 cores, of 1 core's{large_name}, v5"),
            0.55,
            "",
            two_of_one(Version::V5),
        ),
        Target::new("export alone, CPU a response", 60.0, "ns", Some(steps.send)),
        Target::new(
            "a name in a list of a million, CPU a packet",
            20.0,
            "ns",
            Some(steps.lists[0]),
        ),
        Target::new("memory beyond the page cache", 64.0, "MiB", most),
    ];
    found.extend(steps.targets());
    found.extend(sizes.iter().map(Sizes::target));
    found
}

fn text(results: &Results<'_>, bytes: u64) -> String {
    let Results {
        machine,
        packets,
        contenders,
        large,
        sizes,
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
    text += &format!("\n{}\n{}", steps.beside_text(), sizes::text(sizes));
    if let Some(large) = large {
        let note = large.note.as_deref().unwrap_or_default();
        let table = offline::text(&large.contenders, f64::from(large.packets));
        text += &format!("\n{} packets. {note}", large.packets);
        text = format!("{}\n\n{table}", text.trim_end());
    }
    let wall = |cores| {
        let mut known = contenders.iter();
        let found = known.find(|known| known.is_sensor(cores, Version::V4))?;
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
        .filter(|known| known.cores.is_some() && known.version == Version::V4)
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
