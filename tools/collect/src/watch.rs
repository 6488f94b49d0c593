//! A run as others see it: metrics, health, the line of status, and rates in the log.

mod family;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use dnsflow_names::map::Counts;
use dnsflow_service::exposition::Samples;
use dnsflow_service::monitoring::Pages;
use dnsflow_service::process::Usage;

use crate::backlog::{Account, Backlog};
use crate::receive::{Refusal, Refused, Shared, StreamView, Totals, View};
use crate::run::PATIENCE;
use crate::serve::{self, Done, MATCHES, Naming};
use crate::sink::runner::Status;

/// Sensors with metrics of their own; what others do is summed up. Forged names must not fill Prometheus.
const MAX_SENSORS: usize = 1000;

/// The name of all sensors beyond [`MAX_SENSORS`], which no sensor can have.
const OTHERS: &str = "(others)";

/// The sinks, for whoever asks: names and what each has done.
pub type Sinks = Vec<(String, Arc<Status>)>;

/// Whom to ask.
#[derive(Debug)]
pub struct Watch {
    receivers: Arc<Shared>,
    backlog: Arc<Backlog>,
    sinks: Sinks,
    naming: Option<Arc<Naming>>,
    started: SystemTime,
}

impl Watch {
    /// What is asked.
    #[must_use]
    pub fn new(
        receivers: Arc<Shared>,
        backlog: Arc<Backlog>,
        sinks: Sinks,
        naming: Option<Arc<Naming>>,
    ) -> Self {
        Self {
            receivers,
            backlog,
            sinks,
            naming,
            started: SystemTime::now(),
        }
    }

    /// Asks everything.
    #[must_use]
    pub fn look(&self) -> Look {
        let (receivers, is_well) = self.receivers.views(PATIENCE);
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let sinks = self.sinks.iter().zip(self.backlog.accounts());
        let sinks = sinks.map(|((name, status), account)| SinkLook {
            name: name.clone(),
            account,
            batches: load(&status.batches),
            records: load(&status.records),
            failures: load(&status.failures),
            refused: load(&status.refused_records),
            is_up: status.is_up.load(Ordering::Relaxed),
        });
        Look {
            receivers,
            is_well,
            sinks: sinks.collect(),
            sizes: self.backlog.sizes(),
            spool_max: self.backlog.spool_max(),
            naming: self
                .naming
                .as_ref()
                .map(|naming| (naming.counts(), naming.done())),
            usage: Usage::now(self.started),
            at: Instant::now(),
        }
    }
}

/// What a sink has done.
#[derive(Clone, Debug)]
struct SinkLook {
    name: String,
    account: Account,
    batches: u64,
    records: u64,
    failures: u64,
    /// Records that the store will never take.
    refused: u64,
    is_up: bool,
}

/// A run at one time.
#[derive(Clone, Debug)]
pub struct Look {
    receivers: Vec<View>,
    is_well: bool,
    sinks: Vec<SinkLook>,
    /// Bytes in memory, bytes in the spool, batches that could not be written there.
    sizes: (usize, u64, u64),
    /// Bytes that the spool may have.
    spool_max: u64,
    /// What the map of names holds, and what was asked.
    naming: Option<(Counts, Done)>,
    usage: Usage,
    at: Instant,
}

impl Look {
    /// Whether every receiver has answered.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.is_well
    }

    /// A line for the service manager.
    #[must_use]
    pub fn line(&self) -> String {
        let totals = self.totals();
        let away = self.sinks.iter().filter(|sink| !sink.is_up).count();
        let mut line = format!(
            "{} records of {} sensors, {} datagrams lost on the way",
            totals.records,
            self.sensors().len(),
            totals.lost
        );
        if away > 0 {
            let _ = write!(line, "; {away} of {} stores away", self.sinks.len());
        }
        line
    }

    /// A line of what happened since `before`.
    #[must_use]
    pub fn rates_since(&self, before: &Self) -> String {
        let seconds = self.at.duration_since(before.at).as_secs_f64().max(1e-3);
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        let (now, then) = (self.totals(), before.totals());
        let refused = |look: &Self| look.refused().iter().sum::<u64>();
        let mut line = format!(
            "{:.0} records and {:.0} datagrams a second, {} lost on the way, {} dropped here, {} refused",
            rate(now.records, then.records),
            rate(now.datagrams, then.datagrams),
            now.lost.saturating_sub(then.lost),
            self.dropped().saturating_sub(before.dropped()),
            refused(self) - refused(before),
        );
        for (sink, then) in self.sinks.iter().zip(&before.sinks) {
            let _ = write!(
                line,
                "; {}: {:.0} a second, {} waiting",
                sink.name,
                rate(sink.records, then.records),
                sink.account.waiting_records
            );
        }
        line
    }

    fn totals(&self) -> Totals {
        let mut sum = Totals::default();
        for view in &self.receivers {
            sum.add(&view.gone);
            for stream in &view.streams {
                sum.add(&stream.totals);
            }
        }
        sum
    }

    fn dropped(&self) -> u64 {
        self.receivers.iter().map(|view| view.dropped).sum()
    }

    fn refused(&self) -> Refused {
        let mut sum = Refused::default();
        for view in &self.receivers {
            for (sum, refused) in sum.iter_mut().zip(view.refused) {
                *sum += refused;
            }
        }
        sum
    }

    /// What each sensor has sent, by its name.
    fn sensors(&self) -> BTreeMap<&str, SensorLook<'_>> {
        let mut sensors: BTreeMap<&str, SensorLook<'_>> = BTreeMap::new();
        for stream in self.receivers.iter().flat_map(|view| &view.streams) {
            let name = stream.stream.sensor.as_str();
            let is_known = sensors.contains_key(name);
            let name = if is_known || sensors.len() < MAX_SENSORS {
                name
            } else {
                OTHERS
            };
            let sensor = sensors.entry(name).or_default();
            sensor.totals.add(&stream.totals);
            sensor.last = sensor.last.max(stream.last);
            for (counter, value) in &stream.counters {
                *sensor.counters.entry(counter).or_default() += value;
            }
        }
        sensors
    }
}

