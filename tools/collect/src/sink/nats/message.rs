//! From lines to messages: which subject they have, and where one ends and the next begins.
//!
//! That depends on the batch and on the options alone, so that a batch that comes again makes the
//! same messages, with the same identity.

use std::collections::HashMap;

use log::warn;

use super::options::Options;
use crate::batch::{Batch, BatchId};
use crate::sink::SinkError;
use crate::sink::lines::{self, Kind, Line};

/// Bytes of a message that are for its headers.
pub(super) const HEAD_BYTES: usize = 256;

/// Bytes of all messages that are begun, with which all of them end.
const OPEN_BYTES: usize = 32 << 20;

/// Characters of a sensor's name in a subject.
const MAX_TOKEN_CHARACTERS: usize = 128;

/// The subject of a message.
pub(super) struct Subject;

impl Subject {
    /// That of a kind of lines of a sensor.
    pub(super) fn of(options: &Options, sensor: &str, kind: Kind) -> String {
        format!("{}.{}.{}", options.prefix, token(sensor), word(kind))
    }

    /// All of a kind.
    pub(super) fn every(options: &Options, kind: Kind) -> String {
        format!("{}.*.{}", options.prefix, word(kind))
    }

    /// One that nothing is stored with.
    pub(super) fn probe(options: &Options) -> String {
        format!("{}.check.{}", options.prefix, word(Kind::Responses))
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Responses => "responses",
        Kind::Statistics => "statistics",
    }
}

/// The name of a sensor as a token of a subject: what could be a dot, a space or a wildcard there
/// is an underscore.
fn token(sensor: &str) -> String {
    let plain = |one: char| match one {
        '-' | ':' => one,
        _ if one.is_ascii_alphanumeric() => one,
        _ => '_',
    };
    match sensor {
        "" => "_".to_owned(),
        _ => sensor
            .chars()
            .take(MAX_TOKEN_CHARACTERS)
            .map(plain)
            .collect(),
    }
}

/// Lines of one subject.
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) kind: Kind,
    /// Which sensor of the batch it is, for its identity.
    slot: usize,
    /// The first line, among those of the subject in this batch.
    pub(super) first: u64,
    /// Behind the last line.
    pub(super) end: u64,
    pub(super) lines: Vec<u8>,
}

impl Message {
    /// The same one whenever the batch is sent again.
    pub(super) fn id(&self, batch: BatchId) -> String {
        let kind = match self.kind {
            Kind::Responses => 'r',
            Kind::Statistics => 's',
        };
        format!("{batch}-{kind}{}-{}-{}", self.slot, self.first, self.end)
    }
}

/// How far a subject is stored, as the identity of its last message tells.
pub(super) fn stored(id: &str, batch: BatchId) -> u64 {
    let stored = || {
        let mut parts = id.split('-');
        let collector = u64::from_str_radix(parts.next()?, 16).ok()?;
        let number: u64 = parts.next()?.parse().ok()?;
        let (_, _, end) = (parts.next()?, parts.next()?, parts.next()?);
        match (collector == batch.collector, number) {
            (true, number) if number > batch.number => Some(u64::MAX),
            (true, number) if number == batch.number => end.parse().ok(),
            _ => None,
        }
    };
    stored().unwrap_or(0)
}

/// Gives `take` the messages of a batch. Returns how many records are too long for one.
///
/// # Errors
///
/// The first error of `take`, which ends it.
pub(super) fn each(
    options: &Options,
    batch: &Batch,
    mut take: impl FnMut(Message) -> Result<(), SinkError>,
) -> Result<u64, SinkError> {
    let mut begun = Begun::new(options, batch);
    let room = options.message.saturating_sub(HEAD_BYTES);
    let (mut bytes, mut left_out) = (0, 0);
    lines::each(batch, options.form, |line| {
        let Some(message) = begun.of(line) else {
            return Ok(());
        };
        if line.text.len() > room {
            left_out += u64::from(line.kind == Kind::Responses);
            message.end += 1;
            return Ok(());
        }
        if message.lines.len() + line.text.len() > room {
            bytes -= message.lines.len();
            take(message.close())?;
        }
        message.lines.extend(line.text);
        message.end += 1;
        bytes += line.text.len();
        if bytes >= OPEN_BYTES {
            bytes = 0;
            return end(&mut begun.open, &mut take);
        }
        Ok(())
    })?;
    end(&mut begun.open, &mut take)?;
    if left_out > 0 {
        warn!(
            "nats: {left_out} records of batch {} are longer than a message of {} bytes, and left out",
            batch.id(),
            options.message
        );
    }
    Ok(left_out)
}

