//! The results: a table, targets, and the model.

use std::path::Path;

use serde::Serialize;

use super::plan::{COLLECTORS_RATE, FULL_QUEUE_RATE, Point, Rate, VERSION_5_RATE};
use super::{Listener, Quiet, RING_MIB, Run, Sensor};
use crate::model;
use crate::offline::{Version, mebibytes};
use crate::report::{Machine, Target, table, targets};

/// Assumed time per packet before the tap, in nanoseconds: the driver of a network card, and the
/// stack. A veth has no driver, so this can't be measured here.
const RECEIVE_NS: f64 = 150.0;

/// Average size of a frame of the generator, in bytes.
const FRAME_BYTES: f64 = 196.0;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Results<'a> {
    /// Where.
    pub machine: &'a Machine,
    /// The points.
    pub measured: &'a [Point],
    /// The sensor with little or no traffic, if that was measured.
    pub quiet: Option<Quiet>,
    /// The targets, with the measured values.
    pub targets: &'a [Target],
    /// Programs that would be measured too and are not installed.
    pub missing: &'a [String],
}

fn find<'m>(measured: &'m [Point], rate: Rate, listener: &Listener) -> Option<&'m Point> {
    let mut all = measured.iter();
    all.find(|point| point.rate == rate && point.listener == *listener)
}

/// CPU time of a point, of that of `tcpdump` at the same rate.
fn of_tcpdump(measured: &[Point], point: &Point) -> Option<f64> {
    let tcpdump = find(measured, point.rate, &Listener::Tcpdump)?;
    Some(point.cpu_of(tcpdump))
}

/// CPU time of a sensor of this build, of that of its peer at the same rate.
fn of_peer(measured: &[Point], point: &Point) -> Option<f64> {
    let sensor = point.sensor().filter(|sensor| sensor.peer.is_none())?;
    let path = peer(measured)?;
    let peer = find(measured, point.rate, &Listener::Sensor(sensor.of(path)))?;
    Some(point.cpu_of(peer))
}

/// The program of the peer, if there is one.
fn peer(measured: &[Point]) -> Option<&Path> {
    let mut sensors = measured.iter().filter_map(Point::sensor);
    sensors.find_map(|sensor| sensor.peer.as_deref())
}

/// The targets, with the measured values.
#[must_use]
pub fn evaluate(measured: &[Point], quiet: Option<Quiet>) -> Vec<Target> {
    let at = |rate, sensor: Sensor| find(measured, rate, &Listener::Sensor(sensor));
    let beside = |rate, cores| {
        let point = at(Rate(Some(rate)), Sensor::by_hash(cores))?;
        of_tcpdump(measured, point)
    };
    let plain = || {
        let all = measured.iter();
        all.filter_map(|point| Some((point, point.sensor().filter(|it| it.is_plain())?)))
    };
    let worst = |of: &dyn Fn(&Point, &Sensor) -> Option<f64>| {
        let all = plain().filter_map(|(point, sensor)| of(point, sensor));
        all.reduce(f64::max)
    };
    let lost = worst(&|point, _| (point.rate == Rate(None)).then(|| point.share(|run| run.lost)));
    let memory = worst(&|point, sensor| {
        let cores = f64::from(u32::try_from(sensor.cores).ok()?);
        Some(point.spread(|run| mebibytes(run.peak_bytes)).max / cores - f64::from(RING_MIB))
    });
    // Only the default fanout: with others, such as cpu with one sending CPU, a shard may receive
    // few packets, and its records then wait for the flush interval.
    let age = worst(&|point, sensor| {
        let wanted = point.rate == Rate(Some(100_000)) && sensor.fanout == "hash";
        wanted.then(|| point.age().map(|age| age[2]))?
    });
    let full = at(FULL_QUEUE_RATE, Sensor::with_full_queue());
    let v5 = || {
        let v4 = at(VERSION_5_RATE, Sensor::by_hash(1))?;
        let v5 = at(VERSION_5_RATE, Sensor::with_version(Version::V5))?;
        Some(v5.cpu_of(v4))
    };
    let on_1 = "200,000 a second: CPU on 1 core, of tcpdump's";
    let mut found = vec![
        Target::new(on_1, 1.25, "", beside(200_000, 1)),
        Target::new(
            format!("{on_1}, to begin with"),
            1.6,
            "",
            beside(200_000, 1),
        ),
        Target::new(
            "200,000 a second: CPU on 1 core with v5, of that with v4",
            0.95,
            "",
            v5(),
        ),
        Target::new(
            "50,000 a second: CPU on 1 core, of tcpdump's",
            2.5,
            "",
            beside(50_000, 1),
        ),
        Target::new(
            "50,000 a second: CPU on 2 cores by hash, of tcpdump's",
            3.2,
            "",
            beside(50_000, 2),
        ),
        Target::new("generator's maximum: loss", 0.0, "%", lost),
        Target::new("memory a core beside the ring", 16.0, "MiB", memory),
        Target::new(
            "idle: wake-ups a second and core",
            5.0,
            "",
            quiet.map(|quiet| quiet.wake_ups),
        ),
        Target::new(
            "100,000 a second: age of a record, by hash",
            20.0,
            "ms",
            age,
        ),
        Target::new(
            "quiet: age of a record, with --flush 1",
            1000.0,
            "ms",
            quiet.map(|quiet| quiet.age),
        ),
        Target::new(
            "a collector without room: loss of the other",
            0.0,
            "%",
            full.map(|point| point.share(|run| run.lost + run.lost_behind)),
        ),
        Target::new(
            "a collector without room: age of a record at the other",
            20.0,
            "ms",
            full.and_then(Point::age).map(|age| age[2]),
        ),
    ];
    if peer(measured).is_some() {
        found.extend([(8, 1.0), (64, 0.9)].map(|(collectors, at_most)| {
            let point = at(COLLECTORS_RATE, Sensor::with_collectors(collectors));
            let what = format!("200,000 a second, {collectors} collectors: CPU, of the peer's");
            let ratio = point.and_then(|point| of_peer(measured, point));
            Target::new(what, at_most, "", ratio)
        }));
    }
    found
}

