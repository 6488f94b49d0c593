//! The page that Prometheus reads (text exposition format, version 0.0.4): from families and their
//! samples to text.
//!
//! A program has a table of its families, made with [`families!`](crate::families), and fills
//! [`Samples`] when it is asked. Nothing is counted here: counters belong to what they count, and a
//! page is made of what they say now.

use std::collections::BTreeMap;

use prometheus::TextEncoder;
use prometheus::proto::{
    self, Bucket, Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType,
};

/// The media type of the page.
pub const MEDIA_TYPE: &str = prometheus::TEXT_FORMAT;

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its meaning, in a sentence.
    pub meaning: &'static str,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows, from 0 at the start.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

/// Defines all families of a program: a constant of each, seen in its crate, and `ALL`, which lists
/// them in the order of the page. A line has the name of the constant, the [`Kind`], the name of
/// the metric, its labels, and its meaning.
///
/// ```
/// use dnsflow_service::exposition::Samples;
///
/// mod family {
///     dnsflow_service::families! {
///         RECEIVED Counter "example_received_total" ["source"]
///             "Datagrams that came.",
///         OPEN Gauge "example_open" []
///             "Files that are open.",
///     }
/// }
///
/// let mut samples = Samples::default();
/// samples.add(&family::RECEIVED, &["192.0.2.1"], 5);
/// samples.add(&family::RECEIVED, &["192.0.2.1"], 2);
/// let text = samples.text(family::ALL);
/// assert!(text.starts_with("# HELP example_received_total Datagrams that came.\n"));
/// assert!(text.ends_with("\nexample_received_total{source=\"192.0.2.1\"} 7\n"));
/// ```
#[macro_export]
macro_rules! families {
    ($($constant:ident $kind:ident $name:literal [$($label:literal)*] $meaning:literal,)+) => {
        $(pub(crate) const $constant: $crate::exposition::Family = $crate::exposition::Family {
            name: $name,
            kind: $crate::exposition::Kind::$kind,
            labels: &[$($label),*],
            meaning: $meaning,
        };)+

        /// All metrics.
        pub const ALL: &[$crate::exposition::Family] = &[$($constant,)+];
    };
}

/// Samples by metric and labels, one for each labels: Prometheus refuses a page that has the same
/// sample twice.
///
/// The values of labels are in the order of [`Family::labels`], and as many.
#[derive(Debug, Default)]
pub struct Samples {
    by_family: BTreeMap<&'static str, BTreeMap<Vec<String>, Value>>,
}

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Histogram(Histogram),
}

/// Counts in buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Upper bound of each bucket but the last, inclusive, in ascending order.
    pub bounds: &'static [f64],
    /// The count of each bucket, not cumulative; the last bucket has no bound.
    pub counts: Vec<u64>,
    /// The sum of all that was counted, in the unit of the bounds.
    pub sum: f64,
}

impl Samples {
    /// Adds `more` to a sample, which is 0 before.
    pub fn add(&mut self, family: &Family, labels: &[&str], more: u64) {
        let before = match self
            .by_family
            .get(family.name)
            .and_then(|samples| samples.get(&owned(labels)))
        {
            Some(Value::Number(before)) => *before,
            _ => 0.0,
        };
        self.put(family, labels, Value::Number(before + more as f64));
    }

    /// Sets a sample, in place of what it was before.
    pub fn set(&mut self, family: &Family, labels: &[&str], value: f64) {
        self.put(family, labels, Value::Number(value));
    }

    /// Sets a sample of a family of [`Kind::Histogram`].
    pub fn set_histogram(&mut self, family: &Family, labels: &[&str], value: Histogram) {
        self.put(family, labels, Value::Histogram(value));
    }

    fn put(&mut self, family: &Family, labels: &[&str], value: Value) {
        let samples = self.by_family.entry(family.name).or_default();
        samples.insert(owned(labels), value);
    }

    /// The page, in the order of `families`. Those without a sample are left out, and so are
    /// samples of other families.
    #[must_use]
    pub fn text(mut self, families: &[Family]) -> String {
        let families: Vec<MetricFamily> = families
            .iter()
            .filter_map(|family| Some(encoded(family, self.by_family.remove(family.name)?)))
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
            (_, Value::Histogram(histogram)) => metric.set_histogram(buckets(&histogram)),
        }
        metric
    });
    encoded.set_metric(samples.collect());
    encoded
}

fn buckets(histogram: &Histogram) -> proto::Histogram {
    let mut all = 0;
    let bounded = histogram.bounds.iter().zip(&histogram.counts);
    let buckets = bounded.map(|(bound, count)| {
        all += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(all);
        bucket
    });
    let mut encoded = proto::Histogram::default();
    encoded.set_bucket(buckets.collect());
    encoded.set_sample_count(histogram.counts.iter().sum());
    encoded.set_sample_sum(histogram.sum);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let family = Family {
            name: "example_seconds",
            kind: Kind::Histogram,
            labels: &["of"],
            meaning: "Times.",
        };
        let mut samples = Samples::default();
        let histogram = Histogram {
            bounds: &[0.5, 1.0],
            counts: vec![2, 0, 1],
            sum: 7.5,
        };
        samples.set_histogram(&family, &["a \"b\""], histogram);
        let text = samples.text(&[family]);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                r#"example_seconds_bucket{of="a \"b\"",le="0.5"} 2"#,
                r#"example_seconds_bucket{of="a \"b\"",le="1"} 2"#,
                r#"example_seconds_bucket{of="a \"b\"",le="+Inf"} 3"#,
                r#"example_seconds_sum{of="a \"b\""} 7.5"#,
                r#"example_seconds_count{of="a \"b\""} 3"#,
            ]
        );
    }
}
