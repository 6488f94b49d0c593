//! What the sensor used and counted, second by second, and whether any of it grows.

use std::error::Error;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde::Serialize;

use crate::chart::{Chart, Series};
use crate::network::Namespace;
use crate::programs::field_kib;
use crate::report::Spread;

/// Where the sensor serves metrics.
pub(super) const METRICS: &str = "127.0.0.1:9530";

/// Longest wait for a page.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Points of a line in the plot.
const POINTS: usize = 96;

/// Columns of the plot that have a label.
const LABELS: usize = 8;

/// The sensor at one time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sample {
    /// Seconds since the start.
    pub second: f64,
    /// Resident memory, rings included, in bytes.
    pub resident_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
    /// Packets that passed the filter, since the start.
    pub passed: u64,
    /// Packets that were received, since the start.
    pub received: u64,
    /// Packets that the kernel dropped, since the start.
    pub dropped: u64,
    /// Responses that were exported, since the start.
    pub exported: u64,
    /// Datagrams that collectors did not take, since the start.
    pub refused: u64,
    /// Bytes that wait for the rest of a datagram or message.
    pub held_bytes: u64,
    /// Reloads that were applied, since the start.
    pub reloads: u64,
    /// Reloads that were not, since the start.
    pub failed_reloads: u64,
}

impl Sample {
    /// Reads what there is to know about the sensor of this process ID.
    ///
    /// # Errors
    /// If it has ended, or does not answer.
    pub(super) fn take(
        namespace: &Namespace,
        id: u32,
        second: f64,
    ) -> Result<Self, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let entries = |folder: &str| -> Result<u64, Box<dyn Error>> {
            let count = fs::read_dir(format!("/proc/{id}/{folder}"))?.count();
            Ok(u64::try_from(count)?)
        };
        let (descriptors, threads) = (entries("fd")?, entries("task")?);
        let page = page(namespace)?;
        let sum = |metric: &str, label: &str| sum(&page, metric, label);
        Ok(Self {
            second,
            resident_bytes: field_kib(&status, "VmRSS:").unwrap_or(0),
            descriptors,
            threads,
            passed: sum("dnsflow_kernel_packets_total", ""),
            received: sum("dnsflow_received_total", ""),
            dropped: sum("dnsflow_kernel_drops_total", ""),
            exported: sum("dnsflow_exported_total", ""),
            refused: sum("dnsflow_collector_failed_datagrams_total", ""),
            held_bytes: sum("dnsflow_held_datagram_bytes", "")
                + sum("dnsflow_held_stream_bytes", ""),
            reloads: sum("dnsflow_reloads_total", "\"ok\""),
            failed_reloads: sum("dnsflow_reloads_total", "\"failed\""),
        })
    }
}

/// The page of metrics.
fn page(namespace: &Namespace) -> Result<String, Box<dyn Error>> {
    let mut stream = namespace.enter(|| TcpStream::connect(METRICS))??;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /metrics HTTP/1.0\r\nHost: {METRICS}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) == Some("200") {
        return Ok(body.to_owned());
    }
    Err(format!("metrics: {head}").into())
}

/// The sum of all samples of a metric whose labels contain `label`.
fn sum(page: &str, metric: &str, label: &str) -> u64 {
    let values = page.lines().filter_map(|line| {
        let (name, value) = line.rsplit_once(' ')?;
        let is_wanted = name.split('{').next() == Some(metric) && name.contains(label);
        is_wanted.then(|| value.parse::<f64>().ok())?
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts below 2^53"
    )]
    let total = values.sum::<f64>() as u64;
    total
}

/// Whether a resource grew: medians of the second and of the last quarter of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// The resource.
    pub what: &'static str,
    /// Median of the second quarter.
    pub before: f64,
    /// Median of the last quarter.
    pub after: f64,
    /// Most by which it may grow.
    pub tolerance: f64,
}

impl Growth {
    /// Whether it grew by no more than the tolerance.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.after - self.before <= self.tolerance
    }
}

/// Growth of each resource. The first quarter is left out: memory of rings and of what waits is
/// touched for the first time there.
#[must_use]
pub fn growth(samples: &[Sample]) -> Vec<Growth> {
    let quarter = samples.len() / 4;
    let early = samples.get(quarter..2 * quarter).unwrap_or_default();
    let late = samples.get(3 * quarter..).unwrap_or_default();
    let of = |what, tolerance, value: fn(&Sample) -> f64| Growth {
        what,
        before: median(early.iter().map(value)),
        after: median(late.iter().map(value)),
        tolerance,
    };
    vec![
        // Half of what fragments and segments of one core may hold: a leak of 4 KiB a second is
        // more in an hour.
        of("resident memory, MiB", 4.0, |it| {
            mebibytes(it.resident_bytes)
        }),
        // A reload that takes or leaves a collector makes a difference of one a core.
        of("descriptors", 4.0, |it| number(it.descriptors)),
        of("threads", 1.0, |it| number(it.threads)),
    ]
}

