//! Servers that end, stop or are full, and batches that come again.

use std::thread;

use dnsflow_collect::sink::SinkError;
use dnsflow_testkit::patience::until;
use serde_json::{Value, json};

use crate::server::{Server, is_there};
use crate::{of_file, of_responses, of_sets, sink, write};

/// A batch that comes again is known by the identity of its messages.
#[test]
fn a_batch_that_comes_again_is_stored_once() {
    if !is_there("a_batch_that_comes_again_is_stored_once") {
        return;
    }
    let server = Server::start();
    for _ in 0..3 {
        let mut sink = sink(&server, "", "message=4K");
        sink.open().expect("the stream fits");
        write(&mut *sink, &of_responses(1, 500));
        // The same connection sends it as if it were not there, and the stream knows it.
        write(&mut *sink, &of_responses(2, 500));
        write(&mut *sink, &of_responses(2, 500));
    }
    let expected = of_file(&[of_responses(1, 500), of_responses(2, 500)], "keys");
    assert!(server.lines() == expected);
}

/// Where the stream has forgotten, the last message of the subject tells how much is there.
#[test]
fn what_the_stream_has_forgotten_is_stored_once() {
    if !is_there("what_the_stream_has_forgotten_is_stored_once") {
        return;
    }
    let batches = [of_responses(1, 500), of_responses(2, 500)];
    let whole = Server::start();
    let mut first = sink(&whole, "", "message=16K");
    first.open().expect("the stream fits");
    for batch in &batches {
        write(&mut *first, batch);
    }
    // All but the last three messages, in a stream that forgets soon.
    let server = Server::with(crate::server::JETSTREAM, "");
    server.stream("S", json!({ "duplicate_window": 100_000_000 }));
    let messages = whole.messages();
    let part = &messages[..messages.len() - 3];
    let identity = |headers: &str| {
        let line = headers.lines().find(|line| line.starts_with("Nats-Msg-Id"));
        line.expect("an identity").to_owned()
    };
    for message in part {
        let answer = server.try_ask(&message.subject, &identity(&message.headers), &message.text);
        assert_eq!(answer.expect("an answer")["error"], Value::Null);
    }
    // A message of the same identity that is taken again says that the window has passed.
    until("the window to pass", || {
        let answer = server.try_ask("dnsflow.other.x", &identity(&part[0].headers), "x")?;
        (answer["duplicate"] != true).then_some(())
    });
    let mut second = sink(&server, "", "message=16K");
    second.open().expect("the stream fits");
    for batch in &batches {
        write(&mut *second, batch);
    }
    let mut lines = server.lines();
    lines.retain(|line| line != "x");
    assert!(lines == of_file(&batches, "keys"));
}

#[test]
fn a_server_that_is_away_gets_everything_later() {
    if !is_there("a_server_that_is_away_gets_everything_later") {
        return;
    }
    let mut server = Server::start();
    let mut sink = sink(&server, "", "timeout=1s");
    sink.open().expect("the stream fits");
    let batches = [1, 2, 3].map(|number| of_responses(number, 500));
    let away = |result: Result<(), SinkError>| match result {
        Err(SinkError::Away(text)) => text,
        other => panic!("{other:?}"),
    };
    write(&mut *sink, &batches[0]);
    server.signal("STOP");
    let text = away(sink.write(&batches[1]));
    assert!(text.contains("no answer within 1 s"), "{text}");
    server.signal("CONT");
    write(&mut *sink, &batches[1]);
    server.kill();
    away(sink.write(&batches[2]));
    away(crate::sink(&server, "", "").open().map(drop));
    // What has become due shows that it is away, without a batch.
    away(sink.advance(std::time::Instant::now()));
    server.start_again();
    write(&mut *sink, &batches[2]);
    assert!(server.lines() == of_file(&batches, "keys"));
}

/// What was acknowledged is there after the server was killed, and nothing twice.
#[test]
fn nothing_is_lost_or_doubled_when_the_server_is_killed() {
    const BATCHES: u64 = 60;
    if !is_there("nothing_is_lost_or_doubled_when_the_server_is_killed") {
        return;
    }
    let mut server = Server::start();
    let mut sink = sink(&server, "", "message=4K");
    sink.open().expect("the stream fits");
    let writer = thread::spawn(move || {
        for number in 1..=BATCHES {
            write(&mut *sink, &of_responses(number, 1000));
        }
    });
    let mut before = 0;
    for _ in 0..4 {
        until("messages to be stored", || {
            (server.count() > before + 500).then_some(())
        });
        server.kill();
        server.start_again();
        before = server.count();
    }
    writer.join().expect("all batches are stored");
    let batches: Vec<_> = (1..=BATCHES)
        .map(|number| of_responses(number, 1000))
        .collect();
    assert!(server.lines() == of_file(&batches, "keys"));
}

/// A stream without room is said, and gets everything once there is room.
#[test]
fn a_full_stream_is_said_and_waited_for() {
    if !is_there("a_full_stream_is_said_and_waited_for") {
        return;
    }
    let server = Server::start();
    server.set_stream("UPDATE", "S", json!({ "max_msgs": 10 }));
    let mut sink = sink(&server, "", "message=4K");
    sink.open().expect("the stream fits");
    let batch = of_responses(1, 200);
    let error = sink
        .write(&batch)
        .expect_err("there is no room")
        .to_string();
    assert!(
        error.contains("the stream has no room: consume or purge it"),
        "{error}"
    );
    assert_eq!(sink.stored(), None);
    assert_eq!(server.count(), 10);
    server.set_stream("UPDATE", "S", json!({}));
    write(&mut *sink, &batch);
    assert!(server.lines() == of_file(&[batch], "keys"));
}

/// Where the stream refuses a message and has room for a smaller one behind it, neither is taken
/// for stored.
#[test]
fn what_was_refused_has_nothing_behind_it() {
    if !is_there("what_was_refused_has_nothing_behind_it") {
        return;
    }
    let server = Server::start();
    server.set_stream("UPDATE", "S", json!({ "max_bytes": 34_000 }));
    let mut first = sink(&server, "", "message=16K");
    first.open().expect("the stream fits");
    // Messages of three lines, of some 14 KB, and a last one of one line.
    let sets: Vec<_> = (0..10).map(|number| (vec![b'a' + number], 255)).collect();
    let batch = of_sets(1, &sets);
    let error = first
        .write(&batch)
        .expect_err("there is no room")
        .to_string();
    assert!(error.contains("the stream has no room"), "{error}");
    let sizes: Vec<_> = server
        .messages()
        .iter()
        .map(|message| message.text.len())
        .collect();
    assert_eq!(sizes.len(), 2, "{sizes:?}");
    server.set_stream("UPDATE", "S", json!({}));
    let mut second = sink(&server, "", "message=16K");
    second.open().expect("the stream fits");
    write(&mut *second, &batch);
    assert!(server.lines() == of_file(&[batch], "keys"));
}
