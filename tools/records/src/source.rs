//! Counts of what each source sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dnsflow_wire::datagram::Datagram;
use dnsflow_wire::text::Sensor;
use dnsflow_wire::{v4, v5};

use crate::sequence::{Arrival, Sequence};

/// Sources that are told apart; forged addresses must not fill the memory.
pub const MAX_SOURCES: usize = 65_536;

/// What numbers its datagrams: before version 5 an address and port, and from then on a core that
/// sends from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stream {
    /// The address and port that it sends from.
    pub address: SocketAddr,
    /// The core that sends from there, of version 5.
    pub core: Option<u16>,
}

impl Stream {
    /// The stream of a datagram that came from `address`.
    #[must_use]
    pub fn of(address: SocketAddr, datagram: &Datagram<'_>) -> Self {
        let core = match datagram {
            Datagram::V4(_) => None,
            Datagram::V5(datagram) => Some(datagram.core()),
        };
        Self { address, core }
    }
}

/// All sources, by their streams.
#[derive(Debug, Default)]
pub struct Sources {
    by_stream: BTreeMap<Stream, Source>,
    /// Datagrams from sources beyond [`MAX_SOURCES`].
    pub untracked: u64,
}

impl Sources {
    /// The account to keep for a datagram that came at `time`; none if there are too many.
    pub fn account(&mut self, stream: Stream, time: Duration) -> Option<&mut Source> {
        if self.by_stream.len() >= MAX_SOURCES && !self.by_stream.contains_key(&stream) {
            self.untracked += 1;
            return None;
        }
        let source = self
            .by_stream
            .entry(stream)
            .or_insert_with(|| Source::new(time));
        source.first = source.first.min(time);
        source.last = source.last.max(time);
        Some(source)
    }

    /// The accounts in the order of their streams.
    pub fn iter(&self) -> impl Iterator<Item = (&Stream, &Source)> {
        self.by_stream.iter()
    }
}

/// The account of one source.
#[derive(Debug)]
pub struct Source {
    first: Duration,
    last: Duration,
    /// Datagrams of records.
    pub data_datagrams: u64,
    /// Records that were read.
    pub records: u64,
    /// Datagrams of statistics.
    pub stats_datagrams: u64,
    /// Datagrams with something wrong, counted by their kind as well if their header was read.
    pub bad_datagrams: u64,
    /// What was lost on the way.
    pub sequence: Sequence,
    counters: Option<Counters>,
    /// The name that the sensor gave itself last.
    sensor_name: Vec<u8>,
}

impl Source {
    fn new(time: Duration) -> Self {
        Self {
            first: time,
            last: time,
            data_datagrams: 0,
            records: 0,
            stats_datagrams: 0,
            bad_datagrams: 0,
            sequence: Sequence::default(),
            counters: None,
            sensor_name: Vec::new(),
        }
    }

    /// Takes what the header of a datagram says: its number, whether it has statistics, and of
    /// version 5 the sensor's name.
    pub fn note_header(&mut self, datagram: &Datagram<'_>) -> Arrival {
        let arrival = match datagram {
            Datagram::V4(datagram) => self.sequence.note(datagram.sequence()),
            Datagram::V5(datagram) => {
                let (boot, number) = (datagram.boot(), datagram.sequence());
                self.note_sensor_name(datagram.sensor_name());
                self.sequence.note_of_boot(boot, number)
            }
        };
        self.note_datagram(arrival, datagram.is_stats());
        arrival
    }

    /// Takes the name that the sensor gives itself.
    fn note_sensor_name(&mut self, name: Option<&[u8]>) {
        let name = name.unwrap_or_default();
        if self.sensor_name != name {
            self.sensor_name.clear();
            self.sensor_name.extend(name);
        }
    }

