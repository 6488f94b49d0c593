//! From the answers of the cores to the page that Prometheus reads (text format 0.0.4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::family::{self, Family, Kind};
use super::process::Usage;
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
        let mut page = Page::default();
        self.process(&mut page);
        self.taps(&mut page);
        self.links(&mut page);
        self.streams(&mut page);
        self.collectors(&mut page);
        self.outputs(&mut page);
        self.held(&mut page);
        page.text()
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

    fn process(&self, page: &mut Page) {
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

    fn taps(&self, page: &mut Page) {
        for snapshot in &self.snapshots {
            let core = snapshot.core.to_string();
            for tap in &snapshot.taps {
                tap_counters(page, &core, tap);
            }
        }
    }

    fn links(&self, page: &mut Page) {
        for (interface, is_up) in self.interfaces() {
            page.set(&family::INTERFACE_UP, &[interface], flag(is_up));
        }
        for (interface, drops) in &self.interface_drops {
            page.add(&family::INTERFACE_DROPS, &[interface], *drops);
        }
    }

    fn streams(&self, page: &mut Page) {
        for snapshot in &self.snapshots {
            let core = snapshot.core.to_string();
            page.add(&family::SETS, &[&core], snapshot.sent.sets);
            page.add(&family::DATAGRAMS, &[&core], snapshot.sent.datagrams);
            let kept = f64::from(snapshot.sample_rate.max(1));
            page.set(&family::SAMPLE_RATE, &[&core], kept);
            page.put(&family::AGES, &[&core], Value::Ages(snapshot.ages));
        }
    }

    fn collectors(&self, page: &mut Page) {
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
    fn outputs(&self, page: &mut Page) {
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

    fn held(&self, page: &mut Page) {
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

fn tap_counters(page: &mut Page, core: &str, tap: &TapSnapshot) {
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

/// Samples by metric and labels. Samples of the same labels, which Prometheus would refuse, are
/// added up.
#[derive(Debug, Default)]
struct Page {
    samples: BTreeMap<&'static str, BTreeMap<Vec<String>, Value>>,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Number(f64),
    Ages(Ages),
}

impl Page {
    /// Adds `more` to a sample.
    fn add(&mut self, family: &Family, labels: &[&str], more: u64) {
        let before = match self
            .samples
            .get(family.name)
            .and_then(|samples| samples.get(&owned(labels)))
        {
            Some(Value::Number(before)) => *before,
            _ => 0.0,
        };
        self.put(family, labels, Value::Number(before + more as f64));
    }

    fn set(&mut self, family: &Family, labels: &[&str], value: f64) {
        self.put(family, labels, Value::Number(value));
    }

    fn put(&mut self, family: &Family, labels: &[&str], value: Value) {
        let samples = self.samples.entry(family.name).or_default();
        samples.insert(owned(labels), value);
    }

    fn text(mut self) -> String {
        let families: Vec<MetricFamily> = family::ALL
            .iter()
            .filter_map(|family| Some(encoded(family, self.samples.remove(family.name)?)))
            .collect();
        // The encoder fails on a metric without a sample or a name; there is none.
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_default()
    }
}

fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(|label| (*label).to_owned()).collect()
}

fn encoded(family: &Family, samples: BTreeMap<Vec<String>, Value>) -> MetricFamily {
    let mut encoded = MetricFamily::default();
    encoded.set_name(family.name.to_owned());
    encoded.set_help(family.meaning.to_owned());
    encoded.set_field_type(match family.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    let samples = samples.into_iter().map(|(values, value)| {
        let labels = family.labels.iter().zip(values).map(|(name, value)| {
            let mut label = LabelPair::default();
            label.set_name((*name).to_owned());
            label.set_value(value);
            label
        });
        let mut metric = Metric::from_label(labels.collect());
        match (family.kind, value) {
            (Kind::Counter, Value::Number(value)) => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            (_, Value::Number(value)) => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            (_, Value::Ages(ages)) => metric.set_histogram(histogram(&ages)),
        }
        metric
    });
    encoded.set_metric(samples.collect());
    encoded
}

fn histogram(ages: &Ages) -> Histogram {
    let mut all = 0;
    let buckets = Ages::BOUNDS_SECONDS
        .iter()
        .zip(ages.buckets)
        .map(|(bound, sends)| {
            all += sends;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(all);
            bucket
        });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(ages.buckets.iter().sum());
    histogram.set_sample_sum(ages.sum_seconds);
    histogram
}