/// What a sensor has sent.
#[derive(Default)]
struct SensorLook<'a> {
    totals: Totals,
    last: Duration,
    counters: BTreeMap<&'a str, u64>,
}

impl Pages for Look {
    const INDEX: &'static str = "\
dnsflow-collect, a collector of DNS responses

/metrics  counters, for Prometheus
/healthz  ok, unless a receiver is stuck
/readyz   ok, if every store takes batches as well
";

    fn metrics(&self) -> String {
        let samples = &mut Samples::default();
        self.receiving(samples);
        self.storing(samples);
        if let Some((counts, done)) = &self.naming {
            naming(samples, counts, done);
        }
        samples.set(
            &family::BUILD,
            &[env!("CARGO_PKG_VERSION"), std::env::consts::ARCH],
            1.0,
        );
        samples.set(&family::PROCESS_START, &[], self.usage.started_seconds);
        samples.set(&family::PROCESS_CPU, &[], self.usage.cpu_seconds);
        let memory = self.usage.resident_bytes as f64;
        samples.set(&family::PROCESS_MEMORY, &[], memory);
        std::mem::take(samples).text(family::ALL)
    }

    fn unhealthy(&self) -> String {
        if self.is_well {
            String::new()
        } else {
            "a receiver has not answered\n".to_owned()
        }
    }

    fn unready(&self) -> String {
        let mut lines = self.unhealthy();
        for sink in self.sinks.iter().filter(|sink| !sink.is_up) {
            let _ = writeln!(lines, "{} takes no batches", sink.name);
        }
        lines
    }
}

impl Look {
    fn receiving(&self, samples: &mut Samples) {
        for (name, sensor) in self.sensors() {
            let totals = &sensor.totals;
            for (family, value) in [
                (&family::DATAGRAMS, totals.datagrams),
                (&family::RECORDS, totals.records),
                (&family::LATE, totals.late),
                (&family::DOUBLED, totals.doubled),
                (&family::RESTARTS, totals.restarts),
            ] {
                samples.add(family, &[name], value);
            }
            samples.set(&family::LOST, &[name], totals.lost as f64);
            samples.set(&family::LAST, &[name], sensor.last.as_secs_f64());
            for (counter, value) in &sensor.counters {
                samples.set(&family::SENSOR, &[name, counter], *value as f64);
            }
        }
        for (refusal, count) in Refusal::ALL.iter().zip(self.refused()) {
            samples.add(&family::REFUSED, &[refusal.name()], count);
        }
        samples.add(&family::DROPPED, &[], self.dropped());
        let streams = self
            .receivers
            .iter()
            .map(|view| view.streams.len())
            .sum::<usize>();
        samples.set(&family::STREAMS, &[], streams as f64);
    }

    fn storing(&self, samples: &mut Samples) {
        for sink in &self.sinks {
            let name = &[sink.name.as_str()];
            let account = &sink.account;
            samples.add(&family::STORED_BATCHES, name, sink.batches);
            samples.add(&family::STORED_RECORDS, name, sink.records);
            samples.add(&family::FAILURES, name, sink.failures);
            samples.add(&family::STORE_REFUSED, name, sink.refused);
            samples.add(&family::STORE_LOST, name, account.lost_records);
            samples.set(&family::WAITING, name, account.waiting_records as f64);
            samples.set(&family::STORE_UP, name, if sink.is_up { 1.0 } else { 0.0 });
        }
        let (memory, spool, unspooled) = self.sizes;
        samples.set(&family::MEMORY, &[], memory as f64);
        samples.set(&family::SPOOL, &[], spool as f64);
        samples.set(&family::SPOOL_MAX, &[], self.spool_max as f64);
        samples.add(&family::UNSPOOLED, &[], unspooled);
    }
}

/// What the naming service has done.
fn naming(samples: &mut Samples, counts: &Counts, done: &Done) {
    for (family, value) in [
        (&family::MAP_ENTRIES, counts.entries),
        (&family::MAP_NAMES, counts.names),
        (&family::MAP_BYTES, counts.bytes),
    ] {
        samples.set(family, &[], value as f64);
    }
    for (family, value) in [
        (&family::MAP_LOOKUPS, counts.lookups),
        (&family::MAP_EVICTED, counts.evicted),
        (&family::MAP_DROPPED, counts.dropped),
        (&family::MAP_LEFT_OUT, counts.left_out),
        (&family::SNAPSHOTS, done.snapshots),
        (&family::SNAPSHOT_FAILURES, done.failed_snapshots),
    ] {
        samples.add(family, &[], value);
    }
    for ((_, matched), count) in MATCHES.iter().zip(done.asked) {
        samples.add(&family::QUESTIONS, &[matched], count);
    }
    for (refusal, count) in serve::Refusal::ALL.iter().zip(done.refused) {
        samples.add(&family::SERVE_REFUSED, &[refusal.name()], count);
    }
}

/// A line of what files had.
pub(crate) fn summary(streams: &[StreamView], refused: &Refused) -> String {
    let mut sum = Totals::default();
    for stream in streams {
        sum.add(&stream.totals);
    }
    let refused: u64 = refused.iter().sum();
    format!(
        "{} records in {} datagrams of {} streams; {} datagrams lost, {} late, {} doubled, {refused} refused",
        sum.records,
        sum.datagrams,
        streams.len(),
        sum.lost,
        sum.late,
        sum.doubled
    )
}
