//! One datagram: admitted, read, accounted, and put into a batch; or refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dnsflow_records::sequence::Arrival;
use dnsflow_wire::datagram::{Datagram, DecodeError};
use dnsflow_wire::text::Sensor;
use dnsflow_wire::{v4, v5};

use super::Admission;
use super::streams::{State, StreamView, Streams, Totals};
use crate::backlog::Recovered;
use crate::batch::{Builder, Content, Origin, Stream};

/// Why a datagram is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its sender is none of those that are heard.
    Sender,
    /// Its version is above 5.
    Version,
    /// Its header can't be read, or it is too short for one.
    Header,
    /// Something behind the header can't be read.
    Content,
    /// There are more streams than are told apart.
    Streams,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::Sender,
        Self::Version,
        Self::Header,
        Self::Content,
        Self::Streams,
    ];

    /// The reason in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Version => "version",
            Self::Header => "header",
            Self::Content => "content",
            Self::Streams => "streams",
        }
    }
}

/// How many datagrams were refused, by the reasons of [`Refusal::ALL`].
pub type Refused = [u64; Refusal::ALL.len()];

/// What one receiver takes.
#[derive(Debug)]
pub struct Intake {
    admission: Arc<Admission>,
    recovered: Arc<Recovered>,
    streams: Streams,
    builder: Builder,
    /// The key that was given last.
    next_key: u64,
    /// When the first datagram of the batch to come was taken.
    since: Option<Instant>,
    refused: Refused,
}

impl Intake {
    /// Takes what `admission` admits, and goes on with the accounts in `recovered`.
    #[must_use]
    pub fn new(admission: Arc<Admission>, recovered: Arc<Recovered>) -> Self {
        Self {
            admission,
            recovered,
            streams: Streams::default(),
            builder: Builder::default(),
            next_key: 0,
            since: None,
            refused: Refused::default(),
        }
    }

    /// From now on, takes what `admission` admits. Streams keep their names until they start over.
    pub fn admit(&mut self, admission: Arc<Admission>) {
        self.admission = admission;
    }

    /// Takes the datagram `bytes` that came from `source` at `received`, since 1970-01-01 00:00 UTC.
    ///
    /// # Errors
    ///
    /// Why it is refused; it is counted.
    pub fn take(
        &mut self,
        source: SocketAddr,
        received: Duration,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let taken = self.try_take(source, received, bytes);
        if let Err(refusal) = taken
            && let Some(count) = self.refused.get_mut(refusal as usize)
        {
            *count += 1;
        }
        taken
    }

    fn try_take(
        &mut self,
        source: SocketAddr,
        received: Duration,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        // Those of a socket for both families have IPv4 addresses in IPv6 ones.
        let source = SocketAddr::new(source.ip().to_canonical(), source.port());
        if !self.admission.admits(source.ip()) {
            return Err(Refusal::Sender);
        }
        let datagram = Datagram::parse(bytes).map_err(|error| match error {
            DecodeError::Version(_) => Refusal::Version,
            _ => Refusal::Header,
        })?;
        let records = count_records(&datagram).ok_or(Refusal::Content)?;
        let (core, own_name) = match &datagram {
            Datagram::V4(_) => (None, None),
            Datagram::V5(datagram) => (Some(datagram.core()), datagram.sensor_name()),
        };
        let origin = Origin { source, core };
        if self.streams.known(origin).is_none() {
            self.start(origin, received)?;
        }
        let state = self.streams.known(origin).ok_or(Refusal::Streams)?;
        state.last = state.last.max(received);
        let doubled = state.sequence.duplicates;
        let (arrival, boot) = state.note(&datagram, received);
        if state.sequence.duplicates != doubled {
            return Ok(());
        }
        state.datagrams += 1;
        state.records += records;
        let name = || sensor_name(&self.admission, source, own_name);
        let own_name = own_name.unwrap_or_default();
        let key = state.key_of(boot, own_name, arrival, &mut self.next_key, name);
        self.since.get_or_insert_with(Instant::now);
        let stream = || Stream {
            boot,
            ..state.stream.clone()
        };
        let sequence = datagram.sequence();
        self.builder
            .push(key, stream, received, sequence, records, bytes);
        if arrival != Arrival::Old && datagram.is_stats() {
            note_counters(&mut self.streams, origin, &datagram);
        }
        Ok(())
    }

    /// Starts the account of an origin, or goes on with the one that the spool has.
    fn start(&mut self, origin: Origin, now: Duration) -> Result<(), Refusal> {
        if !self.streams.make_room(now) {
            return Err(Refusal::Streams);
        }
        let state = match self.recovered.take(origin) {
            Some(kept) => State::going_on(kept, now),
            None => State::starting(origin, now),
        };
        self.streams.add(origin, state);
        Ok(())
    }

    /// Whether the batch to come has `bytes` of memory, or is `age` old at `now`.
    #[must_use]
    pub fn is_due(&self, bytes: usize, age: Duration, now: Instant) -> bool {
        let is_old = |since| now.saturating_duration_since(since) >= age;
        self.since.is_some_and(is_old) || self.is_full(bytes)
    }

    /// Whether the batch to come has `bytes` of memory.
    #[must_use]
    pub fn is_full(&self, bytes: usize) -> bool {
        self.builder.memory() >= bytes
    }

