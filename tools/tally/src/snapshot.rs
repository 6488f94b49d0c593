//! What a board shows at one moment: numbers and text, as JSON too.
//!
//! All text is printable ASCII as the board makes it. Whoever reads a snapshot from elsewhere has to
//! see to that again before it is shown.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Sub};

use dnsflow_names::Time;
use dnsflow_records::sequence::Sequence;
use serde::{Deserialize, Serialize};

/// Seconds over which the rate of this moment is taken.
const NOW_SECONDS: usize = 5;

/// Rates and top lists, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Time,
    /// From when on there are totals.
    pub since: Time,
    /// How long the window is, in seconds; none if it began with `since` and keeps everything.
    pub window: Option<f64>,
    /// From when on rates and lists count: five sixths of the window ago, or more.
    pub from: Time,
    /// What came since `since`.
    pub total: Counts,
    /// What came since `from`.
    pub recent: Counts,
    /// The last whole seconds before `at`, up to five minutes; the oldest first.
    pub seconds: Vec<Second>,
    /// The sensors, in the order of their names.
    pub sensors: Vec<SensorRow>,
    /// Sensors that gave way to others, or found no room: what came of them since `since`.
    pub other_sensors: Counts,
    /// The lists, of what came since `from`.
    pub lists: BTreeMap<Kind, List>,
}

impl Snapshot {
    /// Seconds that rates and lists cover.
    #[must_use]
    pub fn covered(&self) -> f64 {
        self.at.0.saturating_sub(self.from.0).as_secs_f64()
    }

    /// How many a second `count` is, of what came since `from`; none if that is this very moment.
    #[must_use]
    pub fn rate(&self, count: u64) -> Option<f64> {
        let seconds = self.covered();
        // For people, who need no more than the 15 digits that this keeps.
        (seconds > 0.0).then(|| count as f64 / seconds)
    }

    /// Records and datagrams a second, over the last five whole seconds, or as many as there are.
    #[must_use]
    pub fn now(&self) -> Option<(f64, f64)> {
        let last = self.seconds.iter().rev().take(NOW_SECONDS);
        let count = last.len();
        let sum = last.fold((0, 0), |(records, datagrams), second| {
            (records + second.records, datagrams + second.datagrams)
        });
        let mean = |sum: u64| sum as f64 / count as f64;
        (count > 0).then(|| (mean(sum.0), mean(sum.1)))
    }

    /// The list of a kind; an empty one if the snapshot has none.
    #[must_use]
    pub fn list(&self, kind: Kind) -> &List {
        static EMPTY: List = List {
            total: 0,
            left_out: 0,
            items: Vec::new(),
        };
        self.lists.get(&kind).unwrap_or(&EMPTY)
    }
}

/// What came, and what did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Datagrams that came, those of statistics and bad ones included.
    pub datagrams: u64,
    /// Records that could be read.
    pub records: u64,
    /// Datagrams with something wrong.
    pub bad: u64,
    /// Datagrams that never came, by the numbers of those that did. Of a short time it can be
    /// negative: what was thought to be lost came late.
    pub lost: i64,
    /// Datagrams that came after one with a higher number.
    pub late: u64,
    /// Datagrams that came again.
    pub doubled: u64,
    /// How often a stream started over.
    pub restarts: u64,
}

impl Counts {
    /// Those that the account of a stream has: lost, late, doubled and restarts.
    #[must_use]
    pub fn of(sequence: &Sequence) -> Self {
        Self {
            lost: i64::try_from(sequence.lost).unwrap_or(i64::MAX),
            late: sequence.out_of_order,
            doubled: sequence.duplicates,
            restarts: sequence.restarts,
            ..Self::default()
        }
    }

    /// The share of datagrams that never came, from 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        let lost = self.lost.max(0) as f64;
        let came = self.datagrams.saturating_sub(self.doubled) as f64;
        if lost > 0.0 {
            lost / (lost + came)
        } else {
            0.0
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.datagrams = self.datagrams.saturating_add(other.datagrams);
        self.records = self.records.saturating_add(other.records);
        self.bad = self.bad.saturating_add(other.bad);
        self.lost = self.lost.saturating_add(other.lost);
        self.late = self.late.saturating_add(other.late);
        self.doubled = self.doubled.saturating_add(other.doubled);
        self.restarts = self.restarts.saturating_add(other.restarts);
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            datagrams: self.datagrams.saturating_sub(before.datagrams),
            records: self.records.saturating_sub(before.records),
            bad: self.bad.saturating_sub(before.bad),
            lost: self.lost.saturating_sub(before.lost),
            late: self.late.saturating_sub(before.late),
            doubled: self.doubled.saturating_sub(before.doubled),
            restarts: self.restarts.saturating_sub(before.restarts),
        }
    }
}

/// What came in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// Records.
    pub records: u64,
    /// Datagrams.
    pub datagrams: u64,
}

/// A sensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorRow {
    /// Its name or address.
    pub sensor: String,
    /// When something came of it last.
    pub last: Time,
    /// What came of it since `since`.
    pub total: Counts,
    /// What came of it since `from`.
    pub recent: Counts,
}

/// What a list counts. Of a response in several records, only the addresses are of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Names asked for, in lower case.
    Names,
    /// Registered domains of these, of those below a public suffix.
    Domains,
    /// Clients.
    Clients,
    /// Resolvers, from version 4 on.
    Resolvers,
    /// Addresses in answers.
    Addresses,
    /// Types asked for, from version 5 on.
    Types,
    /// Response codes, from version 5 on.
    Rcodes,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Names,
        Self::Domains,
        Self::Clients,
        Self::Resolvers,
        Self::Addresses,
        Self::Types,
        Self::Rcodes,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Domains => "domains",
            Self::Clients => "clients",
            Self::Resolvers => "resolvers",
            Self::Addresses => "addresses",
            Self::Types => "types",
            Self::Rcodes => "rcodes",
        }
    }
}

/// The keys that came most often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// How many were counted, of all keys.
    pub total: u64,
    /// How often a key was none that could be counted: a name longer than names of DNS are. Since
    /// `since`.
    pub left_out: u64,
    /// The keys, the most frequent first.
    pub items: Vec<Item>,
}

/// A key of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its text.
    pub key: String,
    /// How often it came at most.
    pub count: u64,
    /// By how much that may be too many: it came at least `count - error` times.
    pub error: u64,
}
