//! From settings to running shards, and from their reports to a summary.
//!
//! The supervisor opens what all shards need, gives each its part, and then only waits: for a signal, or
//! for shards to end. While packets flow it shares nothing with them but a descriptor that says stop.

mod event;
mod output;
mod progress;
mod requirements;
mod shards;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::file::Records;
use crate::capture::input::Source;
use crate::capture::interface::{InterfaceDrops, default_interface};
use crate::capture::relay::{Stop, relay};
use crate::capture::socket::Tap;
use crate::capture::{input, sys};
use crate::counters::Counters;
use crate::decode::Decoder;
use crate::diagnostics::say;
use crate::error::StartError;
use crate::export::Sent;
use crate::pidfile::PidFile;
use crate::settings::{Input, Settings};
use crate::shard::admission::{Admission, Part};
use crate::shard::file::Offline;
use crate::shard::live::Live;
use crate::shard::{Progress, Report, Shard, ShardError};
use event::Events;
use output::Outputs;
use shards::Shards;

/// Runs the sensor to its end and says on standard error what came of it.
///
/// Returns whether all went well: false if a file was damaged or a shard failed, which was said.
///
/// # Errors
/// What kept it from starting.
pub fn run(settings: &Settings) -> Result<bool, StartError> {
    let cpus = settings
        .cores
        .choose(&requirements::cpus()?)
        .map_err(|error| StartError::Usage(error.to_string()))?;
    requirements::check(cpus.len())?;
    let _pidfile = settings.pidfile.as_deref().map(PidFile::hold).transpose()?;
    let events = Events::watch()?;
    let reports = match &settings.input {
        Input::Live(interface) => live(settings, interface.as_deref(), &cpus, events)?,
        Input::File(path) => offline(settings, path, &cpus, events)?,
    };
    let input = match &settings.input {
        Input::Live(_) => String::new(),
        Input::File(path) => format!("{}: ", path.display()),
    };
    Ok(summarise(&reports, &input))
}

fn live(
    settings: &Settings,
    interface: Option<&str>,
    cpus: &[usize],
    mut events: Events,
) -> Result<Vec<Report>, StartError> {
    let interface = interface.map_or_else(default_interface, |name| Ok(name.to_owned()))?;
    let capture = &settings.capture;
    let tap = Tap {
        interface: interface.clone(),
        promiscuous: settings.promiscuous,
        shards: cpus.len(),
        ring_bytes: settings.ring_bytes,
        spread: capture.spread()?,
    };
    let armed = tap.open()?;
    let program = capture.program(armed.link)?;
    let outputs = Outputs::open(&settings.output, cpus.len())?;
    say(format_args!(
        "capturing on {interface}; cores: {}",
        cpus.len()
    ));
    armed.start(&program)?;
    say(format_args!("filter: {}", program.name()));
    let drops = InterfaceDrops::new(&interface);
    let mut shards = Shards::default();
    for ((ring, cpu), output) in armed.rings.into_iter().zip(cpus).zip(outputs) {
        let (selection, sample, drops) = (capture.decode(), capture.sample, drops.clone());
        shards.spawn(*cpu, events.sender(), move |control| async move {
            let flush = output.flush();
            let shard = Shard::new(Decoder::new(selection), output.export(), sample);
            Live {
                shard,
                ring,
                drops,
                flush,
            }
            .run(control)
            .await
        })?;
    }
    events.wait(&shards, || {});
    shards.stop();
    shards.reports()
}