/// The median; 0 of nothing.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    if values.is_empty() {
        return 0.0;
    }
    Spread::of(values).median
}

/// The plot: resources, rates and losses over time.
#[must_use]
pub fn plot(samples: &[Sample]) -> String {
    let size = samples.len().div_ceil(POINTS).max(1);
    let groups: Vec<&[Sample]> = samples.chunks(size).collect();
    let labels = labels(&groups);
    let line = |name: &str, value: &dyn Fn(&[Sample]) -> Option<f64>| Series {
        name: name.to_owned(),
        values: groups.iter().map(|group| value(group)).collect(),
    };
    let highest = |value: fn(&Sample) -> f64| {
        move |group: &[Sample]| group.iter().map(value).reduce(f64::max)
    };
    let rate = |value: fn(&Sample) -> u64| {
        move |group: &[Sample]| {
            let first = group.first()?;
            // The group starts where the one before ended.
            let at = samples.partition_point(|it| it.second < first.second);
            let before = samples.get(at.saturating_sub(1))?;
            let last = group.last()?;
            let seconds = last.second - before.second;
            let more = value(last).saturating_sub(value(before));
            (seconds > 0.0).then(|| number(more) / seconds)
        }
    };
    let mut chart = Chart::default();
    chart.lines(
        "Memory, MiB, over minutes",
        &labels,
        &[
            line("resident", &highest(|it| mebibytes(it.resident_bytes))),
            line("held", &highest(|it| mebibytes(it.held_bytes))),
        ],
    );
    chart.lines(
        "Descriptors and threads",
        &labels,
        &[
            line("descriptors", &highest(|it| number(it.descriptors))),
            line("threads", &highest(|it| number(it.threads))),
        ],
    );
    chart.lines(
        "Packets a second",
        &labels,
        &[
            line("received", &rate(|it| it.received)),
            line("exported", &rate(|it| it.exported)),
            line("dropped", &rate(|it| it.dropped)),
        ],
    );
    chart.lines(
        "Datagrams a second that collectors did not take",
        &labels,
        &[line("not taken", &rate(|it| it.refused))],
    );
    chart.svg()
}

/// Minutes, at a few of the positions.
fn labels(groups: &[&[Sample]]) -> Vec<String> {
    let every = groups.len().div_ceil(LABELS).max(1);
    let label = |(index, group): (usize, &&[Sample])| match group.first() {
        Some(first) if index.is_multiple_of(every) => format!("{:.1}", first.second / 60.0),
        _ => String::new(),
    };
    groups.iter().enumerate().map(label).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

fn mebibytes(bytes: u64) -> f64 {
    number(bytes) / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: u32, memory: impl Fn(u32) -> u64) -> Vec<Sample> {
        let sample = |second| Sample {
            second: f64::from(second),
            resident_bytes: memory(second),
            descriptors: 40,
            threads: 9,
            received: 1000 * u64::from(second),
            ..Sample::default()
        };
        (0..count).map(sample).collect()
    }

    #[test]
    fn what_grows_is_found() {
        let flat = |second: u32| (64 << 20) + (u64::from(second % 7) << 18);
        assert!(growth(&samples(600, flat)).iter().all(Growth::is_flat));
        // Memory that is touched in the first quarter for the first time does not count.
        let start = |second: u32| u64::from(second.min(150)) << 20;
        assert!(growth(&samples(600, start)).iter().all(Growth::is_flat));
        let leak = |second: u32| u64::from(second) << 14;
        let grown = growth(&samples(600, leak));
        let grown: Vec<_> = grown.iter().filter(|it| !it.is_flat()).collect();
        assert_eq!(grown.len(), 1);
        assert_eq!(grown[0].what, "resident memory, MiB");
        assert!(growth(&[]).iter().all(Growth::is_flat));
    }

    #[test]
    fn sums_of_a_page() {
        let page = "# HELP a b\na_total{core=\"0\"} 3\na_total{core=\"1\"} 4\na_total_more 9\n";
        assert_eq!(sum(page, "a_total", ""), 7);
        assert_eq!(sum(page, "a_total", "\"1\""), 4);
        assert_eq!(sum(page, "none", ""), 0);
    }

    #[test]
    fn a_plot_of_any_length() {
        for count in [0, 1, 5, 96, 97, 2400] {
            let plot = plot(&samples(count, |_| 1 << 26));
            assert!(plot.ends_with("</svg>\n"));
            assert!(!plot.contains("NaN"), "{count}");
        }
    }
}
