//! What happens to each datagram: it is accounted for, and its records are counted.

use std::fmt::Write;
use std::time::Duration;

use dnsflow_records::frame::Payload;
use dnsflow_records::record::Record;
use dnsflow_records::source::{Sources, Stream};
use dnsflow_tally::{Board, Counts, Limits, Snapshot};
use dnsflow_wire::datagram::Datagram;
use dnsflow_wire::text::Sensor;
use dnsflow_wire::{v4, v5};

/// The accounts of all streams, and what they brought.
#[derive(Debug)]
pub(super) struct Accounts {
    limits: Limits,
    /// None before there is a time to start at.
    board: Option<Board>,
    sources: Sources,
    /// The sensor of the datagram that is counted, as it is shown; kept for its memory.
    sensor: String,
    records: u64,
    /// Packets that are no datagrams.
    pub(super) others: u64,
    /// Datagrams that the kernel had no room for.
    pub(super) dropped: u64,
}

impl Accounts {
    /// Those of nothing yet; `since` is the first datagram if it is not given.
    pub(super) fn starting(since: Option<Duration>, limits: Limits) -> Self {
        Self {
            limits,
            board: since.map(|since| Board::new(since, limits)),
            sources: Sources::default(),
            sensor: String::new(),
            records: 0,
            others: 0,
            dropped: 0,
        }
    }

    /// Counts a datagram that came at `time`.
    pub(super) fn datagram(&mut self, time: Duration, payload: &Payload<'_>) {
        let parsed = Datagram::parse(payload.bytes);
        let sensor = match &parsed {
            Ok(Datagram::V5(datagram)) => datagram.sensor_name().map(Sensor::Name),
            _ => None,
        };
        let sensor = sensor.unwrap_or(Sensor::Address(payload.source.ip()));
        self.sensor.clear();
        // A string takes everything.
        let _ = write!(self.sensor, "{sensor}");
        let mut counts = Counts {
            datagrams: 1,
            bad: u64::from(parsed.is_err() || payload.missing > 0),
            ..Counts::default()
        };
        let limits = self.limits;
        let board = self.board.get_or_insert_with(|| Board::new(time, limits));
        if let Ok(datagram) = &parsed {
            let stream = Stream::of(payload.source, datagram);
            if let Some(source) = self.sources.account(stream, time) {
                let before = Counts::of(&source.sequence);
                source.note_header(datagram);
                counts += Counts::of(&source.sequence) - before;
            }
            // One that came again was counted.
            if counts.doubled == 0 {
                let each = |record: &Record<'_>| {
                    board.record(time, &self.sensor, record);
                    self.records += 1;
                };
                if !read(datagram, each) {
                    counts.bad = 1;
                }
            }
        }
        board.datagram(time, &self.sensor, counts);
    }

    /// Records that were counted.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// What the board shows.
    pub(super) fn snapshot(&mut self, now: Duration, rows: usize) -> Snapshot {
        let board = self.board.as_mut();
        board.map_or_else(Snapshot::default, |board| board.snapshot(now, rows))
    }

    /// What was not counted, and why.
    pub(super) fn notes(&self) -> Vec<String> {
        let notes = [
            (
                self.dropped,
                "datagrams dropped by the kernel: a larger net.core.rmem_max helps",
            ),
            (self.others, "packets that are no UDP datagrams"),
            (
                self.sources.untracked,
                "datagrams of streams too many to account for loss",
            ),
        ];
        let notes = notes.into_iter().filter(|(count, _)| *count > 0);
        notes
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

/// Gives the records of a datagram to `each`; false if something in it can't be read.
fn read(datagram: &Datagram<'_>, mut each: impl FnMut(&Record<'_>)) -> bool {
    match datagram {
        Datagram::V4(datagram) => match datagram.content() {
            Ok(v4::Content::Sets(mut sets)) => sets.all(|set| {
                let set = set.map(Record::V4);
                set.is_ok_and(|record| {
                    each(&record);
                    true
                })
            }),
            Ok(v4::Content::Stats(_)) => true,
            Err(_) => false,
        },
        Datagram::V5(datagram) => match datagram.content() {
            v5::Content::Records(mut records) => records.all(|record| {
                let record = record.map(Record::V5);
                record.is_ok_and(|record| {
                    each(&record);
                    true
                })
            }),
            v5::Content::Stats(mut counters) => counters.all(|counter| counter.is_ok()),
        },
    }
}