    /// Whether nothing was taken since the last batch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.builder.is_empty()
    }

    /// What was taken, as the content of a batch, with the accounts of its streams.
    pub fn take_content(&mut self) -> Content {
        self.since = None;
        let streams = &mut self.streams;
        self.builder.take_with(|stream| {
            let (source, core) = (stream.source, stream.core);
            let known = streams.known(Origin { source, core });
            known
                .map(|state| state.sequence.clone())
                .unwrap_or_default()
        })
    }

    /// The streams, and the sum of those that gave way to others.
    #[must_use]
    pub fn streams(&self) -> (Vec<StreamView>, Totals) {
        self.streams.view()
    }

    /// How many datagrams were refused.
    #[must_use]
    pub fn refused(&self) -> Refused {
        self.refused
    }
}

/// How many records a datagram has, if all of it can be read; none of statistics.
fn count_records(datagram: &Datagram<'_>) -> Option<u64> {
    let mut count = 0;
    match datagram {
        Datagram::V4(datagram) => match datagram.content().ok()? {
            v4::Content::Stats(_) => {}
            v4::Content::Sets(sets) => {
                for set in sets {
                    set.ok()?;
                    count += 1;
                }
            }
        },
        Datagram::V5(datagram) => match datagram.content() {
            v5::Content::Stats(counters) => {
                for counter in counters {
                    counter.ok()?;
                }
            }
            v5::Content::Records(records) => {
                for record in records {
                    record.ok()?;
                    count += 1;
                }
            }
        },
    }
    Some(count)
}

/// Takes the counters of a datagram of statistics.
fn note_counters(streams: &mut Streams, origin: Origin, datagram: &Datagram<'_>) {
    match datagram {
        Datagram::V4(datagram) => {
            if let Ok(v4::Content::Stats(stats)) = datagram.content() {
                let counters = [
                    ("captured", stats.captured),
                    ("received", stats.received),
                    ("dropped", stats.dropped),
                    ("ifdropped", stats.if_dropped),
                ];
                let counters = counters.into_iter();
                let counters = counters.map(|(name, value)| (name, value.into()));
                streams.note_counters(origin, counters);
            }
        }
        Datagram::V5(datagram) => {
            if let v5::Content::Stats(counters) = datagram.content() {
                let counters = counters.map_while(Result::ok);
                let counters = counters.map(|counter| (counter.name, counter.value));
                streams.note_counters(origin, counters);
            }
        }
    }
}

/// What a sensor is called: by the collector's own list, by itself, or by its address.
fn sensor_name(admission: &Admission, source: SocketAddr, own: Option<&[u8]>) -> String {
    match (admission.sensor(source.ip()), own) {
        (Some(name), _) => name.to_owned(),
        (None, Some(own)) => Sensor::Name(own).to_string(),
        (None, None) => source.ip().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::streams::MAX_STREAMS;
    use super::*;

    /// Statistics of version 4, the shortest datagram that is whole.
    fn datagram(number: u32) -> Vec<u8> {
        v4::Stats::default().datagram(number).to_vec()
    }

    fn stranger(number: usize) -> SocketAddr {
        let number = u32::try_from(number).expect("few");
        let [_, a, b, c] = number.to_be_bytes();
        SocketAddr::from(([10, a, b, c], 1))
    }

    /// Forged senders fill the table: whoever is known goes on, and the memory is bounded. When the
    /// strangers have been silent for a while, they give way.
    #[test]
    fn strangers_push_nobody_out() {
        let mut intake = Intake::new(Arc::default(), Arc::default());
        let mine = SocketAddr::from(([192, 0, 2, 1], 7));
        let mut now = Duration::from_secs(1_000_000);
        for number in 1..=20 {
            assert_eq!(intake.take(mine, now, &datagram(number)), Ok(()));
        }
        let one = datagram(1);
        for number in 0..MAX_STREAMS + 1000 {
            let taken = intake.take(stranger(number), now, &one);
            let has_room = number < MAX_STREAMS - 1;
            assert_eq!(taken.is_ok(), has_room, "{number}");
        }
        assert_eq!(intake.take(mine, now, &datagram(21)), Ok(()));
        assert_eq!(intake.refused()[Refusal::Streams as usize], 1001);
        now += Duration::from_secs(120);
        assert_eq!(intake.take(stranger(1 << 20), now, &one), Ok(()));
        let (streams, gone) = intake.streams();
        assert_eq!(streams.len(), 2, "the sensor and the last stranger");
        assert_eq!(gone.datagrams, MAX_STREAMS as u64 - 1);
        assert_eq!(intake.take(mine, now, &datagram(22)), Ok(()));
        let (streams, _) = intake.streams();
        let mine = streams.iter().find(|view| view.stream.source == mine);
        let totals = &mine.expect("it is known").totals;
        assert_eq!((totals.datagrams, totals.lost), (22, 0));
    }

    /// A collector that is started anew goes on with the accounts of its spool.
    #[test]
    fn an_account_goes_on() {
        let source = stranger(1);
        let now = Duration::from_secs(1_000_000);
        let mut intake = Intake::new(Arc::default(), Arc::default());
        for number in [1, 2, 4] {
            assert_eq!(intake.take(source, now, &datagram(number)), Ok(()));
        }
        let content = intake.take_content();
        let recovered = Recovered::of(&content);
        let mut intake = Intake::new(Arc::default(), Arc::new(recovered));
        for number in [8, 3, 4] {
            assert_eq!(intake.take(source, now, &datagram(number)), Ok(()));
        }
        let (streams, _) = intake.streams();
        let expected = Totals {
            datagrams: 5,
            records: 0,
            // 5, 6 and 7.
            lost: 3,
            late: 1,
            doubled: 1,
            restarts: 0,
        };
        assert_eq!(streams[0].totals, expected);
    }
}