fn offline(
    settings: &Settings,
    path: &Path,
    cpus: &[usize],
    mut events: Events,
) -> Result<Vec<Report>, StartError> {
    let capture = &settings.capture;
    let failed = |source| StartError::File {
        path: path.to_owned(),
        source,
    };
    if input::is_repeatable(path) {
        // What is no capture at all is said before anything is opened for its sake.
        let source = input::open(path)
            .and_then(input::unpacked)
            .map_err(failed)?;
        Records::open(source).map_err(|source| StartError::Capture {
            path: path.to_owned(),
            source,
        })?;
    }
    let (sources, stop) = sources(path, cpus.len(), settings.output.flush).map_err(failed)?;
    let outputs = Outputs::open(&settings.output, cpus.len())?;
    let balance = capture.balance().fanout()?;
    let part = |index: usize, count: usize| {
        Some(Part {
            program: balance.clone(),
            index: u32::try_from(index).ok()?,
            count: u32::try_from(count).ok().filter(|count| *count > 1)?,
        })
    };
    let mut shards = Shards::default();
    let mut all_progress = Vec::new();
    for (index, ((source, cpu), output)) in sources.into_iter().zip(cpus).zip(outputs).enumerate() {
        let member = capture.share.map(|share| Part {
            program: balance.clone(),
            index: share.index,
            count: share.count,
        });
        let admission = Admission::new(
            part(index, cpus.len()),
            member,
            capture.expression.clone(),
            capture.sample,
        )?;
        let progress = Arc::new(Progress::default());
        all_progress.push(Arc::clone(&progress));
        let (selection, sample) = (capture.decode(), capture.sample);
        let flush = settings.output.flush;
        shards.spawn(*cpu, events.sender(), move |_control| async move {
            let shard = Shard::new(Decoder::new(selection), output.export(), sample);
            let offline = Offline {
                shard,
                admission,
                progress,
                flush,
            };
            match input::unpacked(source) {
                Ok(source) => offline.run(source).await,
                Err(source) => offline.refused(ShardError::System {
                    what: "can't unpack the file",
                    source,
                }),
            }
        })?;
    }
    let bar = progress::bar(path);
    events.wait(&shards, || bar.show(&all_progress));
    bar.finish();
    all_progress.iter().for_each(|progress| progress.stop());
    stop.iter().for_each(Stop::stop);
    shards.stop();
    shards.reports()
}

/// One reader of the whole input for each shard, and, where it is no file, a way to end it early.
fn sources(path: &Path, count: usize, pause: Duration) -> io::Result<(Vec<Source>, Option<Stop>)> {
    if input::is_repeatable(path) {
        let sources = (0..count).map(|_| input::open(path));
        return Ok((sources.collect::<io::Result<_>>()?, None));
    }
    let (readers, stop) = relay(path, count, pause)?;
    let boxed = readers.into_iter().map(|reader| Box::new(reader) as _);
    Ok((boxed.collect(), Some(stop)))
}

/// Says what came of it; true if nothing failed. `input` stands before what is wrong with it.
fn summarise(reports: &[Report], input: &str) -> bool {
    let mut total = Counters::default();
    let mut sent = Sent::default();
    let mut kernel = None;
    let mut failures: Vec<String> = Vec::new();
    for (core, report) in reports.iter().enumerate() {
        total.add(&report.counters);
        sent.add(&report.sent);
        if reports.len() > 1 {
            say(format_args!("core {core}: {}", report.counters));
        }
        if let Some(counts) = report.kernel {
            kernel
                .get_or_insert_with(sys::KernelCounts::default)
                .add(&counts);
        }
        if let Some(failure) = report
            .failure
            .as_ref()
            .filter(|failure| !failure.is_closed_pipe())
        {
            let input = if failure.is_about_input() { input } else { "" };
            let text = format!("{input}{failure}");
            if !failures.contains(&text) {
                failures.push(text);
            }
        }
    }
    say(format_args!("{total}"));
    if let Some(kernel) = kernel {
        say(format_args!(
            "kernel: {} passed the filter, {} dropped, {} ring freezes",
            kernel.packets, kernel.drops, kernel.freezes
        ));
    }
    say(format_args!(
        "sent {} sets in {} datagrams; collectors took {}, did not take {}",
        sent.sets, sent.datagrams, sent.delivered, sent.failed
    ));
    for failure in &failures {
        say(format_args!("{failure}"));
    }
    failures.is_empty()
}

/// Opens a file for writing, or standard output for `-`.
fn create(path: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::File {
        path: path.to_owned(),
        source,
    };
    if path.as_os_str() == "-" {
        use std::os::fd::AsFd;
        let descriptor = std::io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(failed)?;
        return Ok(File::from(descriptor));
    }
    File::create(path).map_err(failed)
}
