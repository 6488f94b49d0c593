//! Version 5 as a stream writes it.

use super::header::{
    FLAG_STATS, HEADER_BYTES, Header, MAX_SENSOR_NAME_BYTES, PART_SAMPLING, PART_SENSOR_NAME,
    PART_SENSOR_VERSION, WORD_BYTES,
};
use super::origin_table::OriginTable;
use super::parts::Parts;
use super::stats::Counter;
use super::suffixes::Suffixes;
use super::transcript::Transcriber;
use crate::dns::{MessageReject, Rules};
use crate::encode::{Encode, NoRoom, Stats};
use crate::response::{Envelope, Response};

/// Smallest datagram that has room for any response, divided, in bytes: the payload of UDP over IPv6
/// at the smallest MTU that IPv6 allows, 1,280 (RFC 8200, section 5).
pub const MIN_DATAGRAM_BYTES: usize = 1280 - 40 - 8;

/// Whose stream it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of the sensor, of which at most 63 bytes are told; empty if it has none.
    pub name: String,
    /// Version of the program, of which at most 63 bytes are told.
    pub version: String,
    /// Which core of the sensor, from 0.
    pub core: u16,
    /// Which run of the sensor: random, and the same on all cores.
    pub boot: u64,
    /// Random too, and told to nobody.
    pub key: u64,
}

/// Writes records of version 5. Its memory serves all messages.
#[derive(Debug)]
pub struct Encoder {
    transcriber: Transcriber,
    suffixes: Suffixes,
    origins: OriginTable,
    identity: Identity,
    /// Header parts, padded.
    parts: Vec<u8>,
    /// Sets that stay in the datagram which is being filled.
    sets: usize,
    /// The time that its records are relative to, in microseconds.
    base: u64,
}

impl Encoder {
    /// Writes records of the messages that `rules` select. `rate` is the sampling rate: 1 of so many
    /// packets is kept, and all if it is 0.
    #[must_use]
    pub fn new(rules: Rules, identity: Identity, rate: u32) -> Self {
        Self {
            transcriber: Transcriber::new(rules),
            suffixes: Suffixes::new(identity.key),
            origins: OriginTable::default(),
            parts: parts(&identity, rate, false),
            identity,
            sets: 0,
            base: 0,
        }
    }

    /// The time to which those of records are relative: that of the first one.
    #[inline(always)]
    fn base(&mut self, envelope: &Envelope) -> u64 {
        if self.sets == 0 {
            self.base = envelope.at.micros();
        }
        self.base
    }

    fn header(&self, parts: &[u8], flags: u16, count: usize, sequence: u64, time: u64) -> Header {
        Header {
            words: u8::try_from((HEADER_BYTES + parts.len()) / WORD_BYTES).unwrap_or(u8::MAX),
            flags,
            core: self.identity.core,
            count: u16::try_from(count).unwrap_or(u16::MAX),
            sequence,
            boot: self.identity.boot,
            time,
        }
    }
}

/// The parts of a header, with the version of the program or without, padded to whole words.
fn parts(identity: &Identity, rate: u32, with_version: bool) -> Vec<u8> {
    let mut parts = Vec::new();
    let mut push = |kind: u8, value: &[u8]| {
        if let Ok(length) = u8::try_from(value.len()) {
            parts.extend([kind, length]);
            parts.extend(value);
        }
    };
    let text = |text: &str| {
        let most = text.len().min(MAX_SENSOR_NAME_BYTES);
        let end = (0..=most).rfind(|end| text.is_char_boundary(*end));
        text[..end.unwrap_or(0)].to_owned()
    };
    if !identity.name.is_empty() {
        push(PART_SENSOR_NAME, text(&identity.name).as_bytes());
    }
    if rate > 0 {
        push(PART_SAMPLING, &rate.to_be_bytes());
    }
    if with_version {
        push(PART_SENSOR_VERSION, text(&identity.version).as_bytes());
    }
    parts.resize(parts.len().next_multiple_of(WORD_BYTES), 0);
    parts
}

/// Writes header and parts to the front of a datagram; `None` if it is shorter.
fn write_header(header: &Header, parts: &[u8], datagram: &mut [u8]) -> Option<()> {
    let (head, behind) = datagram.split_first_chunk_mut()?;
    behind.get_mut(..parts.len())?.copy_from_slice(parts);
    header.write(head);
    Some(())
}

impl Encode for Encoder {
    const IS_MOVABLE: bool = false;
    const MAX_SETS: usize = u16::MAX as usize;
    // Length 2, form, flags, time, client 4, port 2, origin, root, kind, TTL and an address.
    const MIN_SET_BYTES: usize = 2 + 1 + 1 + 1 + 4 + 2 + 1 + 1 + 1 + 1 + 4;
    type Parts<'a> = Parts<'a>;

    #[inline(always)]
    fn header_bytes(&self) -> usize {
        HEADER_BYTES + self.parts.len()
    }

    #[inline(always)]
    fn transcribe(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
        datagram: &mut [u8],
        at: usize,
    ) -> Option<Result<usize, MessageReject>> {
        let base = self.base(envelope);
        let known = (&mut self.suffixes, &mut self.origins);
        self.transcriber
            .record(message, envelope, datagram, at, base, known)
    }

    fn parts<'a>(&self, response: &'a Response<'a>, _: usize) -> Parts<'a> {
        Parts::new(response)
    }

    fn next_part(
        &mut self,
        parts: &mut Parts<'_>,
        datagram: &mut [u8],
        at: usize,
    ) -> Option<Result<usize, NoRoom>> {
        let base = self.base(&parts.envelope());
        let known = (&mut self.suffixes, &mut self.origins);
        parts.write(datagram, at, self.sets == 0, base, known)
    }

    #[inline(always)]
    fn stays(&mut self) {
        self.sets += 1;
        self.suffixes.keep();
        self.origins.keep();
    }

    fn finish(&mut self, sets: usize, sequence: u64, datagram: &mut [u8]) {
        let header = self.header(&self.parts, 0, sets, sequence, self.base);
        // The datagram starts with the room for it.
        let _ = write_header(&header, &self.parts, datagram);
        self.suffixes.clear();
        self.origins.clear();
        self.sets = 0;
    }

    fn write_stats(
        &mut self,
        stats: &Stats<'_>,
        told: &mut usize,
        sequence: u64,
        out: &mut [u8],
    ) -> usize {
        let rate = stats.sample_rate;
        self.parts = parts(&self.identity, rate, false);
        let parts = parts(&self.identity, rate, true);
        let front = [
            ("captured", stats.captured),
            ("received", stats.received),
            ("dropped", stats.dropped),
            ("ifdropped", stats.if_dropped),
        ];
        let front = front.into_iter().filter(|_| *told == 0);
        let others = stats.others.get(*told..).unwrap_or_default();
        let mut at = HEADER_BYTES + parts.len();
        let mut count = 0;
        for (index, (name, value)) in front.chain(others.iter().copied()).enumerate() {
            let room = out.get_mut(at..).unwrap_or_default();
            let Some(bytes) = (Counter { name, value }).write(room) else {
                break;
            };
            at += bytes;
            count = index + 1;
        }
        let header = self.header(&parts, FLAG_STATS, count, sequence, stats.at.micros());
        if write_header(&header, &parts, out).is_none() {
            return 0;
        }
        let of_others = count.saturating_sub(if *told == 0 { 4 } else { 0 });
        *told += of_others;
        at
    }

    fn select(&mut self, rules: &Rules) {
        self.transcriber.rules = rules.clone();
    }

    fn on_interface(&mut self, name: &str) {
        self.origins.on_interface(name);
    }
}
