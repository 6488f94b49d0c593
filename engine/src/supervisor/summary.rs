//! The summary of a run, logged at its end.

use log::{error, info, warn};

use super::output::Outputs;
use crate::export::Sent;
use crate::shard::sampling::{Kept, Sampled};
use crate::shard::snapshot::{LocalSnapshot, TapSnapshot};
use crate::shard::{Report, kernel_totals};
use dnsflow_packet::Counters;
use dnsflow_sys::KernelCounts;

/// Logs the summary; returns whether no shard and no output has failed. `input` is put before
/// errors about the input: the name of the source.
pub(super) fn summarise(reports: &[Report], outputs: &Outputs, input: &str) -> bool {
    let mut total = Counters::default();
    let mut sent = Sent::default();
    for (core, report) in reports.iter().enumerate() {
        total.add(&report.counters);
        sent.add(&report.sent);
        if reports.len() > 1 {
            info!(core; "core {core}: {}", report.counters);
        }
    }
    let taps: Vec<TapSnapshot> = reports
        .iter()
        .flat_map(|report| report.taps.iter().cloned())
        .collect();
    log_sampling(reports);
    log_interfaces(&taps);
    info!("{total}");
    if let Some(counts) = kernel_totals(&taps) {
        info!("kernel: {}", Kernel(counts));
    }
    info!(
        "sent {} sets in {} datagrams; collectors took {}, did not take {}",
        sent.sets, sent.datagrams, sent.delivered, sent.failed
    );
    let failures = failures(reports, input);
    for failure in &failures {
        error!("{failure}");
    }
    let outputs_are_well = summarise_outputs(outputs);
    failures.is_empty() && outputs_are_well
}

/// Logs what outputs on this machine have not taken, and failures that no shard has met; returns
/// whether there is no failure. A reader that closes the only output is no failure.
fn summarise_outputs(outputs: &Outputs) -> bool {
    let mut all_well = true;
    for output in outputs.local() {
        output.log_failure(false);
        let is_closed = output.failure().is_some() && output.is_closed_by_reader();
        all_well &= is_closed || output.failure().is_none();
        let LocalSnapshot { name, dropped, .. } = output.snapshot();
        if dropped > 0 && !is_closed {
            warn!("{name}: output_dropped {dropped} {}", output.unit().name());
        }
    }
    all_well
}

/// Logs what overload made of the sampling rate of each core.
fn log_sampling(reports: &[Report]) {
    for (core, report) in reports.iter().enumerate() {
        let Sampled {
            rate,
            highest,
            changes,
        } = report.sampled;
        if changes > 0 {
            let (least, last) = (Kept(highest), Kept(rate));
            info!(core; "core {core}: overload changed the sample rate {changes} times; least kept: {least}; at the end: {last}");
        }
    }
}

/// Logs the counts of each interface, summed over all cores, if there are several interfaces.
fn log_interfaces(taps: &[TapSnapshot]) {
    let mut seen: Vec<&str> = Vec::new();
    for tap in taps {
        if !seen.contains(&&*tap.interface) {
            seen.push(&tap.interface);
        }
    }
    for name in seen.iter().filter(|_| seen.len() > 1) {
        let of_one = taps.iter().filter(|tap| &*tap.interface == *name);
        let of_one: Vec<TapSnapshot> = of_one.cloned().collect();
        let mut counters = Counters::default();
        of_one.iter().for_each(|tap| counters.add(&tap.counters));
        info!(interface = *name; "interface {name}: {counters}");
        if let Some(counts) = kernel_totals(&of_one) {
            info!(interface = *name; "interface {name}: kernel: {}", Kernel(counts));
        }
    }
}

/// The errors that ended shards early, without repetition, except those of outputs.
fn failures(reports: &[Report], input: &str) -> Vec<String> {
    let mut failures: Vec<String> = Vec::new();
    let found = reports.iter().filter_map(|report| report.failure.as_ref());
    for failure in found.filter(|failure| !failure.is_about_output()) {
        let input = if failure.is_about_input() { input } else { "" };
        let text = format!("{input}{failure}");
        if !failures.contains(&text) {
            failures.push(text);
        }
    }
    failures
}

/// Formats the kernel's counts.
struct Kernel(KernelCounts);

impl std::fmt::Display for Kernel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let KernelCounts {
            packets,
            drops,
            freezes,
            damaged,
        } = self.0;
        write!(
            out,
            "{packets} passed the filter, {drops} dropped, {freezes} ring freezes"
        )?;
        match damaged {
            0 => Ok(()),
            damaged => write!(out, ", {damaged} in damaged blocks"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_blocks_are_mentioned_only_if_there_are_any() {
        let mut counts = KernelCounts {
            packets: 9,
            drops: 1,
            freezes: 2,
            damaged: 0,
        };
        let whole = "9 passed the filter, 1 dropped, 2 ring freezes";
        assert_eq!(Kernel(counts).to_string(), whole);
        counts.add(&KernelCounts {
            damaged: 3,
            ..KernelCounts::default()
        });
        let damaged = format!("{whole}, 3 in damaged blocks");
        assert_eq!(Kernel(counts).to_string(), damaged);
    }
}
