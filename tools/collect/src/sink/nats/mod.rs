//! `nats:`: lines of JSON, as messages of a stream of NATS JetStream.
//!
//! A message has many lines, those of `jsonl:`, all of one sensor and one kind; its subject is
//! `PREFIX.SENSOR.responses` or `PREFIX.SENSOR.statistics`. A batch is stored when the stream has
//! acknowledged all of its messages.
//!
//! A message has the same identity whenever its batch comes again (`Nats-Msg-Id`), by which a
//! stream refuses what it has, as long as its window of duplicates goes back. Beyond that, the last
//! message of each subject is asked for after every break and at the start: messages of a subject
//! come in their order, so that it tells how much of the batch is there.
//!
//! The protocol is spoken here, one thread that waits: the crate `async-nats` brings some hundred
//! others along. It refuses to create streams or to change them; it says which command would. It
//! reads nothing but answers.

mod connection;
mod failure;
mod jetstream;
#[cfg(feature = "tls")]
mod keys;
mod link;
mod login;
mod message;
mod options;
#[cfg(feature = "tls")]
mod tls;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use options::{Options, OptionsError};

use super::{Sink, SinkError};
use crate::batch::{Batch, BatchId};
use connection::Connection;
use jetstream::Streams;
use message::Message;

/// After how long without use the server is asked whether it is there still. Servers end a
/// connection that leaves their PING without an answer for some minutes.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Messages that may wait for their acknowledgement.
const MAX_WAITING: usize = 64;

/// Bytes that may wait for their acknowledgement; one message may be more.
const MAX_WAITING_BYTES: usize = 8 << 20;

/// Writes batches to a stream.
pub struct Nats {
    options: Options,
    /// Where connecting begins the next time, among the servers.
    next_server: usize,
    open: Option<Open>,
    /// Whether messages of the next batch may be there already.
    is_unsure: bool,
    stored: Option<u64>,
    left_out: u64,
}

/// A connection, and what waits on it.
struct Open {
    connection: Connection,
    streams: Streams,
    used: Instant,
    /// Subjects and bytes of what has no answer yet, by the number of the answer.
    waiting: HashMap<u64, (String, usize)>,
    waiting_bytes: usize,
    /// How far subjects of this batch are stored, where that was asked.
    known: HashMap<String, u64>,
}

impl Nats {
    /// Does not connect yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            next_server: 0,
            open: None,
            is_unsure: true,
            stored: None,
            left_out: 0,
        }
    }

    /// The connection, made if there is none.
    fn connected(&mut self) -> Result<&mut Open, SinkError> {
        if self.open.is_none() {
            self.is_unsure = true;
            let first = self.next_server;
            self.next_server = (first + 1) % self.options.servers.len().max(1);
            let mut connection = Connection::open(&self.options, first)?;
            let streams = jetstream::streams(&mut connection, &self.options)?;
            // The one that has answered is the first one to be tried again.
            self.next_server = first;
            self.open = Some(Open {
                connection,
                streams,
                used: Instant::now(),
                waiting: HashMap::new(),
                waiting_bytes: 0,
                known: HashMap::new(),
            });
        }
        self.open
            .as_mut()
            .ok_or_else(|| failure::away("there is no connection"))
    }

    fn send(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.connected()?;
        let Self {
            options,
            open: Some(open),
            is_unsure,
            ..
        } = self
        else {
            return Ok(());
        };
        open.known.clear();
        let mut found = false;
        self.left_out = message::each(options, batch, |message| {
            let there = match *is_unsure {
                true => open.known_of(options, &message, batch.id())?,
                false => 0,
            };
            if message.end <= there {
                found = true;
                return Ok(());
            }
            open.publish(options, &message, batch.id())
        })?;
        while !open.waiting.is_empty() {
            open.await_one(options)?;
        }
        open.used = Instant::now();
        // Several batches may come again. The first of which nothing is there ends that.
        *is_unsure = found;
        Ok(())
    }
}

impl Open {
    /// How far the subject of a message is stored.
    fn known_of(
        &mut self,
        options: &Options,
        message: &Message,
        batch: BatchId,
    ) -> Result<u64, SinkError> {
        if let Some(known) = self.known.get(&message.subject) {
            return Ok(*known);
        }
        while !self.waiting.is_empty() {
            self.await_one(options)?;
        }
        let stream = self.streams.iter().find(|(kind, _)| *kind == message.kind);
        let id = match stream {
            Some((_, name)) => {
                jetstream::last_id(&mut self.connection, options, name, &message.subject)?
            }
            None => None,
        };
        let known = id.map_or(0, |id| message::stored(&id, batch));
        self.known.insert(message.subject.clone(), known);
        Ok(known)
    }

    fn publish(
        &mut self,
        options: &Options,
        message: &Message,
        batch: BatchId,
    ) -> Result<(), SinkError> {
        let bytes = message.lines.len();
        while self.waiting.len() >= MAX_WAITING
            || (!self.waiting.is_empty() && self.waiting_bytes + bytes > MAX_WAITING_BYTES)
            || self.waits_for(&message.subject)
        {
            self.await_one(options)?;
        }
        let id = message.id(batch);
        let stream = self.streams.iter().find(|(kind, _)| *kind == message.kind);
        let stream = stream.map(|(_, name)| ("Nats-Expected-Stream", name.as_str()));
        let headers: Vec<_> = std::iter::once(("Nats-Msg-Id", id.as_str()))
            .chain(stream)
            .collect();
        let number = self
            .connection
            .publish(&message.subject, &headers, &message.lines)?;
        self.waiting
            .insert(number, (message.subject.clone(), bytes));
        self.waiting_bytes += bytes;
        Ok(())
    }

    /// Whether a message of the subject has no answer yet. One that is refused must have no other
    /// of its subject behind it: the last message would tell that it is there.
    fn waits_for(&self, subject: &str) -> bool {
        self.waiting.values().any(|(waiting, _)| waiting == subject)
    }

    fn await_one(&mut self, options: &Options) -> Result<(), SinkError> {
        let answer = self.connection.answer()?;
        let Some((subject, bytes)) = self.waiting.remove(&answer.number) else {
            return Ok(());
        };
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        jetstream::acknowledged(options, &subject, &answer.message)
    }
}

impl Sink for Nats {
    fn open(&mut self) -> Result<Option<u64>, SinkError> {
        self.open = None;
        self.connected()?;
        Ok(None)
    }

    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        if let Err(error) = self.send(batch) {
            // What is on the way there is unknown, and what comes back would be for nobody.
            self.open = None;
            self.next_server = (self.next_server + 1) % self.options.servers.len().max(1);
            return Err(error);
        }
        self.stored = Some(batch.id().number);
        Ok(())
    }

    fn advance(&mut self, now: Instant) -> Result<(), SinkError> {
        let open = self.connected()?;
        if open.used + KEEP_ALIVE <= now {
            if let Err(error) = open.connection.ping() {
                self.open = None;
                return Err(error);
            }
            open.used = now;
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.used + KEEP_ALIVE)
    }

    fn stored(&self) -> Option<u64> {
        self.stored
    }

    fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}
