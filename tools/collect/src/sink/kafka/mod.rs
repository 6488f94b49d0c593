//! `kafka:`: lines of JSON, each a message of a topic of Kafka.
//!
//! The key is the client, so that all of one client is in one partition, in its order. Headers have
//! the batch and the line in it (`dnsflow-batch`, `dnsflow-line`), the same whenever the batch
//! comes again: who reads knows by them what is there twice.
//!
//! The producer is idempotent: within one connection the brokers know a message that comes again. A
//! batch is stored when all replicas that are in sync have all of its messages; after an error,
//! those that were confirmed are not sent again. What a producer that has ended did send is not
//! known to the next one, so that after a crash a part of a batch may be there twice.
//!
//! Brokers are spoken to by librdkafka, which is C: the module is a feature of the build. It
//! refuses to create topics; it says which command would.

mod failure;
mod options;

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::warn;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

pub use options::{Options, OptionsError};

use super::lines::{self, Kind, Line};
use super::{Sink, SinkError};
use crate::batch::{Batch, BatchId};
use failure::{Reports, away, unfit};

/// How long brokers are asked for their topics at most.
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);

/// Memory of messages that are not confirmed yet, in KiB.
const QUEUE_KIB: u32 = 64 << 10;

/// The most messages that are not confirmed yet.
const QUEUE_MESSAGES: u32 = 200_000;

/// Milliseconds for which the library waits for more messages, to compress them together.
const LINGER_MS: u32 = 20;

/// How long the library is waited for at once. It takes all of that.
const POLL: Duration = Duration::from_millis(5);

/// How much longer than it may the library is given to say what became of messages.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a message besides its line, which the library counts: headers, key, and lengths.
const HEAD_BYTES: u64 = 512;

/// Writes batches to topics.
pub struct Kafka {
    options: Options,
    producer: Option<BaseProducer<Reports>>,
    /// Lines of the batch that is being written which need not be sent again.
    done: Option<(BatchId, Vec<bool>)>,
    stored: Option<u64>,
    left_out: u64,
}

