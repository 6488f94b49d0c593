//! `dnsflow-gen`: makes realistic DNS responses.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use dnsflow_generate::capture_file::{self, Extent};
use dnsflow_generate::live::{self, Load, Plan, Report};
use dnsflow_generate::options::{FILE_RATE, Options, is_standard_output};
use dnsflow_generate::{Counts, Traffic, interface};

const BUFFER_BYTES: usize = 1 << 20;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Why the program ends with status 1.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot write {name}: {cause}")]
    Write { name: String, cause: io::Error },
    #[error(transparent)]
    Interface(#[from] interface::Error),
    #[error("cannot catch signals: {0}")]
    Signals(io::Error),
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(message) = options.check() {
        Options::command()
            .error(clap::error::ErrorKind::ArgumentConflict, message)
            .exit();
    }
    let result = match (&options.write, &options.interface) {
        (Some(path), _) => write_capture(&options, path),
        (None, Some(name)) => send(&options, name),
        // The output group of the options is required.
        (None, None) => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has had enough, as in `dnsflow-gen -w - .. | head`.
        Err(Failure::Write { cause, .. }) if cause.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("dnsflow-gen: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn write_capture(options: &Options, path: &Path) -> Result<(), Failure> {
    // `--write` requires `--count`.
    let count = options.count.unwrap_or(0);
    let extent = Extent {
        count,
        rate: options.rate.unwrap_or(FILE_RATE),
    };
    let mut traffic = traffic(options, 0);
    let mut capture = create(path)?;
    let mut expected = options.expect.as_deref().map(create).transpose()?;
    let terminal = io::stderr().is_terminal();
    let counts = capture_file::write(
        &mut traffic,
        extent,
        &mut *capture,
        &options.wanted,
        expected
            .as_mut()
            .map(|expected| &mut **expected as &mut dyn Write),
        &mut |done| {
            if terminal {
                show_progress(done, Some(count));
            }
        },
    )
    .map_err(|cause| Failure::Write {
        name: path.display().to_string(),
        cause,
    })?;
    if terminal {
        clear_progress();
    }
    summarise(
        options,
        &format!("{{{}}}", counts.json_members()),
        &counts.to_string(),
    )
}

fn send(options: &Options, name: &str) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(Failure::Signals)?;
    }
    let mut expected = options.expect.as_deref().map(create).transpose()?;
    let loads = prepare(options);
    let plan = Plan {
        count: options.count,
        duration: options.seconds,
        rate: options.rate,
    };
    let report = send_and_watch(name, &loads, &plan, &stop)?;
    let mut counts = Counts::default();
    for (load, sent) in loads.iter().zip(&report.sent) {
        counts.merge(&load.counts(*sent));
        if let Some(expected) = &mut expected {
            load.write_expected(*sent, &mut **expected)
                .map_err(|cause| expected_failure(options, cause))?;
        }
    }
    if let Some(expected) = &mut expected {
        expected
            .flush()
            .map_err(|cause| expected_failure(options, cause))?;
    }
    summarise(
        options,
        &live_json(&report, &counts),
        &live_text(&report, &counts),
    )
}

fn prepare(options: &Options) -> Vec<Load> {
    let cpus = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let default = if options.rate.is_some() { 1 } else { cpus };
    let threads = options.threads.map_or(default, usize::from);
    let frames = usize::try_from(options.frames)
        .unwrap_or(usize::MAX)
        .div_ceil(threads);
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let stream = u64::try_from(thread).unwrap_or(u64::MAX);
                scope.spawn(move || {
                    Load::prepare(
                        &mut traffic(options, stream),
                        frames,
                        &options.wanted,
                        options.expect.is_some(),
                    )
                })
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().expect("making frames does not panic"))
            .collect()
    })
}

fn send_and_watch(
    name: &str,
    loads: &[Load],
    plan: &Plan,
    stop: &AtomicBool,
) -> Result<Report, interface::Error> {
    let sent = AtomicU64::new(0);
    if !io::stderr().is_terminal() {
        return live::send(name, loads, plan, stop, &sent);
    }
    thread::scope(|scope| {
        let sender = scope.spawn(|| live::send(name, loads, plan, stop, &sent));
        while !sender.is_finished() {
            show_progress(sent.load(Ordering::Relaxed), plan.part(0, 1).count);
            thread::sleep(PROGRESS_INTERVAL);
        }
        clear_progress();
        sender.join().expect("sending does not panic")
    })
}

fn live_json(report: &Report, counts: &Counts) -> String {
    let dropped = report
        .dropped
        .map_or_else(|| "null".to_owned(), |dropped| dropped.to_string());
    format!(
        "{{{},\"seconds\":{:.6},\"refused\":{},\"dropped\":{dropped}}}",
        counts.json_members(),
        report.elapsed.as_secs_f64(),
        report.refused,
    )
}

fn live_text(report: &Report, counts: &Counts) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "for people, who read seven digits"
    )]
    let rate = counts.packets as f64 / report.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut text = format!(
        "{counts}; {:.3} s, {rate:.0} packets a second",
        report.elapsed.as_secs_f64()
    );
    if report.refused > 0 {
        text += &format!(
            "; {} times the driver had no room, and frames were offered again",
            report.refused
        );
    }
    match report.dropped {
        Some(0) => {}
        Some(dropped) => {
            text += &format!("; {dropped} FRAMES WERE LOST after the driver took them")
        }
        None => text += "; the kernel does not tell how many the driver lost",
    }
    text
}

fn summarise(options: &Options, json: &str, text: &str) -> Result<(), Failure> {
    eprintln!("dnsflow-gen: {text}");
    if !options.json {
        return Ok(());
    }
    writeln!(io::stdout(), "{json}").map_err(|cause| Failure::Write {
        name: "standard output".to_owned(),
        cause,
    })
}

fn traffic(options: &Options, stream: u64) -> Traffic {
    Traffic::new(
        &options.mix,
        [options.source_mac, options.destination_mac],
        options.seed,
        stream,
    )
}

fn create(path: &Path) -> Result<Box<dyn Write>, Failure> {
    if is_standard_output(path) {
        return Ok(Box::new(BufWriter::with_capacity(
            BUFFER_BYTES,
            io::stdout(),
        )));
    }
    let file = File::create(path).map_err(|cause| Failure::Write {
        name: path.display().to_string(),
        cause,
    })?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER_BYTES, file)))
}

fn expected_failure(options: &Options, cause: io::Error) -> Failure {
    let name = options
        .expect
        .as_deref()
        .unwrap_or(Path::new("-"))
        .display()
        .to_string();
    Failure::Write { name, cause }
}

fn show_progress(done: u64, of: Option<u64>) {
    match of {
        Some(count) => eprint!("\r{done} of {count} packets \x1b[K"),
        None => eprint!("\r{done} packets \x1b[K"),
    }
}

fn clear_progress() {
    eprint!("\r\x1b[K");
}
