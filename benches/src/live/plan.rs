//! What is measured: each listener at each rate, over several rounds.

use std::path::Path;

use serde::Serialize;

use super::{Listener, Run, Sensor};
use crate::offline::Version;
use crate::report::Spread;

/// Packets per second; `None` for as many as the generator can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rate(pub Option<u64>);

/// The rate at which several collectors are measured.
pub const COLLECTORS_RATE: Rate = Rate(Some(200_000));

/// Numbers of collectors, besides one.
pub const COLLECTORS: [u16; 2] = [8, 64];

/// The rate at which a collector without room is measured.
pub const FULL_QUEUE_RATE: Rate = Rate(Some(100_000));

/// Values of `--fanout`.
const FANOUTS: [&str; 4] = ["hash", "cpu", "client", "checksum"];

/// A listener at a rate, and what was measured.
#[derive(Debug, Serialize)]
pub struct Point {
    /// Rate of the generator.
    pub rate: Rate,
    /// What captures.
    pub listener: Listener,
    /// One for each round.
    pub runs: Vec<Run>,
}

/// The rate at which records of version 5 are measured.
pub const VERSION_5_RATE: Rate = Rate(Some(200_000));

/// The points to measure: without a listener, `tcpdump`, `others`, and the sensor, on one core and with each fanout on `cores`, at each
/// rate; records of version 5 at [`VERSION_5_RATE`], more collectors at [`COLLECTORS_RATE`] and [`FULL_QUEUE_RATE`], if they are among the rates. Each sensor is followed
/// by the same of `peer`.
///
/// With `only`, those whose names contain it, and beside them `tcpdump` and the peer.
#[must_use]
pub fn points(
    rates: &[Rate],
    cores: usize,
    others: &[Listener],
    peer: Option<&Path>,
    only: Option<&str>,
) -> Vec<Point> {
    let mut all = Vec::new();
    for rate in rates {
        let wanted = |listener: &Listener| only.is_none_or(|text| listener.name().contains(text));
        let mut sensors = sensors(*rate, cores);
        sensors.retain(|sensor| wanted(&Listener::Sensor(sensor.clone())));
        let mut listeners = vec![Listener::Nobody, Listener::Tcpdump];
        listeners.extend_from_slice(others);
        listeners.retain(|listener| match listener {
            Listener::Tcpdump => wanted(listener) || !sensors.is_empty(),
            _ => wanted(listener),
        });
        for sensor in sensors {
            let other = peer.map(|peer| sensor.of(peer));
            listeners.extend(
                [Some(sensor), other]
                    .into_iter()
                    .flatten()
                    .map(Listener::Sensor),
            );
        }
        all.extend(listeners.into_iter().map(|listener| Point {
            rate: *rate,
            listener,
            runs: Vec::new(),
        }));
    }
    all
}

/// The sensors at a rate.
fn sensors(rate: Rate, cores: usize) -> Vec<Sensor> {
    let mut sensors = vec![Sensor::by_hash(1)];
    if rate == VERSION_5_RATE {
        sensors.push(Sensor::with_version(Version::V5));
    }
    sensors.extend(FANOUTS.map(|fanout| Sensor::new(cores, fanout)));
    if rate == COLLECTORS_RATE {
        sensors.extend(COLLECTORS.map(Sensor::with_collectors));
    }
    if rate == FULL_QUEUE_RATE {
        sensors.push(Sensor::with_full_queue());
    }
    sensors
}

impl Point {
    /// The sensor.
    #[must_use]
    pub fn sensor(&self) -> Option<&Sensor> {
        match &self.listener {
            Listener::Sensor(sensor) => Some(sensor),
            _ => None,
        }
    }

    /// The spread of a figure over all rounds.
    #[must_use]
    pub fn spread(&self, figure: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(figure))
    }

    /// CPU time of a packet, of that of another point in the same round: the median.
    #[must_use]
    pub fn cpu_of(&self, other: &Self) -> f64 {
        let pairs = self.runs.iter().zip(&other.runs);
        Spread::of(pairs.map(|(one, other)| one.cpu / other.cpu)).median
    }

    /// A count in percent of all responses.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of one run are less than 2^53"
    )]
    pub fn share(&self, count: impl Fn(&Run) -> u64) -> f64 {
        let sum = |count: &dyn Fn(&Run) -> u64| self.runs.iter().map(count).sum::<u64>();
        100.0 * sum(&count) as f64 / sum(&|run| run.responses).max(1) as f64
    }

    /// Median, 99th percentile and maximum age in milliseconds; of each, the worst of all runs.
    #[must_use]
    pub fn age(&self) -> Option<[f64; 3]> {
        let ages = self.runs.iter().filter_map(|run| run.age);
        ages.reduce(|worst, age| std::array::from_fn(|index| worst[index].max(age[index])))
    }
}

impl Rate {
    /// In thousands, or `max`.
    #[must_use]
    pub fn text(&self) -> String {
        match self.0 {
            Some(rate) => format!("{}k", rate / 1000),
            None => "max".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [Rate; 3] = [FULL_QUEUE_RATE, COLLECTORS_RATE, Rate(None)];

    fn names(only: Option<&str>) -> Vec<String> {
        let points = points(
            &RATES,
            2,
            &Listener::OTHERS,
            Some(Path::new("/other")),
            only,
        );
        points.iter().map(|point| point.listener.name()).collect()
    }

    #[test]
    fn one_comparison() {
        assert_eq!(
            names(Some("64 collectors")),
            ["tcpdump", "dnsflow, 64 collectors", "peer, 64 collectors"]
        );
        assert_eq!(names(Some("tcpdump")), ["tcpdump"; 3]);
        assert!(names(Some("65 collectors")).is_empty());
        assert_eq!(names(Some("dnscap")), ["dnscap"; 3]);
        assert_eq!(
            names(Some("v5")),
            ["tcpdump", "dnsflow, 1 core, v5", "peer, 1 core, v5"]
        );
    }

    #[test]
    fn each_sensor_is_followed_by_its_peer() {
        let names = names(None);
        let at = |name: &str| names.iter().filter(|known| *known == name).count();
        for name in ["nobody", "tcpdump", "dnscap"] {
            assert_eq!(at(name), 3, "{name}");
        }
        for name in [
            "1 core",
            "2 cores, hash",
            "8 collectors",
            "a collector without room",
        ] {
            let ours = format!("dnsflow, {name}");
            let first = names.iter().position(|known| *known == ours);
            let first = first.expect("a point of this name");
            assert_eq!(names[first + 1], format!("peer, {name}"));
        }
    }
}
