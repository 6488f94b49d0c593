//! The sink of Kafka against the brokers that librdkafka has for tests, which speak its protocol
//! over TCP. They have neither TLS nor users, and keep few messages.

#[path = "../clickhouse/batches.rs"]
mod batches;
mod cluster;
#[path = "../collect/datagrams.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod datagrams;
#[path = "../collect/killed.rs"]
mod killed;
#[path = "../collect/program.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod program;
#[path = "../nats/sets.rs"]
mod sets;
#[path = "../nats/written.rs"]
mod written;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;

use dnsflow_collect::batch::Batch;
use dnsflow_collect::sink::{Destination, SinkError};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::programs::Programs;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::Value;

use batches::{of_responses, of_vectors};
use cluster::Cluster;
use killed::killed;
use program::numbers;
use sets::of_sets;
use written::write;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-collect"));

/// The lines that a file of the same batches has: those of records, and those of statistics.
fn of_file(batches: &[Arc<Batch>], form: &str) -> (Vec<String>, Vec<String>) {
    written::of_file(batches, form)
        .into_iter()
        .partition(|line| {
            let read: Value = serde_json::from_str(line).expect("JSON");
            read.get("client").is_some()
        })
}

#[test]
fn each_record_is_a_message() {
    for (form, parameters) in [
        ("keys", "statistics=stats"),
        ("ecs", "form=ecs&compression=lz4"),
        ("keys", "compression=none"),
    ] {
        let cluster = Cluster::start();
        let mut sink = cluster.sink(parameters);
        assert_eq!(sink.open().expect("the topics are there"), None);
        let batches = [of_vectors(1), of_responses(2, 500)];
        for batch in &batches {
            sink.write(batch).expect("the broker is there");
        }
        let messages = cluster.messages("dns");
        let (records, statistics) = of_file(&batches, form);
        assert_eq!(messages.len(), records.len(), "{form}: none is there twice");
        assert!(cluster.once("dns") == records, "{parameters}");
        if parameters.contains("statistics") {
            assert!(!statistics.is_empty());
            assert!(cluster.once("stats") == statistics);
        }
        let mut places = BTreeSet::new();
        for message in &messages {
            let read: Value = serde_json::from_str(&message.text).expect("JSON");
            let client = match form {
                "keys" => &read["client"],
                _ => &read["client"]["ip"],
            };
            assert_eq!(client.as_str(), Some(message.key.as_str()));
            places.insert((message.key.clone(), message.partition));
        }
        let clients: BTreeSet<_> = messages.iter().map(|message| &message.key).collect();
        assert_eq!(places.len(), clients.len(), "a client is in one partition");
        let partitions: BTreeSet<_> = messages.iter().map(|message| message.partition).collect();
        assert!(partitions.len() > 1);
    }
}

/// Any byte of a name comes back from what the topic has.
#[test]
fn any_byte_of_a_name_survives() {
    let cluster = Cluster::start();
    let mut sink = cluster.sink("");
    sink.open().expect("the topics are there");
    let sets: Vec<_> = (0..=255).map(|byte| (vec![b'x', byte, b'y'], 1)).collect();
    let batch = of_sets(1, &sets);
    sink.write(&batch).expect("the broker is there");
    let (records, _) = of_file(&[batch], "keys");
    assert_eq!(cluster.once("dns"), records);
    let mut bytes = Vec::new();
    for line in records {
        let read: Value = serde_json::from_str(&line).expect("JSON");
        let name = read["names"][0].as_str().expect("a name").to_owned();
        let inner = name
            .strip_prefix('x')
            .and_then(|rest| rest.strip_suffix("y.example"));
        let inner = inner.expect("what is around");
        bytes.push(match inner.strip_prefix('\\') {
            Some(digits) => digits.parse().expect("three digits"),
            None => inner.as_bytes()[0],
        });
    }
    assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
}

#[test]
fn what_is_too_long_is_left_out_and_counted() {
    let cluster = Cluster::start();
    let mut sink = cluster.sink("message=4K");
    sink.open().expect("the topics are there");
    let sets = [("a", 1), ("b", 255), ("c", 1), ("d", 255), ("e", 1)];
    let batch = of_sets(
        1,
        &sets.map(|(label, count)| (label.as_bytes().to_vec(), count)),
    );
    sink.write(&batch).expect("the broker is there");
    assert_eq!(sink.take_left_out(), 2);
    assert_eq!(sink.take_left_out(), 0);
    let (mut records, _) = of_file(&[batch], "keys");
    records.retain(|line| line.len() < 3500);
    assert_eq!(records.len(), 3);
    assert_eq!(cluster.once("dns"), records);
}