/// Messages that are begun, and where they are.
struct Begun<'o> {
    options: &'o Options,
    open: Vec<Message>,
    /// Which sensor of the batch has a token first.
    slots: HashMap<String, usize>,
    /// By sensor, and whether it is about responses.
    places: HashMap<(String, bool), usize>,
    /// By subject: sensors whose names differ in other characters share one.
    subjects: HashMap<String, usize>,
}

impl<'o> Begun<'o> {
    fn new(options: &'o Options, batch: &Batch) -> Self {
        let mut slots = HashMap::new();
        for (slot, range) in batch.ranges().iter().enumerate() {
            slots.entry(token(&range.stream.sensor)).or_insert(slot);
        }
        Self {
            options,
            open: Vec::new(),
            slots,
            places: HashMap::new(),
            subjects: HashMap::new(),
        }
    }

    /// The message that a line belongs to.
    fn of(&mut self, line: &Line<'_>) -> Option<&mut Message> {
        let key = (line.sensor.to_owned(), line.kind == Kind::Responses);
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                let place = self.place(line);
                self.places.insert(key, place);
                place
            }
        };
        self.open.get_mut(place)
    }

    fn place(&mut self, line: &Line<'_>) -> usize {
        let subject = Subject::of(self.options, line.sensor, line.kind);
        let next = self.open.len();
        let place = *self.subjects.entry(subject.clone()).or_insert(next);
        if place == next {
            let slot = self.slots.get(&token(line.sensor)).copied();
            self.open.push(Message {
                subject,
                kind: line.kind,
                slot: slot.unwrap_or_default(),
                first: 0,
                end: 0,
                lines: Vec::new(),
            });
        }
        place
    }
}

impl Message {
    /// What is there, and an empty one for what follows.
    fn close(&mut self) -> Self {
        let closed = Self {
            subject: self.subject.clone(),
            kind: self.kind,
            slot: self.slot,
            first: self.first,
            end: self.end,
            lines: std::mem::take(&mut self.lines),
        };
        self.first = self.end;
        closed
    }
}

fn end(
    open: &mut [Message],
    take: &mut impl FnMut(Message) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    for message in open.iter_mut().filter(|message| !message.lines.is_empty()) {
        take(message.close())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_no_meaning_in_subjects() {
        for (sensor, wanted) in [
            ("edge1", "edge1"),
            ("192.0.2.1", "192_0_2_1"),
            ("2001:db8::1", "2001:db8::1"),
            ("a*b>c d\\.e", "a_b_c_d__e"),
            ("Zürich", "Z_rich"),
            ("", "_"),
        ] {
            assert_eq!(token(sensor), wanted);
        }
        assert_eq!(token(&"x".repeat(5000)).len(), MAX_TOKEN_CHARACTERS);
    }

    #[test]
    fn an_identity_says_what_is_stored() {
        let batch = BatchId {
            collector: 0xc0,
            number: 7,
        };
        let message = Message {
            subject: String::new(),
            kind: Kind::Statistics,
            slot: 3,
            first: 10,
            end: 25,
            lines: Vec::new(),
        };
        let id = message.id(batch);
        assert_eq!(id, "00000000000000c0-7-s3-10-25");
        let at = |number| BatchId { number, ..batch };
        assert_eq!(stored(&id, batch), 25);
        assert_eq!(stored(&id, at(8)), 0);
        assert_eq!(stored(&id, at(6)), u64::MAX);
        let other = BatchId {
            collector: 0xc1,
            ..batch
        };
        assert_eq!(stored(&id, other), 0);
        for id in ["", "x", "00000000000000c0-7", "some-thing-else-alto-gether"] {
            assert_eq!(stored(id, batch), 0);
        }
    }
}
