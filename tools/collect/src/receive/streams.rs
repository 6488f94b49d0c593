//! The streams of one receiver, and their accounts.

use std::collections::HashMap;
use std::time::Duration;

use dnsflow_records::sequence::{Arrival, Sequence};
use dnsflow_wire::datagram::Datagram;

use crate::backlog::Kept;
use crate::batch::{Origin, Stream};

/// Streams that are told apart by one receiver. Forged senders must not fill the memory.
pub(super) const MAX_STREAMS: usize = 65_536;

/// A stream that was silent for this long gives way where there is no room.
const SILENT: Duration = Duration::from_secs(60);

/// One of fewer datagrams than this gives way; one with more only after [`LONG_SILENT`].
const FEW_DATAGRAMS: u64 = 16;

/// How long a stream of many datagrams has to be silent to give way.
const LONG_SILENT: Duration = Duration::from_secs(24 * 60 * 60);

/// How often there is a search for streams that can give way.
const SEARCH_INTERVAL: Duration = Duration::from_secs(10);

/// Counters of a sensor's statistics that are kept, in a stream.
const MAX_COUNTERS: usize = 128;

/// Streams whose counters are kept: those of a stream take some 6 KiB.
const MAX_STREAMS_WITH_COUNTERS: usize = 1024;

/// What was received of one stream, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Datagrams that were taken.
    pub datagrams: u64,
    /// Their records.
    pub records: u64,
    /// Numbers that were skipped and never came.
    pub lost: u64,
    /// Datagrams that came after one with a higher number; they were taken.
    pub late: u64,
    /// Datagrams that came again; they were not taken.
    pub doubled: u64,
    /// How often the sensor started over.
    pub restarts: u64,
}

/// A stream, for whoever asks.
#[derive(Clone, Debug)]
pub struct StreamView {
    /// Which one.
    pub stream: Stream,
    /// Its account.
    pub totals: Totals,
    /// When the newest datagram came, since 1970-01-01 00:00 UTC.
    pub last: Duration,
    /// The sensor's counters, as it sent them last.
    pub counters: Vec<(String, u64)>,
}

/// One stream.
#[derive(Debug)]
pub(super) struct State {
    pub(super) stream: Stream,
    /// The name that the sensor gave itself last.
    pub(super) own_name: Vec<u8>,
    /// Stands for the stream and its boot within a batch.
    pub(super) key: u64,
    /// The boot before, whose datagrams may still come, and its key.
    pub(super) before: Option<(u64, u64)>,
    pub(super) sequence: Sequence,
    pub(super) datagrams: u64,
    pub(super) records: u64,
    pub(super) last: Duration,
    pub(super) counters: Vec<(String, u64)>,
}

impl State {
    /// The account of an origin that is heard for the first time. It has no stream until [`State::key_of`].
    pub(super) fn starting(origin: Origin, now: Duration) -> Self {
        Self {
            stream: Stream {
                sensor: String::new(),
                source: origin.source,
                core: origin.core,
                boot: 0,
            },
            own_name: Vec::new(),
            key: 0,
            before: None,
            sequence: Sequence::default(),
            datagrams: 0,
            records: 0,
            last: now,
            counters: Vec::new(),
        }
    }

    /// The account that a collector had before it was started anew.
    pub(super) fn going_on(kept: Kept, now: Duration) -> Self {
        let Kept {
            stream,
            sequence,
            datagrams,
            records,
        } = kept;
        let (source, core) = (stream.source, stream.core);
        Self {
            stream,
            sequence,
            datagrams,
            records,
            ..Self::starting(Origin { source, core }, now)
        }
    }

    /// Takes note of the number of a datagram. Returns what it is by that, and of which boot.
    pub(super) fn note(&mut self, datagram: &Datagram<'_>, received: Duration) -> (Arrival, u64) {
        match datagram {
            Datagram::V4(datagram) => {
                let arrival = self.sequence.note(datagram.sequence());
                let boot = if arrival == Arrival::First {
                    u64::try_from(received.as_micros()).unwrap_or(u64::MAX)
                } else {
                    self.stream.boot
                };
                (arrival, boot)
            }
            Datagram::V5(datagram) => {
                let (boot, number) = (datagram.boot(), datagram.sequence());
                (self.sequence.note_of_boot(boot, number), boot)
            }
        }
    }