    /// The name that the sensor gave itself last, if it did.
    #[must_use]
    pub fn sensor_name(&self) -> Option<Sensor<'_>> {
        (!self.sensor_name.is_empty()).then_some(Sensor::Name(&self.sensor_name))
    }

    /// Counts a datagram. The first one of a process that started over starts its counters over.
    fn note_datagram(&mut self, arrival: Arrival, is_stats: bool) {
        if arrival == Arrival::First {
            self.note_restart();
        }
        let kind = if is_stats {
            &mut self.stats_datagrams
        } else {
            &mut self.data_datagrams
        };
        *kind += 1;
    }

    /// Takes the counters of a stats datagram.
    pub fn note_stats(&mut self, arrival: Arrival, stats: Told) {
        match &mut self.counters {
            None => self.counters = Some(Counters::starting(stats)),
            Some(counters) => counters.advance(arrival, stats),
        }
    }

    /// Takes note that the process started over, and its counters with it.
    fn note_restart(&mut self) {
        if let Some(counters) = &mut self.counters {
            counters.base = [None; COUNTERS];
        }
    }

    /// Time from the first datagram to the last.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.last.saturating_sub(self.first)
    }

    /// How many of something a second, over the span; none if it has no length.
    #[must_use]
    pub fn rate(&self, count: u64) -> Option<f64> {
        // For people, who need no more than the 15 digits that this keeps.
        let count = count as f64;
        let seconds = self.span().as_secs_f64();
        (seconds > 0.0).then(|| count / seconds)
    }

    /// How far the counters moved, if there were any.
    #[must_use]
    pub fn stats_delta(&self) -> Option<StatsDelta> {
        self.counters.as_ref().map(|counters| counters.delta)
    }
}

/// How far the counters of a source moved from its first statistics to its last. After a restart
/// counting goes on from the first statistics of the new process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct StatsDelta {
    /// Packets that passed the capture filter and were looked at.
    pub captured: u64,
    /// Packets that the kernel gave to the capture.
    pub received: u64,
    /// Packets that the kernel dropped since its buffer was full.
    pub dropped: u64,
    /// Packets that the interfaces dropped.
    pub ifdropped: u64,
    /// The last one sent, as it is no counter.
    pub sample_rate: Option<u32>,
}

/// Counters of statistics that every version has: captured, received, dropped, ifdropped.
const COUNTERS: usize = 4;

/// What statistics tell of those counters; those of versions 0 to 4 can be converted into it.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Of version 5, a datagram has some of them.
    values: [Option<u64>; COUNTERS],
    sample_rate: Option<u32>,
    /// Whether they are 32 bits wide and wrap.
    wraps: bool,
}

impl From<v4::Stats> for Told {
    fn from(stats: v4::Stats) -> Self {
        let v4::Stats {
            captured,
            received,
            dropped,
            if_dropped,
            sample_rate,
        } = stats;
        Self {
            values: [captured, received, dropped, if_dropped].map(|value| Some(value.into())),
            sample_rate,
            wraps: true,
        }
    }
}

impl Told {
    /// Those of a datagram of version 5, up to the first counter that can't be read.
    #[must_use]
    pub fn of(datagram: &v5::Datagram<'_>, counters: &v5::Counters<'_>) -> Self {
        let value = |name| {
            let mut counters = counters.clone().map_while(Result::ok);
            counters.find_map(|counter| (counter.name == name).then_some(counter.value))
        };
        Self {
            values: ["captured", "received", "dropped", "ifdropped"].map(value),
            sample_rate: Some(datagram.sampling().unwrap_or(0)),
            wraps: false,
        }
    }
}

#[derive(Debug)]
struct Counters {
    /// The newest counters of the running process.
    base: [Option<u64>; COUNTERS],
    delta: StatsDelta,
}

impl Counters {
    fn starting(stats: Told) -> Self {
        let delta = StatsDelta {
            sample_rate: stats.sample_rate,
            ..StatsDelta::default()
        };
        Self {
            base: stats.values,
            delta,
        }
    }

