//! From settings to running shards, and from their reports to a summary.
//!
//! The supervisor opens what all shards need, gives each its part, and then only waits: for a signal, or
//! for shards to end. While packets flow it shares nothing with them but a descriptor that says stop.

mod event;
mod offline;
mod output;
mod progress;
mod requirements;
mod shards;

use std::fs::File;
use std::path::Path;

use log::{debug, error, info};

use crate::capture::interface::{InterfaceDrops, default_interface};
use crate::capture::socket::Tap;
use crate::capture::sys;
use crate::counters::Counters;
use crate::decode::Decoder;
use crate::error::StartError;
use crate::export::Sent;
use crate::pidfile::PidFile;
use crate::privileges::Identity;
use crate::settings::{Input, Settings};
use crate::shard::live::Live;
use crate::shard::{Report, Shard};
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
    debug!("CPUs: {cpus:?}; {settings:?}");
    requirements::check(cpus.len())?;
    settings.user.iter().try_for_each(Identity::check)?;
    let _pidfile = settings.pidfile.as_deref().map(PidFile::hold).transpose()?;
    let reports = match &settings.input {
        Input::Live(interface) => live(settings, interface.as_deref(), &cpus)?,
        Input::File(path) => offline::run(settings, path, &cpus, Events::watch()?)?,
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
    if let Some(user) = &settings.user {
        user.assume()?;
        // Locked memory is counted for that user from here on.
        requirements::check(cpus.len())?;
    }
    // It starts a thread, which is to have no more privileges than we have now.
    let mut events = Events::watch()?;
    info!(
        interface = interface.as_str();
        "capturing on {interface}; cores: {}",
        cpus.len()
    );
    armed.start(&program)?;
    info!(interface = interface.as_str(); "filter: {}", program.name());
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
    events.wait(&shards);
    shards.stop();
    shards.reports()
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
            info!(core; "core {core}: {}", report.counters);
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
    info!("{total}");
    if let Some(kernel) = kernel {
        info!(
            "kernel: {} passed the filter, {} dropped, {} ring freezes",
            kernel.packets, kernel.drops, kernel.freezes
        );
    }
    info!(
        "sent {} sets in {} datagrams; collectors took {}, did not take {}",
        sent.sets, sent.datagrams, sent.delivered, sent.failed
    );
    for failure in &failures {
        error!("{failure}");
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