    /// The key of the stream of `boot`, which becomes the current one unless it is an old one.
    /// `name` is asked for the sensor's name where the stream is another one than before.
    pub(super) fn key_of(
        &mut self,
        boot: u64,
        own_name: &[u8],
        arrival: Arrival,
        next_key: &mut u64,
        name: impl FnOnce() -> String,
    ) -> u64 {
        let is_old = arrival == Arrival::Old && self.key != 0;
        if let Some((before, key)) = self.before
            && is_old
            && before == boot
        {
            return key;
        }
        let is_same = self.key != 0 && boot == self.stream.boot;
        if is_same && (is_old || own_name == self.own_name) {
            return self.key;
        }
        *next_key += 1;
        if self.key != 0 {
            self.before = Some((self.stream.boot, self.key));
        }
        self.key = *next_key;
        self.stream.boot = boot;
        self.stream.sensor = name();
        self.own_name = own_name.to_vec();
        self.key
    }

    fn note_counters<'n>(&mut self, counters: impl Iterator<Item = (&'n str, u64)>) {
        for (name, value) in counters {
            let count = self.counters.len();
            let known = self.counters.iter_mut().find(|(known, _)| known == name);
            match known {
                Some((_, known)) => *known = value,
                None if count < MAX_COUNTERS => self.counters.push((name.to_owned(), value)),
                None => {}
            }
        }
    }

    fn view(&self) -> StreamView {
        StreamView {
            stream: self.stream.clone(),
            totals: self.totals(),
            last: self.last,
            counters: self.counters.clone(),
        }
    }

    fn totals(&self) -> Totals {
        Totals {
            datagrams: self.datagrams,
            records: self.records,
            lost: self.sequence.lost,
            late: self.sequence.out_of_order,
            doubled: self.sequence.duplicates,
            restarts: self.sequence.restarts,
        }
    }
}

/// The streams of a receiver.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_origin: HashMap<Origin, State>,
    /// Streams whose counters are kept.
    with_counters: usize,
    /// When streams that can give way were looked for.
    searched: Option<Duration>,
    /// What was lost and so on in streams that gave way.
    gone: Totals,
}

impl Streams {
    /// The stream of an origin, if it is known.
    pub(super) fn known(&mut self, origin: Origin) -> Option<&mut State> {
        self.by_origin.get_mut(&origin)
    }

    /// Makes room for one more at `now`; returns false if there is none.
    pub(super) fn make_room(&mut self, now: Duration) -> bool {
        if self.by_origin.len() < MAX_STREAMS {
            return true;
        }
        let is_early = |then| now.saturating_sub(then) < SEARCH_INTERVAL;
        if self.searched.is_some_and(is_early) {
            return false;
        }
        self.searched = Some(now);
        let (gone, with_counters) = (&mut self.gone, &mut self.with_counters);
        self.by_origin.retain(|_, state| {
            let silent = now.saturating_sub(state.last);
            let gives_way =
                silent >= LONG_SILENT || silent >= SILENT && state.sequence.total < FEW_DATAGRAMS;
            if gives_way {
                gone.add(&state.totals());
                *with_counters -= usize::from(!state.counters.is_empty());
            }
            !gives_way
        });
        self.by_origin.len() < MAX_STREAMS
    }

    /// Takes the counters of a stream, by their names, if there is room.
    pub(super) fn note_counters<'n>(
        &mut self,
        origin: Origin,
        counters: impl Iterator<Item = (&'n str, u64)>,
    ) {
        let has_room = self.with_counters < MAX_STREAMS_WITH_COUNTERS;
        let Some(state) = self.by_origin.get_mut(&origin) else {
            return;
        };
        let is_new = state.counters.is_empty();
        if has_room || !is_new {
            state.note_counters(counters);
            self.with_counters += usize::from(is_new && !state.counters.is_empty());
        }
    }

    /// Adds a stream.
    pub(super) fn add(&mut self, origin: Origin, state: State) -> &mut State {
        self.by_origin.entry(origin).insert_entry(state).into_mut()
    }

    /// All streams, and the sum of those that gave way.
    pub(super) fn view(&self) -> (Vec<StreamView>, Totals) {
        let streams = self.by_origin.values().map(State::view).collect();
        (streams, self.gone.clone())
    }
}

impl Totals {
    /// Adds those of another stream.
    pub fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.records += other.records;
        self.lost = self.lost.saturating_add(other.lost);
        self.late += other.late;
        self.doubled += other.doubled;
        self.restarts += other.restarts;
    }
}