/// In the end, each datagram is in the topic, or is counted as lost; what is there twice has the
/// same batch and line.
#[test]
fn killed_it_writes_each_record_at_least_once_or_counts_it() {
    let cluster = Cluster::start();
    let folder = Folder::new();
    let to = cluster.url("dns", "timeout=5s");
    let mut disturb = || {
        cluster.brokers.broker_down(1).expect("there is one");
        cluster.brokers.broker_up(1).expect("there is one");
    };
    killed(&folder, &to, &mut disturb, || numbers(&cluster.once("dns")));
}

/// A broker that is away, and errors that pass, cost nothing; what is there twice says so.
#[test]
fn brokers_that_are_away_get_everything_later() {
    let cluster = Cluster::start();
    let mut sink = cluster.sink("timeout=2s");
    sink.open().expect("the topics are there");
    let batches = [1, 2, 3, 4].map(|number| of_responses(number, 100));
    write(&mut *sink, &batches[0]);
    cluster.brokers.broker_down(1).expect("there is one");
    let error = sink.write(&batches[1]).expect_err("nobody answers");
    assert!(matches!(error, SinkError::Away(_)), "{error}");
    let error = cluster
        .sink("timeout=1s")
        .open()
        .expect_err("nobody answers");
    assert!(matches!(error, SinkError::Away(_)), "{error}");
    assert_eq!(sink.stored(), Some(1));
    cluster.brokers.broker_up(1).expect("there is one");
    write(&mut *sink, &batches[1]);
    let passing = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 3];
    cluster
        .brokers
        .request_errors(RDKafkaApiKey::Produce, &passing);
    write(&mut *sink, &batches[2]);
    // A producer that is made anew, as after a restart, sends the batch again.
    let mut second = cluster.sink("");
    second.open().expect("the topics are there");
    write(&mut *second, &batches[2]);
    write(&mut *second, &batches[3]);
    let (records, _) = of_file(&batches, "keys");
    assert!(cluster.once("dns") == records);
    assert!(cluster.messages("dns").len() >= records.len() + 100);
}

#[test]
fn what_does_not_fit_is_told_with_what_mends_it() {
    let cluster = Cluster::start();
    let at = cluster.brokers.bootstrap_servers();
    let open = |url: &str| url.parse::<Destination>().expect("a URL").sink(7).open();
    let error = open(&cluster.url("none", "")).expect_err("there is no such topic");
    let text = error.to_string();
    assert!(matches!(error, SinkError::Unfit(_)), "{text}");
    let wanted = format!("kafka-topics.sh --bootstrap-server {at} --create --topic none");
    assert!(text.contains(&wanted), "{text}");
    assert!(text.contains("kafka-acls.sh"), "{text}");
    let error = open(&cluster.url("dns", "statistics=none")).expect_err("there is no such topic");
    assert!(error.to_string().contains(&wanted), "{error}");
    let mut sink = cluster.sink("");
    sink.open().expect("the topics are there");
    for (code, wanted) in [
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            "--operation Describe --operation Write --topic dns",
        ),
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            "raise max.message.bytes",
        ),
    ] {
        cluster
            .brokers
            .request_errors(RDKafkaApiKey::Produce, &[code; 4]);
        let error = sink.write(&of_responses(1, 1)).expect_err("it is refused");
        assert!(matches!(error, SinkError::Unfit(_)), "{error}");
        assert!(error.to_string().contains(wanted), "{error}");
        cluster.brokers.clear_request_errors(RDKafkaApiKey::Produce);
        write(&mut *sink, &of_responses(1, 1));
    }
    let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let error = open(&format!(
        "kafka://me:secret-word@127.0.0.1:{port}?timeout=2s"
    ));
    let error = error.expect_err("nobody listens");
    assert!(matches!(error, SinkError::Away(_)), "{error}");
    assert!(!error.to_string().contains("secret-word"), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[cfg(feature = "tls")]
#[test]
fn a_broker_without_tls_is_told() {
    let cluster = Cluster::start();
    let url = format!(
        "kafka+tls://{}/dns?timeout=5s",
        cluster.brokers.bootstrap_servers()
    );
    let error = url.parse::<Destination>().expect("a URL").sink(7).open();
    let text = error.expect_err("it has no TLS").to_string();
    assert!(text.contains("SSL handshake failed"), "{text}");
}

#[cfg(not(feature = "tls"))]
#[test]
fn a_build_without_tls_says_so() {
    for url in ["kafka+tls://h", "kafka://h?sasl=scram-sha-256"] {
        let error = url
            .parse::<Destination>()
            .expect_err("there is none")
            .to_string();
        assert!(
            error.contains("build it with the features kafka and tls"),
            "{error}"
        );
    }
}