impl Results<'_> {
    /// As Markdown.
    #[must_use]
    pub fn text(&self) -> String {
        let has_peer = peer(self.measured).is_some();
        let mut head = vec!["packets/s", "listener", "CPU ns a packet", "of tcpdump's"];
        head.extend(has_peer.then_some("of the peer's"));
        head.extend(["lost", "lost behind it", "age ms: 50 %, 99 %, most", "MiB"]);
        let shown = self.measured.iter();
        let shown = shown.filter(|point| point.listener != Listener::Nobody);
        let rows: Vec<_> = shown.map(|point| self.row(point, has_peer)).collect();
        let rounds = self.measured.first().map_or(0, |point| point.runs.len());
        let mut text = format!(
            "{}\n\nMedians of {rounds} rounds, least and most in brackets; losses are those of all rounds, ages and memory the \
             worst.\n\n{}",
            self.machine.text(),
            table(&head, &rows),
        );
        if !self.missing.is_empty() {
            text += &format!(
                "\nNot measured, since it is not installed: {}.\n",
                self.missing.join(", ")
            );
        }
        let runs = self.measured.iter().flat_map(|point| &point.runs);
        if let Some(least) = runs.filter_map(|run| run.others).reduce(f64::min) {
            text += &format!(
                "\nOf what the first collector received, the others received at least {:.3} %.\n",
                100.0 * least
            );
        }
        text += &format!("\n{}", targets(self.targets));
        if let Some(model) = model(self.measured) {
            text += &format!("\n{}", model.text());
        }
        text
    }

    fn row(&self, point: &Point, has_peer: bool) -> Vec<String> {
        let none = || "-".to_owned();
        let ratio = |ratio: Option<f64>| ratio.map_or_else(none, |ratio| format!("{ratio:.2}"));
        let percent = |count: fn(&Run) -> u64| match point.share(count) {
            0.0 => "0".to_owned(),
            share => format!("{share:.3} %"),
        };
        let age = point.age().map_or_else(none, |[median, percentile, max]| {
            format!("{median:.1}, {percentile:.1}, {max:.1}")
        });
        let mut row = vec![
            format!("{:.0}k", point.spread(|run| run.rate).median / 1e3),
            point.listener.name(),
            point.spread(|run| run.cpu).text(0),
            ratio(of_tcpdump(self.measured, point)),
        ];
        row.extend(has_peer.then(|| ratio(of_peer(self.measured, point))));
        row.extend([
            percent(|run| run.lost),
            percent(|run| run.lost_behind),
            age,
            format!("{:.0}", point.spread(|run| mebibytes(run.peak_bytes)).max),
        ]);
        row
    }
}

/// The model of live capture, from the highest fixed rate, at which the sensor dominates.
fn model(measured: &[Point]) -> Option<model::Live> {
    let rate = measured.iter().filter_map(|point| point.rate.0).max()?;
    let at = |listener: &Listener| find(measured, Rate(Some(rate)), listener);
    let one = at(&Listener::Sensor(Sensor::by_hash(1)))?;
    let nobody = at(&Listener::Nobody)?;
    let generator = |point: &Point| point.spread(|run| run.generator_cpu).median;
    Some(model::Live {
        receive: RECEIVE_NS,
        tap: (generator(one) - generator(nobody)).max(0.0),
        sensor: one.spread(|run| run.cpu).median,
        frame_bytes: FRAME_BYTES,
    })
}
