//! Messages: records of a domain, with the templates that they need before them.
//!
//! ```text
//! version 2 | length 2 | export time 4 | sequence number 4 | domain 4 | sets
//! ```
//!
//! A transport session starts with nothing known at the other end ([`Session::new`]). A template is
//! written before the first record that needs it, in the same message, and over UDP again once it
//! is a minute old.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use super::record::{MIN_ROOM_BYTES, Records};
use super::template::{MAX_TEMPLATE_BYTES, SHAPES, Shape, end_set, start_set, write_domain};
use crate::batch::Stream;
use crate::record::Row;

/// The version of IPFIX (RFC 7011, section 3.1).
const VERSION: u16 = 10;

/// Bytes of the header of a message.
const HEADER_BYTES: usize = 16;

/// Bytes of the header of a set.
const SET_BYTES: usize = 4;

/// What a message needs besides one record, at most.
const AROUND_BYTES: usize = HEADER_BYTES + MAX_TEMPLATE_BYTES + SET_BYTES;

/// The smallest size of a message in which every record has room, in bytes.
pub(super) const MIN_MESSAGE_BYTES: usize = AROUND_BYTES + MIN_ROOM_BYTES;

/// The longest name of a domain that is told, in bytes: a sensor's of 63 bytes, each as `\DDD`, and
/// its core.
const MAX_DOMAIN_NAME_BYTES: usize = 300;

/// Domains of a session that are told apart. Anyone can make up sensors; those beyond are in domain
/// 0, which stands for none (RFC 7011, section 3.1).
const MAX_DOMAINS: usize = 4096;

/// When templates are told again, if ever, and how large messages may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of a message.
    pub(super) message: usize,
    /// The age of templates that are told again.
    pub(super) templates: Option<Duration>,
}

/// What the other end knows.
#[derive(Debug)]
pub(super) struct Session {
    limits: Limits,
    domains: HashMap<u32, Domain>,
    /// Those that have an unfinished message.
    open: Vec<u32>,
}

#[derive(Debug)]
struct Domain {
    /// Data records of the messages before.
    sequence: u32,
    /// Shapes whose templates are known, a bit each.
    known: Box<[u64; SHAPES / 64]>,
    /// When there was none of these.
    since: Option<Instant>,
    message: Vec<u8>,
    /// Data records in the message.
    records: u32,
    /// The template of the set at the end of the message and its start.
    set: Option<(u16, usize)>,
}

impl Session {
    /// One that starts now.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            domains: HashMap::new(),
            open: Vec::new(),
        }
    }

    /// Adds the records of a row; messages that became full go to `send`.
    ///
    /// # Errors
    ///
    /// Those of `send`. The session is over then.
    pub(super) fn add<E>(
        &mut self,
        row: &Row<'_>,
        records: &mut Records,
        now: Instant,
        send: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut id = domain_id(row.stream);
        if self.domains.len() >= MAX_DOMAINS && !self.domains.contains_key(&id) {
            id = 0;
        }
        let limits = self.limits;
        let domain = self.domains.entry(id).or_insert_with(Domain::new);
        if domain.message.is_empty() {
            self.open.push(id);
            if domain.is_to_be_told(limits, now) {
                domain.known.fill(0);
                domain.since = Some(now);
                if let Some(name) = domain_name(id, row.stream) {
                    domain.start();
                    write_domain(&mut domain.message, id, &name);
                    domain.records = 1;
                    domain.end(id, send)?;
                }
            }
            domain.start();
        }
        records.each(row, limits.message - AROUND_BYTES, |shape, record| {
            if domain.message.len() + domain.bytes(shape, record) > limits.message {
                domain.end(id, send)?;
                domain.start();
            }
            domain.push(shape, record);
            Ok(())
        })
    }

    /// Gives all unfinished messages to `send`.
    ///
    /// # Errors
    ///
    /// Those of `send`. The session is over then.
    pub(super) fn flush<E>(
        &mut self,
        send: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for id in self.open.drain(..) {
            if let Some(domain) = self.domains.get_mut(&id) {
                domain.end(id, send)?;
            }
        }
        Ok(())
    }
}

