//! Counts of what each source sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use dnsflow_wire::v4::Stats;

use crate::sequence::{Arrival, Sequence};

/// Sources that are told apart; forged addresses must not fill the memory.
const MAX_SOURCES: usize = 65_536;

/// All sources, by address and port.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    by_address: BTreeMap<SocketAddr, Source>,
    /// Datagrams from sources beyond [`MAX_SOURCES`].
    pub(crate) untracked: u64,
}

impl Sources {
    /// The account to keep for a datagram that came at `time`; none if there are too many.
    pub(crate) fn account(&mut self, address: SocketAddr, time: Duration) -> Option<&mut Source> {
        if self.by_address.len() >= MAX_SOURCES && !self.by_address.contains_key(&address) {
            self.untracked += 1;
            return None;
        }
        let source = self
            .by_address
            .entry(address)
            .or_insert_with(|| Source::new(time));
        source.first = source.first.min(time);
        source.last = source.last.max(time);
        Some(source)
    }

    /// The accounts in the order of their addresses.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&SocketAddr, &Source)> {
        self.by_address.iter()
    }
}

/// The account of one source.
#[derive(Debug)]
pub(crate) struct Source {
    first: Duration,
    last: Duration,
    pub(crate) data_datagrams: u64,
    pub(crate) records: u64,
    pub(crate) stats_datagrams: u64,
    /// Datagrams with something wrong, counted by their kind as well if their header was read.
    pub(crate) bad_datagrams: u64,
    pub(crate) sequence: Sequence,
    counters: Option<Counters>,
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
        }
    }

    /// Takes the counters of a stats datagram.
    pub(crate) fn note_stats(&mut self, arrival: Arrival, stats: Stats) {
        match &mut self.counters {
            None => self.counters = Some(Counters::starting(stats)),
            Some(counters) => counters.advance(arrival, stats),
        }
    }

    /// Takes note that the process started over, and its counters with it.
    pub(crate) fn note_restart(&mut self) {
        if let Some(counters) = &mut self.counters {
            counters.base = None;
        }
    }

    /// Time from the first datagram to the last.
    pub(crate) fn span(&self) -> Duration {
        self.last.saturating_sub(self.first)
    }

    /// How many of something a second, over the span; none if it has no length.
    pub(crate) fn rate(&self, count: u64) -> Option<f64> {
        // For people, who need no more than the 15 digits that this keeps.
        let count = count as f64;
        let seconds = self.span().as_secs_f64();
        (seconds > 0.0).then(|| count / seconds)
    }

    /// How far the counters moved, if there were any.
    pub(crate) fn stats_delta(&self) -> Option<StatsDelta> {
        self.counters.as_ref().map(|counters| counters.delta)
    }
}

/// How far the counters of a source moved from its first statistics to its last. After a restart
/// counting goes on from the first statistics of the new process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct StatsDelta {
    pub(crate) captured: u64,
    pub(crate) received: u64,
    pub(crate) dropped: u64,
    pub(crate) ifdropped: u64,
    /// The last one sent, as it is no counter.
    pub(crate) sample_rate: Option<u32>,
}

#[derive(Debug)]
struct Counters {
    /// The newest counters of the running process.
    base: Option<Stats>,
    delta: StatsDelta,
}

impl Counters {
    fn starting(stats: Stats) -> Self {
        let delta = StatsDelta {
            sample_rate: stats.sample_rate,
            ..StatsDelta::default()
        };
        Self {
            base: Some(stats),
            delta,
        }
    }

    /// Counters are 32 bits wide and wrap; what was overtaken would move them backwards.
    fn advance(&mut self, arrival: Arrival, stats: Stats) {
        if arrival == Arrival::Old {
            return;
        }
        if let Some(base) = self.base.filter(|_| arrival == Arrival::Newest) {
            let moved = |from: u32, to: u32| u64::from(to.wrapping_sub(from));
            self.delta.captured += moved(base.captured, stats.captured);
            self.delta.received += moved(base.received, stats.received);
            self.delta.dropped += moved(base.dropped, stats.dropped);
            self.delta.ifdropped += moved(base.if_dropped, stats.if_dropped);
        }
        self.delta.sample_rate = stats.sample_rate;
        self.base = Some(stats);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(captured: u32) -> Stats {
        Stats {
            captured,
            received: 0,
            dropped: 0,
            if_dropped: 0,
            sample_rate: Some(captured),
        }
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
            let found = sources.account(address(number), Duration::ZERO);
            assert_eq!(found.is_some(), number < MAX_SOURCES);
        }
        assert!(sources.account(address(7), Duration::ZERO).is_some());
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
                .account(address, Duration::from_secs(10))
                .unwrap()
                .rate(5),
            None
        );
        assert_eq!(
            sources
                .account(address, Duration::from_secs(8))
                .unwrap()
                .rate(5),
            Some(2.5)
        );
    }
}
