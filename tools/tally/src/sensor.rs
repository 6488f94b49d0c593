//! Sensors, as many as there is room for: anyone can send datagrams in any name.

use std::collections::HashMap;
use std::time::Duration;

use dnsflow_names::Time;

use crate::pane::Ring;
use crate::snapshot::{Counts, SensorRow};

/// How long a sensor has been silent that gives way to a new one where there is no room.
const SILENT: Duration = Duration::from_secs(60);

/// How often there is a search for one.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);

/// All sensors.
#[derive(Debug)]
pub(crate) struct Sensors {
    limit: usize,
    panes: usize,
    list: Vec<Sensor>,
    index: HashMap<Box<str>, usize>,
    /// The one that was asked for last: records come in runs of one sensor.
    recent: usize,
    /// What came of those that have no room.
    others: Sensor,
    searched: Option<Duration>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Sensor {
    name: Box<str>,
    last: Duration,
    total: Counts,
    recent: Ring<Counts>,
}

impl Sensors {
    /// Room for `limit` sensors, with `panes` each.
    pub(crate) fn new(limit: usize, panes: usize) -> Self {
        Self {
            limit,
            panes,
            list: Vec::new(),
            index: HashMap::new(),
            recent: 0,
            others: Sensor::new("", panes),
            searched: None,
        }
    }

    /// The sensor to count for.
    pub(crate) fn at(&mut self, time: Duration, name: &str) -> &mut Sensor {
        let is_recent = |sensor: &Sensor| *sensor.name == *name;
        let place = if self.list.get(self.recent).is_some_and(is_recent) {
            Some(self.recent)
        } else {
            self.index.get(name).copied()
        };
        let place = place.or_else(|| self.add(time, name));
        let Some(place) = place else {
            return &mut self.others;
        };
        self.recent = place;
        // A place of the list.
        let sensor = &mut self.list[place];
        sensor.last = sensor.last.max(time);
        sensor
    }

    /// A place for a new one, if there is room.
    fn add(&mut self, time: Duration, name: &str) -> Option<usize> {
        let sensor = Sensor::new(name, self.panes);
        let place = if self.list.len() < self.limit {
            self.list.push(sensor);
            self.list.len() - 1
        } else {
            let place = self.silent(time)?;
            let mut gone = std::mem::replace(&mut self.list[place], sensor);
            self.index.remove(&gone.name);
            self.others.total += gone.total;
            let panes = self.others.recent.by_age().zip(gone.recent.by_age());
            panes.for_each(|(others, gone)| *others += *gone);
            place
        };
        self.index.insert(name.into(), place);
        Some(place)
    }

    /// The sensor that has been silent for longest, if that is long enough.
    fn silent(&mut self, time: Duration) -> Option<usize> {
        let is_early = |then| time.saturating_sub(then) < SEARCH_INTERVAL;
        if self.searched.is_some_and(is_early) {
            return None;
        }
        let sensors = self.list.iter().enumerate();
        let oldest = sensors.min_by_key(|(_, sensor)| sensor.last);
        let silent = oldest.filter(|(_, sensor)| time.saturating_sub(sensor.last) >= SILENT);
        if silent.is_none() {
            self.searched = Some(time);
        }
        silent.map(|(place, _)| place)
    }

    /// Begins `steps` panes.
    pub(crate) fn advance(&mut self, steps: u64) {
        for sensor in self.list.iter_mut().chain([&mut self.others]) {
            sensor
                .recent
                .advance(steps, |counts| *counts = Counts::default());
        }
    }

    /// The sensors in the order of their names.
    pub(crate) fn rows(&self) -> Vec<SensorRow> {
        let mut rows: Vec<_> = self.list.iter().map(Sensor::row).collect();
        rows.sort_unstable_by(|one, other| one.sensor.cmp(&other.sensor));
        rows
    }

    /// What came of those that have no row.
    pub(crate) fn others(&self) -> Counts {
        self.others.total
    }

    /// What came of all sensors: in all, and in the panes.
    pub(crate) fn sums(&self) -> (Counts, Counts) {
        let (mut total, mut recent) = (Counts::default(), Counts::default());
        for sensor in self.list.iter().chain([&self.others]) {
            total += sensor.total;
            recent += sensor.in_panes();
        }
        (total, recent)
    }
}

impl Sensor {
    fn new(name: &str, panes: usize) -> Self {
        Self {
            name: name.into(),
            last: Duration::ZERO,
            total: Counts::default(),
            recent: Ring::new(panes, Counts::default),
        }
    }

    /// Counts a record.
    pub(crate) fn record(&mut self) {
        self.total.records += 1;
        self.recent.newest().records += 1;
    }

    /// Counts what else came.
    pub(crate) fn add(&mut self, counts: Counts) {
        self.total += counts;
        *self.recent.newest() += counts;
    }

    fn in_panes(&self) -> Counts {
        let mut sum = Counts::default();
        self.recent.iter().for_each(|counts| sum += *counts);
        sum
    }

    fn row(&self) -> SensorRow {
        SensorRow {
            sensor: self.name.to_string(),
            last: Time(self.last),
            total: self.total,
            recent: self.in_panes(),
        }
    }
}