impl Kafka {
    /// Does not connect yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            producer: None,
            done: None,
            stored: None,
            left_out: 0,
        }
    }

    fn config(&self) -> ClientConfig {
        let options = &self.options;
        let protocol = match (options.has_tls, options.login.is_some()) {
            (false, false) => "plaintext",
            (false, true) => "sasl_plaintext",
            (true, false) => "ssl",
            (true, true) => "sasl_ssl",
        };
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", options.brokers.join(","))
            .set("client.id", "dnsflow-collect")
            .set("security.protocol", protocol)
            .set("enable.idempotence", "true")
            .set("compression.type", options.compression)
            .set("linger.ms", LINGER_MS.to_string())
            .set(
                "message.timeout.ms",
                options.timeout.as_millis().to_string(),
            )
            .set("message.max.bytes", options.message.to_string())
            .set("queue.buffering.max.kbytes", QUEUE_KIB.to_string())
            .set("queue.buffering.max.messages", QUEUE_MESSAGES.to_string())
            // As producers in Java: a client is in the same partition, whoever writes it.
            .set("partitioner", "murmur2_random");
        if let Some((user, password)) = &options.login {
            config
                .set("sasl.mechanism", options.mechanism)
                .set("sasl.username", user)
                .set("sasl.password", &password.0);
        }
        if let Some(path) = &options.authorities {
            config.set("ssl.ca.location", path.display().to_string());
        }
        config
    }

    /// The producer, made if there is none.
    fn connected(&mut self) -> Result<&BaseProducer<Reports>, SinkError> {
        if self.producer.is_none() {
            let made = self.config().create_with_context(Reports::default());
            let producer: BaseProducer<Reports> = made.map_err(|error| unfit(&error))?;
            self.check(&producer)?;
            self.producer = Some(producer);
        }
        self.producer
            .as_ref()
            .ok_or_else(|| away("there is no connection"))
    }

    /// Whether the topics are there. All are asked for: to ask for one may create it.
    fn check(&self, producer: &BaseProducer<Reports>) -> Result<(), SinkError> {
        let reports = producer.context();
        let timeout = METADATA_TIMEOUT.min(self.options.timeout);
        let found = producer.client().fetch_metadata(None, timeout);
        producer.poll(POLL);
        let brokers = self.options.brokers.join(",");
        let found = found.map_err(|error| match error.rdkafka_error_code() {
            Some(code) => reports.error(&self.options, code, &brokers),
            None => away(&error),
        })?;
        for wanted in self.options.topics() {
            let topic = found.topics().iter().find(|topic| topic.name() == wanted);
            match topic.map(|topic| topic.error()) {
                Some(None) => {}
                Some(Some(error)) => {
                    return Err(reports.error(&self.options, error.into(), wanted));
                }
                None => {
                    return Err(unfit(format!(
                        "there is no topic {wanted}, or this user may not see it; to mend it: {}; \
                         or: {}",
                        self.options.create_topic(wanted),
                        self.options.allow(wanted)
                    )));
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.connected()?;
        let Self {
            options,
            producer: Some(producer),
            done,
            left_out,
            ..
        } = self
        else {
            return Ok(());
        };
        let id = batch.id();
        let (_, done) = match done {
            Some(same) if same.0 == id => same,
            other => other.insert((id, Vec::new())),
        };
        let mut sending = Sending {
            options,
            producer,
            batch: id.to_string(),
            done,
            next: 0,
            waiting: 0,
            too_long: 0,
            error: None,
        };
        let given = lines::each(batch, options.form, |line| sending.give(line));
        // What was given comes to an end, whatever happens.
        let is_known = sending.wait_for_all();
        let (error, too_long) = (sending.error, sending.too_long);
        let result = error.map_or(given, |code| {
            let what = format!("batch {id}");
            Err(producer.context().error(options, code, &what))
        });
        if !is_known {
            // What it tells later would be taken for another batch.
            self.producer = None;
            return Err(result
                .err()
                .unwrap_or_else(|| away("the library does not answer")));
        }
        result?;
        if too_long > 0 {
            warn!(
                "kafka: {too_long} records of batch {id} are longer than a message of {} bytes, and left out",
                options.message
            );
        }
        producer.context().forget();
        *left_out = too_long;
        Ok(())
    }
}

/// A batch on its way.
struct Sending<'s> {
    options: &'s Options,
    producer: &'s BaseProducer<Reports>,
    batch: String,
    done: &'s mut Vec<bool>,
    /// The number of the next line.
    next: usize,
    /// Lines whose end is not known.
    waiting: usize,
    too_long: u64,
    error: Option<RDKafkaErrorCode>,
}

impl Sending<'_> {
    fn give(&mut self, line: &Line<'_>) -> Result<(), SinkError> {
        let topic = match line.kind {
            Kind::Responses => self.options.topic.as_str(),
            Kind::Statistics => match &self.options.statistics {
                Some(topic) => topic,
                None => return Ok(()),
            },
        };
        let number = self.next;
        self.next += 1;
        if self.done.get(number).copied().unwrap_or(false) {
            return Ok(());
        }
        let text = line.text.strip_suffix(b"\n").unwrap_or(line.text);
        if text.len() as u64 + HEAD_BYTES > self.options.message {
            self.too_long += u64::from(line.kind == Kind::Responses);
            return Ok(());
        }
        let digits = number.to_string();
        let header = |key, value| Header {
            key,
            value: Some(value),
        };
        let headers = OwnedHeaders::new()
            .insert(header("dnsflow-batch", self.batch.as_str()))
            .insert(header("dnsflow-line", digits.as_str()));
        let key = match line.client {
            Some(client) => client.to_string(),
            None => line.sensor.to_owned(),
        };
        let mut record = BaseRecord::with_opaque_to(topic, number)
            .key(key.as_str())
            .payload(text)
            .headers(headers);
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.look(POLL);
                    if let Some(code) = self.error {
                        let reports = self.producer.context();
                        return Err(reports.error(self.options, code, &self.batch));
                    }
                }
                Err((error, _)) => {
                    let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                    let reports = self.producer.context();
                    return Err(reports.error(self.options, code, &self.batch));
                }
            }
        }
        self.waiting += 1;
        if self.waiting.is_multiple_of(1024) {
            self.look(Duration::ZERO);
        }
        Ok(())
    }

    /// Takes what the library has to tell.
    fn look(&mut self, patience: Duration) {
        self.producer.poll(patience);
        for (line, error) in self.producer.context().take() {
            self.waiting = self.waiting.saturating_sub(1);
            match error {
                Some(code) => self.error = self.error.or(Some(code)),
                None => {
                    if self.done.len() <= line {
                        self.done.resize(line + 1, false);
                    }
                    if let Some(done) = self.done.get_mut(line) {
                        *done = true;
                    }
                }
            }
        }
    }

    /// Waits until each message has been confirmed or given up, which the library does in time.
    /// Returns whether it has.
    fn wait_for_all(&mut self) -> bool {
        let deadline = Instant::now() + self.options.timeout + PATIENCE;
        while self.waiting > 0 && Instant::now() < deadline {
            self.look(POLL);
        }
        self.waiting == 0
    }
}

impl Sink for Kafka {
    fn open(&mut self) -> Result<Option<u64>, SinkError> {
        self.producer = None;
        self.connected()?;
        // Topics have no numbers of batches: what comes again is there twice, and says so.
        Ok(None)
    }

    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        if let Err(error) = self.send(batch) {
            let fatal = self
                .producer
                .as_ref()
                .and_then(|one| one.client().fatal_error());
            // A producer with such an error sends nothing any more. Any other is asked again
            // whether its topics are there.
            if fatal.is_some() || matches!(error, SinkError::Unfit(_)) {
                self.producer = None;
            }
            return Err(error);
        }
        self.done = None;
        self.stored = Some(batch.id().number);
        Ok(())
    }

    fn advance(&mut self, _now: Instant) -> Result<(), SinkError> {
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        None
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