impl Domain {
    fn new() -> Self {
        Self {
            sequence: 0,
            known: Box::new([0; SHAPES / 64]),
            since: None,
            message: Vec::new(),
            records: 0,
            set: None,
        }
    }

    fn is_to_be_told(&self, limits: Limits, now: Instant) -> bool {
        let Some(since) = self.since else {
            return true;
        };
        limits
            .templates
            .is_some_and(|age| now.duration_since(since) >= age)
    }

    fn start(&mut self) {
        self.message.clear();
        self.message.extend([0; HEADER_BYTES]);
        self.records = 0;
        self.set = None;
    }

    /// Bytes that a record adds to the message.
    fn bytes(&self, shape: Shape, record: &[u8]) -> usize {
        let template = if self.knows(shape) {
            0
        } else {
            MAX_TEMPLATE_BYTES
        };
        template + SET_BYTES + record.len()
    }

    fn knows(&self, shape: Shape) -> bool {
        let (word, bit) = (shape.index() / 64, shape.index() % 64);
        self.known
            .get(word)
            .is_some_and(|word| word >> bit & 1 == 1)
    }

    fn push(&mut self, shape: Shape, record: &[u8]) {
        if !self.knows(shape) {
            self.end_set();
            shape.write_template(&mut self.message);
            let (word, bit) = (shape.index() / 64, shape.index() % 64);
            if let Some(word) = self.known.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        let template = shape.template();
        if self.set.is_none_or(|(before, _)| before != template) {
            self.end_set();
            let start = start_set(&mut self.message, template);
            self.set = Some((template, start));
        }
        self.message.extend_from_slice(record);
        self.records += 1;
    }

    fn end_set(&mut self) {
        if let Some((_, start)) = self.set.take() {
            end_set(&mut self.message, start);
        }
    }

    /// Sends the message if it has a set.
    fn end<E>(&mut self, id: u32, send: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.end_set();
        if self.message.len() > HEADER_BYTES {
            let length = u16::try_from(self.message.len()).unwrap_or(u16::MAX);
            let header = header(length, self.sequence, id);
            if let Some(start) = self.message.first_chunk_mut() {
                *start = header;
            }
            self.sequence = self.sequence.wrapping_add(self.records);
            send(&self.message)?;
        }
        self.message.clear();
        Ok(())
    }
}

fn header(length: u16, sequence: u32, domain: u32) -> [u8; HEADER_BYTES] {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // Until 2106, as RFC 7011 has it in section 5.2.
    let time = u32::try_from(now.unwrap_or_default().as_secs()).unwrap_or(u32::MAX);
    let [version, length] = [VERSION, length].map(u16::to_be_bytes);
    let words = [time, sequence, domain].map(u32::to_be_bytes);
    let mut header = [0; HEADER_BYTES];
    let bytes = [version, length].into_iter().flatten();
    let bytes = bytes.chain(words.into_iter().flatten());
    for (to, byte) in header.iter_mut().zip(bytes) {
        *to = byte;
    }
    header
}

/// The domain of a stream: the CRC-32 of sensor and core, the same whenever either is started; not
/// 0.
fn domain_id(stream: &Stream) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(stream.sensor.as_bytes());
    if let Some(core) = stream.core {
        hash.update(&[0]);
        hash.update(&core.to_be_bytes());
    }
    hash.finalize().max(1)
}

/// What the domain is called: the sensor, and behind a space its core.
fn domain_name(id: u32, stream: &Stream) -> Option<String> {
    let name = match stream.core {
        None => stream.sensor.clone(),
        Some(core) => format!("{} {core}", stream.sensor),
    };
    (id != 0 && name.len() <= MAX_DOMAIN_NAME_BYTES).then_some(name)
}

#[cfg(test)]
mod tests;