    /// What was overtaken would move counters backwards.
    fn advance(&mut self, arrival: Arrival, stats: Told) {
        if arrival == Arrival::Old {
            return;
        }
        let StatsDelta {
            captured,
            received,
            dropped,
            ifdropped,
            sample_rate,
        } = &mut self.delta;
        let deltas = [captured, received, dropped, ifdropped];
        for ((base, value), delta) in self.base.iter_mut().zip(stats.values).zip(deltas) {
            let Some(value) = value else { continue };
            if let Some(base) = base.filter(|_| arrival == Arrival::Newest) {
                let moved = if stats.wraps {
                    value.wrapping_sub(base) & u64::from(u32::MAX)
                } else {
                    value.saturating_sub(base)
                };
                *delta = delta.saturating_add(moved);
            }
            *base = Some(value);
        }
        *sample_rate = stats.sample_rate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(captured: u32) -> Told {
        let stats = v4::Stats {
            captured,
            received: 0,
            dropped: 0,
            if_dropped: 0,
            sample_rate: Some(captured),
        };
        stats.into()
    }

    #[test]
    fn counters_of_version_5_may_be_missing_and_do_not_wrap() {
        let told = |captured, dropped| Told {
            values: [captured, None, dropped, None],
            sample_rate: Some(0),
            wraps: false,
        };
        let mut source = Source::new(Duration::ZERO);
        source.note_stats(Arrival::First, told(Some(u64::MAX - 5), Some(1)));
        source.note_stats(Arrival::Newest, told(None, Some(3)));
        source.note_stats(Arrival::Newest, told(Some(u64::MAX), None));
        source.note_stats(Arrival::Newest, told(Some(1), None));
        source.note_stats(Arrival::Newest, told(Some(u64::MAX), Some(4)));
        let delta = source.stats_delta().unwrap();
        assert_eq!((delta.captured, delta.dropped), (u64::MAX, 3));
    }

    fn stream(address: SocketAddr) -> Stream {
        let core = None;
        Stream { address, core }
    }

    #[test]
    fn counters_wrap_restart_and_come_late() {
        let mut source = Source::new(Duration::ZERO);
        assert_eq!(source.stats_delta(), None);
        source.note_stats(Arrival::First, stats(u32::MAX - 9));
        source.note_stats(Arrival::Newest, stats(10));
        source.note_stats(Arrival::Old, stats(5));
        source.note_stats(Arrival::Newest, stats(15));
        source.note_restart();
        source.note_stats(Arrival::Newest, stats(3));
        source.note_stats(Arrival::Newest, stats(4));
        let delta = source.stats_delta().unwrap();
        assert_eq!((delta.captured, delta.sample_rate), (26, Some(4)));
    }

    #[test]
    fn sources_are_limited() {
        let mut sources = Sources::default();
        let address = |number: usize| {
            let [_, _, _, _, _, _, high, low] = (number as u64).to_be_bytes();
            SocketAddr::from((
                [10, 0, u8::from(number > 0xffff), 0],
                u16::from_be_bytes([high, low]),
            ))
        };
        for number in 0..MAX_SOURCES + 5 {
            let found = sources.account(stream(address(number)), Duration::ZERO);
            assert_eq!(found.is_some(), number < MAX_SOURCES);
        }
        assert!(
            sources
                .account(stream(address(7)), Duration::ZERO)
                .is_some()
        );
        assert_eq!(
            (sources.iter().count(), sources.untracked),
            (MAX_SOURCES, 5)
        );
    }

    #[test]
    fn rates_need_time() {
        let mut sources = Sources::default();
        let address = SocketAddr::from(([10, 0, 0, 1], 1));
        assert_eq!(
            sources
                .account(stream(address), Duration::from_secs(10))
                .unwrap()
                .rate(5),
            None
        );
        assert_eq!(
            sources
                .account(stream(address), Duration::from_secs(8))
                .unwrap()
                .rate(5),
            Some(2.5)
        );
    }
}
