//! librdkafka's own brokers, and what their topics have.

use std::time::Duration;

use dnsflow_collect::sink::{Destination, Sink};
use dnsflow_testkit::patience::until;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{Offset, TopicPartitionList};

/// Partitions of each topic.
pub(crate) const PARTITIONS: i32 = 4;

/// How long a question to a broker may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Brokers on loopback, within this process.
pub(crate) struct Cluster {
    pub(crate) brokers: MockCluster<'static, DefaultProducerContext>,
}

/// A message of a topic.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) partition: i32,
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) batch: String,
    pub(crate) line: usize,
}

impl Cluster {
    /// One broker with the topics `dns` and `stats`.
    pub(crate) fn start() -> Self {
        let brokers = MockCluster::new(1).expect("there are ports");
        for topic in ["dns", "stats"] {
            let made = brokers.create_topic(topic, PARTITIONS, 1);
            made.expect("a topic can be made");
        }
        Self { brokers }
    }

    pub(crate) fn url(&self, topic: &str, parameters: &str) -> String {
        format!(
            "kafka://{}/{topic}?{parameters}",
            self.brokers.bootstrap_servers()
        )
    }

    /// A sink that is not open yet.
    pub(crate) fn sink(&self, parameters: &str) -> Box<dyn Sink> {
        let url = self.url("dns", parameters);
        let to: Destination = url.parse().expect("the URL is right");
        to.sink(7)
    }

    /// All messages of a topic, each partition in its order.
    pub(crate) fn messages(&self, topic: &str) -> Vec<Message> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.brokers.bootstrap_servers())
            .set("group.id", "test")
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer");
        let mut from = TopicPartitionList::new();
        let mut wanted = 0;
        for partition in 0..PARTITIONS {
            let added = from.add_partition_offset(topic, partition, Offset::Beginning);
            added.expect("it is a partition");
            let marks = consumer.fetch_watermarks(topic, partition, PATIENCE);
            let (low, high) = marks.expect("the broker answers");
            wanted += high - low;
        }
        consumer.assign(&from).expect("they are there");
        let mut found: Vec<Message> = Vec::new();
        until("all messages", || {
            if let Some(message) = consumer.poll(Duration::from_millis(10)) {
                let message = message.expect("the broker answers");
                let text = |bytes: Option<&[u8]>| {
                    let bytes = bytes.expect("it is there").to_vec();
                    String::from_utf8(bytes).expect("text")
                };
                let headers = message.headers().expect("headers");
                let header = |name: &str| {
                    let header = headers.iter().find(|header| header.key == name);
                    text(header.expect("the header").value)
                };
                found.push(Message {
                    partition: message.partition(),
                    key: text(message.key()),
                    text: text(message.payload()),
                    batch: header("dnsflow-batch"),
                    line: header("dnsflow-line").parse().expect("a number"),
                });
            }
            (found.len() as i64 >= wanted).then_some(())
        });
        found.sort_by_key(|message| message.partition);
        found
    }

    /// The texts of the messages, each once, in the order of batches and lines.
    pub(crate) fn once(&self, topic: &str) -> Vec<String> {
        let mut messages = self.messages(topic);
        let number = |batch: &str| {
            batch
                .rsplit('-')
                .next()
                .and_then(|digits| digits.parse().ok())
        };
        let place = |message: &Message| {
            let number: Option<u64> = number(&message.batch);
            (number.expect("a number"), message.line)
        };
        messages.sort_by_key(place);
        messages.dedup_by(|a, b| {
            let is_same = place(a) == place(b);
            assert!(!is_same || a.text == b.text, "{} and {}", a.text, b.text);
            is_same
        });
        messages.into_iter().map(|message| message.text).collect()
    }
}
