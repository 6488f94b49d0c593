//! From the answers of the cores to the page that Prometheus reads (text format 0.0.4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dnsflow_service::exposition::{Histogram, Samples};
use dnsflow_service::process::Usage;

use super::family;
use crate::shard::snapshot::{Ages, Snapshot, TapSnapshot};
use dnsflow_packet::{Loss, Reject};

/// The content of a page.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Cores that the sensor was started on.
    pub cores: usize,
    /// The answers of the cores that have answered in time.
    pub snapshots: Vec<Snapshot>,
    /// Packets that each interface has dropped by itself since the start.
    pub interface_drops: Vec<(Arc<str>, u64)>,
    /// Counts of reloads.
    pub reloads: Reloads,
    /// Resources of the process.
    pub usage: Usage,
}

/// Counts of reloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    /// Reloads that were applied.
    pub applied: u64,
    /// Reloads that were refused and left the settings as they were.
    pub refused: u64,
    /// Whether the last one was refused.
    pub last_refused: bool,
}

impl View {
    /// The page. Metrics without a sample, such as those of collectors without a collector, are
    /// left out.
    #[must_use]
    pub fn text(&self) -> String {
        let mut page = Samples::default();
        self.process(&mut page);
        self.taps(&mut page);
        self.links(&mut page);
        self.streams(&mut page);
        self.collectors(&mut page);
        self.outputs(&mut page);
        self.held(&mut page);
        page.text(family::ALL)
    }

    /// Whether the core has answered.
    pub(super) fn has(&self, core: usize) -> bool {
        self.snapshots.iter().any(|snapshot| snapshot.core == core)
    }

    /// Each interface, and whether it is up for every core that has answered.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = (&str, bool)> {
        let mut interfaces = BTreeMap::<&str, bool>::new();
        for tap in self.snapshots.iter().flat_map(|snapshot| &snapshot.taps) {
            *interfaces.entry(&tap.interface).or_insert(true) &= tap.present;
        }
        interfaces.into_iter()
    }

    fn process(&self, page: &mut Samples) {
        let build = [env!("CARGO_PKG_VERSION"), std::env::consts::ARCH];
        page.set(&family::BUILD, &build, 1.0);
        page.set(&family::CORES, &[], count(self.cores));
        for core in 0..self.cores {
            let answered = flag(self.has(core));
            page.set(&family::CORE_UP, &[&core.to_string()], answered);
        }
        let reloads = &self.reloads;
        page.add(&family::RELOADS, &["ok"], reloads.applied);
        page.add(&family::RELOADS, &["failed"], reloads.refused);
        page.set(&family::LAST_RELOAD, &[], flag(!reloads.last_refused));
        page.set(&family::PROCESS_START, &[], self.usage.started_seconds);
        page.set(&family::PROCESS_CPU, &[], self.usage.cpu_seconds);
        page.set(
            &family::PROCESS_MEMORY,
            &[],
            self.usage.resident_bytes as f64,
        );
    }

    fn taps(&self, page: &mut Samples) {
        for snapshot in &self.snapshots {
            let core = snapshot.core.to_string();
            for tap in &snapshot.taps {
                tap_counters(page, &core, tap);
            }
        }
    }

    fn links(&self, page: &mut Samples) {
        for (interface, is_up) in self.interfaces() {
            page.set(&family::INTERFACE_UP, &[interface], flag(is_up));
        }
        for (interface, drops) in &self.interface_drops {
            page.add(&family::INTERFACE_DROPS, &[interface], *drops);
        }
    }

    fn streams(&self, page: &mut Samples) {
        for snapshot in &self.snapshots {
            let core = snapshot.core.to_string();
            page.add(&family::SETS, &[&core], snapshot.sent.sets);
            page.add(&family::DATAGRAMS, &[&core], snapshot.sent.datagrams);
            let kept = f64::from(snapshot.sample_rate.max(1));
            page.set(&family::SAMPLE_RATE, &[&core], kept);
            page.set_histogram(&family::AGES, &[&core], histogram(&snapshot.ages));
        }
    }

    fn collectors(&self, page: &mut Samples) {
        let mut known = BTreeSet::new();
        for snapshot in &self.snapshots {
            let core = snapshot.core.to_string();
            for collector in &snapshot.collectors {
                let labels = [&*core, &*collector.name];
                // A datagram that is refused later moves from one count to the other; only the sum
                // never goes down.
                let all = collector.delivered + collector.failed;
                page.add(&family::COLLECTOR_DATAGRAMS, &labels, all);
                page.add(&family::COLLECTOR_FAILED, &labels, collector.failed);
                known.insert((&*collector.name, collector.address.to_string()));
            }
        }
        for (name, address) in known {
            page.set(&family::COLLECTOR, &[name, &address], 1.0);
        }
    }

    /// All cores share an output. What one of them saw of it last is not less than the others saw.
    fn outputs(&self, page: &mut Samples) {
        let mut outputs = BTreeMap::<&str, (bool, u64)>::new();
        for output in self.snapshots.iter().flat_map(|snapshot| &snapshot.local) {
            let (is_up, dropped) = outputs.entry(&output.name).or_insert((true, 0));
            *is_up &= output.is_up;
            *dropped = output.dropped.max(*dropped);
        }
        for (name, (is_up, dropped)) in outputs {
            page.set(&family::OUTPUT_UP, &[name], flag(is_up));
            page.add(&family::OUTPUT_DROPPED, &[name], dropped);
        }
    }

    fn held(&self, page: &mut Samples) {
        for snapshot in &self.snapshots {
            let core = snapshot.core.to_string();
            let held = &snapshot.held;
            for (family, value) in [
                (&family::HELD_DATAGRAMS, held.datagrams),
                (&family::HELD_DATAGRAM_BYTES, held.datagram_bytes),
                (&family::HELD_STREAMS, held.streams),
                (&family::HELD_STREAM_BYTES, held.stream_bytes),
            ] {
                page.set(family, &[&core], count(value));
            }
        }
    }
}

fn tap_counters(page: &mut Samples, core: &str, tap: &TapSnapshot) {
    let (counters, kernel) = (&tap.counters, &tap.kernel);
    let labels = [core, &*tap.interface];
    page.add(&family::RECEIVED, &labels, counters.received);
    page.add(&family::REBUILT, &labels, counters.rebuilt);
    page.add(&family::EXPORTED, &labels, counters.exported);
    for reason in Reject::ALL {
        let labels = [core, &*tap.interface, reason.counter()];
        page.add(&family::REJECTED, &labels, counters.rejected(*reason));
    }
    for what in Loss::ALL {
        let labels = [core, &*tap.interface, what.counter()];
        page.add(&family::LOST, &labels, counters.lost(*what));
    }
    page.add(&family::KERNEL_PACKETS, &labels, kernel.packets);
    page.add(&family::KERNEL_DROPS, &labels, kernel.drops);
    page.add(&family::KERNEL_FREEZES, &labels, kernel.freezes);
    page.add(&family::KERNEL_DAMAGED, &labels, kernel.damaged);
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn count(number: usize) -> f64 {
    number as f64
}

fn histogram(ages: &Ages) -> Histogram {
    Histogram {
        bounds: &Ages::BOUNDS_SECONDS,
        counts: ages.buckets.to_vec(),
        sum: ages.sum_seconds,
    }
}
