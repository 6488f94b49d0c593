//! The sink of NATS against Debian's server: what the stream has is what files of the same batches
//! have, once, whatever is killed in between; and what is wrong is told with what mends it.

#[path = "../clickhouse/batches.rs"]
mod batches;
mod broken;
#[cfg(feature = "tls")]
mod operator;
mod secured;
mod server;
mod sets;
mod unfit;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use dnsflow_collect::sink::{Destination, Sink};
use serde_json::Value;

use batches::{of_responses, of_vectors};
use server::{Server, is_there};
use sets::of_sets;
use written::{of_file, write};

/// A sink for the server that is not open yet.
fn sink(server: &Server, who: &str, parameters: &str) -> Box<dyn Sink> {
    let url = format!("nats://{who}127.0.0.1:{}/dnsflow?{parameters}", server.port);
    let to: Destination = url.parse().expect("the URL is right");
    to.sink(7)
}

/// Lines by their subject, each subject in its order.
fn by_subject(lines: impl Iterator<Item = (String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (subject, line) in lines {
        all.entry(subject).or_default().push(line);
    }
    all
}

#[test]
fn lines_are_those_of_files() {
    if !is_there("lines_are_those_of_files") {
        return;
    }
    for (form, message) in [
        ("keys", 4096),
        ("ecs", 4096),
        ("keys", 524_288),
        ("ecs", 65_536),
    ] {
        let server = Server::start();
        let mut sink = sink(&server, "", &format!("form={form}&message={message}"));
        assert_eq!(sink.open().expect("the stream fits"), None);
        let batches = [of_vectors(1), of_responses(2, 3000)];
        for batch in &batches {
            sink.write(batch).expect("the server is there");
        }
        let messages = server.messages();
        let lines = messages.iter().flat_map(|message| {
            message
                .text
                .lines()
                .map(|line| (message.subject.clone(), line.to_owned()))
        });
        let stored = by_subject(lines);
        let expected = by_subject(of_file(&batches, form).into_iter().map(|line| {
            let read: Value = serde_json::from_str(&line).expect("JSON");
            // Statistics have counters, and no client.
            let is_record = read.get("client").is_some();
            let kind = if is_record { "responses" } else { "statistics" };
            (format!("dnsflow.tap_0321.{kind}"), line)
        }));
        assert_eq!(expected.len(), if form == "keys" { 2 } else { 1 });
        assert!(stored == expected, "{form} {message}");
        let ids: BTreeSet<_> = messages.iter().map(|message| &message.headers).collect();
        assert_eq!(ids.len(), messages.len());
        for one in &messages {
            assert!(
                one.headers.contains("Nats-Msg-Id: 0000000000000007-"),
                "{}",
                one.headers
            );
            assert!(one.headers.len() + one.text.len() <= message);
            assert!(one.text.ends_with('\n'));
        }
        assert!(
            messages.len() > 3_000_000 / message / 4,
            "{} messages",
            messages.len()
        );
    }
}

/// Any byte of a name comes back from what the stream has.
#[test]
fn any_byte_of_a_name_survives() {
    if !is_there("any_byte_of_a_name_survives") {
        return;
    }
    let server = Server::start();
    let mut sink = sink(&server, "", "");
    sink.open().expect("the stream fits");
    let sets: Vec<_> = (0..=255).map(|byte| (vec![b'x', byte, b'y'], 1)).collect();
    sink.write(&of_sets(1, &sets)).expect("the server is there");
    let mut bytes = Vec::new();
    for line in server.lines() {
        let read: Value = serde_json::from_str(&line).expect("JSON");
        let name = read["names"][0].as_str().expect("a name").to_owned();
        let label = name.strip_suffix(".example").expect("its end");
        let inner = label
            .strip_prefix('x')
            .and_then(|rest| rest.strip_suffix('y'));
        let inner = inner.expect("what is around");
        bytes.push(match inner.strip_prefix('\\') {
            Some(digits) => digits.parse().expect("three digits"),
            None => inner.as_bytes()[0],
        });
    }
    assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
}

/// A record that no message has room for is left out and counted, and the rest is stored.
#[test]
fn what_is_too_long_is_left_out_and_counted() {
    if !is_there("what_is_too_long_is_left_out_and_counted") {
        return;
    }
    let server = Server::start();
    let mut sink = sink(&server, "", "message=4K");
    sink.open().expect("the stream fits");
    let sets = [("a", 1), ("b", 255), ("c", 1), ("d", 255), ("e", 1)];
    let batch = of_sets(
        1,
        &sets.map(|(label, count)| (label.as_bytes().to_vec(), count)),
    );
    sink.write(&batch).expect("the server is there");
    assert_eq!(sink.take_left_out(), 2);
    assert_eq!(sink.take_left_out(), 0);
    assert_eq!(sink.stored(), Some(1));
    let all = of_file(&[batch], "keys");
    assert_eq!(all.len(), 5);
    let kept: Vec<_> = all.into_iter().filter(|line| line.len() < 3840).collect();
    assert_eq!(server.lines(), kept);
}
