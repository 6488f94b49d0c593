//! All lists and rates of a stream of records, over a sliding window.
//!
//! The window is divided into six panes. What comes is counted in the newest one; when that is over,
//! the oldest one goes as a whole. So lists and rates cover the last five to six sixths of the
//! window, [`Snapshot::from`] says from when on exactly, and counts are counts of what came then.
//! Without a window, everything since the first record is kept in one pane.
//!
//! Memory: of each list and pane at most [`Limits::keys`] keys, and at most [`Limits::sensors`]
//! sensors. A name as a key takes at most 255 bytes, and about 130 with all that is kept of it.

use std::cmp::Reverse;
use std::hash::RandomState;
use std::time::Duration;

use dnsflow_names::Time;
use dnsflow_records::record::Record;

use crate::history::History;
use crate::key::{self, NameKey};
use crate::pane::{Panes, Ring};
use crate::sensor::Sensors;
use crate::snapshot::{Counts, Item, Kind, List, Snapshot};
use crate::space_saving::{SpaceSaving, merged};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What lists and rates cover; `None` is everything since the start.
    pub window: Option<Duration>,
    /// Keys of a list that are kept in a pane. Of N that came in the window, counts are off by at
    /// most N / `keys`.
    pub keys: usize,
    /// Sensors that are told apart.
    pub sensors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: Some(Duration::from_secs(60)),
            keys: 1000,
            sensors: 1024,
        }
    }
}

/// Lists and rates.
///
/// ```
/// use std::time::Duration;
///
/// use dnsflow_tally::{Board, Counts, Kind, Limits};
///
/// let mut board = Board::new(Duration::ZERO, Limits::default());
/// let datagram = Counts { datagrams: 1, ..Counts::default() };
/// board.datagram(Duration::from_secs(1), "edge-1", datagram);
/// // board.record(time, "edge-1", &record) for each record in it
/// let snapshot = board.snapshot(Duration::from_secs(2), 10);
/// assert_eq!(snapshot.rate(snapshot.recent.datagrams), Some(0.5));
/// assert_eq!(snapshot.list(Kind::Names).total, 0);
/// ```
#[derive(Debug)]
pub struct Board {
    window: Option<Duration>,
    since: Duration,
    newest: Duration,
    panes: Panes,
    /// In the order of [`Kind::ALL`].
    lists: [Top; Kind::ALL.len()],
    sensors: Sensors,
    history: History,
    name: NameKey,
    oversized_names: u64,
}

/// A list.
#[derive(Debug)]
struct Top {
    kind: Kind,
    ring: Ring<SpaceSaving>,
}

impl Board {
    /// An empty one that starts at `since`.
    ///
    /// All times are of one clock, since 1970-01-01 00:00 UTC. One before the newest that was given
    /// counts as the newest.
    #[must_use]
    pub fn new(since: Duration, limits: Limits) -> Self {
        let Limits {
            window,
            keys,
            sensors,
        } = limits;
        let panes = Panes::count(window);
        let hasher = RandomState::new();
        let top = |kind| Top {
            kind,
            ring: Ring::new(panes, || SpaceSaving::with_hasher(keys, hasher.clone())),
        };
        Self {
            window,
            since,
            newest: since,
            panes: Panes::starting(since, window),
            lists: Kind::ALL.map(top),
            sensors: Sensors::new(sensors, panes),
            history: History::starting(since),
            name: NameKey::new(),
            oversized_names: 0,
        }
    }

    /// Counts a record of a sensor, which is named as it is shown: by an address, or a name escaped
    /// as [`Sensor`](dnsflow_wire::text::Sensor) does.
    pub fn record(&mut self, time: Duration, sensor: &str, record: &Record<'_>) {
        let time = self.advance(time);
        self.sensors.at(time, sensor).record();
        self.history.at(time).records += 1;
        let [names, domains, clients, resolvers, addresses, types, rcodes] = &mut self.lists;
        for address in record.addresses() {
            key::of_address(address, |key| addresses.count(key));
        }
        // The rest of a response says again what its first record said.
        if record.v5().is_some_and(|record| record.continues) {
            return;
        }
        if let Some(name) = record.query() {
            if self.name.set(name.into_iter()) {
                names.count(self.name.bytes());
                if let Some(domain) = self.name.domain() {
                    domains.count(domain);
                }
            } else {
                self.oversized_names += 1;
            }
        }
        key::of_address(record.client(), |key| clients.count(key));
        if let Some(resolver) = record.resolver() {
            key::of_address(resolver, |key| resolvers.count(key));
        }
        if let Some(question) = record.question() {
            types.count(&question.record_type.to_be_bytes());
        }
        if let Some(rcode) = record.rcode() {
            rcodes.count(&rcode.to_be_bytes());
        }
    }

    /// Counts a datagram, with what its number says of those before it. Its records are counted by
    /// [`record`](Self::record), so that `counts` has none.
    pub fn datagram(&mut self, time: Duration, sensor: &str, counts: Counts) {
        let time = self.advance(time);
        self.sensors.at(time, sensor).add(counts);
        self.history.at(time).datagrams += counts.datagrams;
    }

    /// What it shows at `now`, with at most `rows` items of each list. That a key is in a list which
    /// came more often than every N / `keys` times holds for lists that are not cut by that.
    pub fn snapshot(&mut self, now: Duration, rows: usize) -> Snapshot {
        let at = self.advance(now);
        self.history.at(at);
        let (total, recent) = self.sensors.sums();
        let left_out = |kind| match kind {
            Kind::Names | Kind::Domains => self.oversized_names,
            _ => 0,
        };
        let lists = self.lists.iter();
        let lists = lists.map(|top| (top.kind, top.list(rows, left_out(top.kind))));
        Snapshot {
            at: Time(at),
            since: Time(self.since),
            window: self.window.map(|window| window.as_secs_f64()),
            from: Time(self.panes.from().min(at)),
            total,
            recent,
            seconds: self.history.over(),
            sensors: self.sensors.rows(),
            other_sensors: self.sensors.others(),
            lists: lists.collect(),
        }
    }

    /// Makes it `time`, unless it is later. Returns the time that it is.
    fn advance(&mut self, time: Duration) -> Duration {
        if time <= self.newest {
            return self.newest;
        }
        self.newest = time;
        let steps = self.panes.steps(time);
        if steps > 0 {
            for top in &mut self.lists {
                top.ring.advance(steps, SpaceSaving::clear);
            }
            self.sensors.advance(steps);
        }
        time
    }
}

impl Top {
    fn count(&mut self, key: &[u8]) {
        self.ring.newest().record(key);
    }

    fn list(&self, rows: usize, left_out: u64) -> List {
        let mut found = merged(self.ring.iter());
        // Of two that may have come as often, the one that did so for certain.
        let order = |item: &crate::space_saving::Counted<'_>| (Reverse(item.count), item.error);
        found.sort_unstable_by(|one, other| {
            let by_key = || one.key.cmp(other.key);
            order(one).cmp(&order(other)).then_with(by_key)
        });
        let items = found.iter().take(rows).map(|item| Item {
            key: key::text(self.kind, item.key),
            count: item.count,
            error: item.error,
        });
        List {
            total: self.ring.iter().map(SpaceSaving::total).sum(),
            left_out,
            items: items.collect(),
        }
    }
}
