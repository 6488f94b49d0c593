//! The sink of IPFIX: what it is given is what collectors read.

mod dump;
mod expected;
mod traffic;

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dnsflow_collect::batch::Batch;
use dnsflow_collect::sink::ipfix::{CONFIRMED, Ipfix, Options};
use dnsflow_collect::sink::{Sink, SinkError};
use dnsflow_testkit::capture::pcap;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::packets::{Ends, ethernet};
use dnsflow_testkit::patience::{PATIENCE, until};
use dnsflow_testkit::{requirements, tshark};
use dump::Dumped;
use expected::Expected;

/// Bytes of two names that a message over UDP has room for, whatever else is in it.
const UDP_ROOM: usize = 1100;

fn sink(text: &str) -> Ipfix {
    Ipfix::new(Options::parse(text).expect("it is right"))
}

fn write(sink: &mut Ipfix, batches: &[Arc<Batch>]) {
    for batch in batches {
        sink.write(batch).expect("there is a collector");
    }
}

/// Batches of everything that there is.
fn batches() -> Vec<Arc<Batch>> {
    vec![traffic::both(1, &traffic::varied()), traffic::vectors(2)]
}

/// What is sent over UDP, a message each.
fn over_udp(batches: &[Arc<Batch>]) -> Vec<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let port = socket.local_addr().expect("it is bound").port();
    let mut sink = sink(&format!("udp://127.0.0.1:{port}"));
    assert_eq!(sink.open().expect("it is there"), None);
    write(&mut sink, batches);
    assert_eq!(sink.stored(), batches.last().map(|batch| batch.id().number));
    received(&socket)
}

/// What a socket has received.
fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
    socket.set_nonblocking(true).expect("it can be");
    let mut memory = [0; 65_536];
    let mut messages = Vec::new();
    while let Ok(length) = socket.recv(&mut memory) {
        assert!(length <= 1400, "{length}");
        messages.push(memory[..length].to_vec());
    }
    messages
}

/// What records say, sorted, for both sides of a comparison: time in seconds and domain too.
fn lines(all: impl Iterator<Item = (String, String, BTreeMap<String, String>)>) -> Vec<String> {
    let mut lines: Vec<String> = all
        .map(|(domain, seconds, fields)| format!("{domain}|{seconds}|{fields:?}"))
        .collect();
    lines.sort();
    lines
}

fn expected_lines(all: &[Expected]) -> Vec<String> {
    lines(all.iter().map(|one| {
        let fields = one
            .flow
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        let seconds = one.micros / 1_000_000 % 60;
        (
            one.domain.clone(),
            format!("{seconds:02}"),
            fields.collect(),
        )
    }))
}

/// ipfixDump 2.4.1 writes 0 for the microseconds of any time; tshark is asked for these.
fn dumped_lines(all: Vec<Dumped>) -> Vec<String> {
    lines(all.into_iter().map(|mut one| {
        let times = ["flowStart", "flowEnd"].map(|start| {
            let of = |fields: &mut BTreeMap<String, String>, unit| {
                let time = fields
                    .remove(&format!("{start}{unit}"))
                    .expect("each has both");
                time.split(['.', ' '])
                    .nth(1)
                    .expect("a time of day")
                    .to_owned()
            };
            let micros = of(&mut one.fields, "Microseconds");
            assert_eq!(micros, of(&mut one.fields, "Milliseconds"));
            micros
        });
        assert_eq!(times[0], times[1]);
        let seconds = times[0].rsplit(':').next().expect("seconds").to_owned();
        (one.domain, seconds, one.fields)
    }))
}

fn assert_dumped(messages: &[u8], batches: &[Arc<Batch>], room: usize) {
    let found = dumped_lines(dump::dump(messages));
    let expected = expected_lines(&expected::flows(batches, room));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn ipfix_dump_reads_each_field() {
    if !requirements::programs("ipfix_dump_reads_each_field", &[dump::PROGRAM]) {
        return;
    }
    let batches = batches();
    let messages = over_udp(&batches).concat();
    assert_dumped(&messages, &batches, UDP_ROOM);
    // What is said above is not the sink's own word for it.
    let dumped = dump::dump(&messages);
    let codes: Vec<_> = dumped
        .iter()
        .filter_map(|one| one.fields.get("dnsNXDomain"))
        .collect();
    assert!(codes.iter().any(|code| *code == "255") && codes.iter().any(|code| *code == "3"));
    let first = &dumped[0];
    assert_eq!(first.domain, "edge-1 3");
    for (name, value) in [
        ("sourceIPv4Address", "192.0.2.53"),
        ("destinationIPv4Address", "10.0.0.0"),
        ("dnsQName", "www.example.org"),
        ("dnsCName", "Edge-7.example.com"),
        ("rrIPv4", "203.0.113.80"),
        ("dnsTTL", "300"),
        ("interfaceName", "eth\\1240"),
    ] {
        assert_eq!(first.fields[name], value, "{name}");
    }
}

#[test]
fn tshark_reads_times_and_finds_nothing_wrong() {
    if !requirements::programs("tshark_reads_times_and_finds_nothing_wrong", &["tshark"]) {
        return;
    }
    let batches = batches();
    let ends = Ends::of("192.0.2.1", "192.0.2.2");
    let messages = over_udp(&batches);
    let packets = messages
        .iter()
        .map(|message| ethernet(&[], &ends.udp(40_000, 4739, message)));
    let folder = Folder::new();
    let capture = folder.file("messages.pcap", &pcap(packets));
    assert_eq!(tshark::tshark(&capture, &["-q", "-z", "expert"]).trim(), "");
    let text = tshark::tshark(&capture, &["-O", "cflow"]);
    assert!(!text.contains("Malformed"), "{text}");
    for (name, is_end) in [("StartTime: ", false), ("EndTime: ", true)] {
        let mut found: Vec<String> = text
            .lines()
            .filter_map(|line| line.split_once(name)?.1.strip_suffix(" UTC"))
            .map(|time| time.get(..time.len() - 3).expect("nanoseconds").to_owned())
            .collect();
        // Both forms of a time are shown, the one of milliseconds without the rest.
        let mut expected: Vec<String> = expected::flows(&batches, UDP_ROOM)
            .iter()
            .flat_map(|one| [one.micros, one.micros / 1000 * 1000])
            .map(|micros| {
                let seconds = micros / 1_000_000 - u128::from(traffic::START / 1_000_000 - 20);
                format!("Nov 14, 2023 22:13:{seconds:02}.{:06}", micros % 1_000_000)
            })
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{is_end}");
    }
}

#[test]
fn a_collector_that_does_not_listen_gets_the_batch_again() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let address = socket.local_addr().expect("it is bound");
    drop(socket);
    let mut sink = sink(&format!("udp://{address}"));
    sink.open().expect("nobody knows yet");
    let batch = traffic::both(1, &traffic::varied());
    let refused = until("the refusal", || sink.write(&batch).err());
    assert!(
        matches!(&refused, SinkError::Away(text) if text.contains("refused")),
        "{refused}"
    );
    let socket = UdpSocket::bind(address).expect("the port is free again");
    write(&mut sink, std::slice::from_ref(&batch));
    assert_eq!(sink.stored(), Some(1));
    let messages = received(&socket).concat();
    if requirements::programs(
        "a_collector_that_does_not_listen_gets_the_batch_again",
        &["ipfixDump"],
    ) {
        assert_dumped(&messages, &[batch], UDP_ROOM);
    }
}

/// Accepts a connection and gives all that comes over it.
fn accept(listener: &TcpListener) -> thread::JoinHandle<Vec<u8>> {
    let listener = listener.try_clone().expect("it can be shared");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it is not 0");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it ends");
        bytes
    })
}

#[test]
fn what_a_connection_may_have_lost_comes_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let mut sink = sink(&format!("tcp://{address}"));
    let batches: Vec<_> = [batches(), vec![traffic::many(3, 2000)]].concat();

    // Whoever takes a connection and leaves without a look has stored nothing.
    sink.open().expect("it listens");
    let (first, _) = listener.accept().expect("it has connected");
    sink.write(&batches[0]).expect("it is connected");
    assert_eq!(sink.stored(), None);
    drop(first);
    let lost = until("the break", || sink.write(&batches[1]).err());
    assert!(matches!(&lost, SinkError::Again(_)), "{lost}");
    assert_eq!((sink.stored(), sink.due()), (None, None));

    // What was written a while ago is stored, if the connection is whole.
    let reader = accept(&listener);
    write(&mut sink, &batches);
    assert_eq!(sink.stored(), None);
    let due = sink.due().expect("it waits");
    sink.advance(due - Duration::from_millis(1))
        .expect("nothing is due");
    assert_eq!(sink.stored(), None);
    sink.advance(Instant::now() + CONFIRMED)
        .expect("it is whole");
    assert_eq!((sink.stored(), sink.due()), (Some(3), None));
    sink.finish().expect("it reads to the end");
    let bytes = reader.join().expect("it has read");
    if requirements::programs(
        "what_a_connection_may_have_lost_comes_again",
        &[dump::PROGRAM],
    ) {
        assert_dumped(&bytes, &batches, usize::MAX);
    }

    // Whoever has read to the end has stored everything.
    let reader = accept(&listener);
    sink.write(&batches[0]).expect("it listens");
    sink.finish().expect("it reads to the end");
    assert_eq!(sink.stored(), Some(1));
    assert!(!reader.join().expect("it has read").is_empty());

    drop(listener);
    let away = sink.write(&batches[0]).expect_err("nobody listens");
    assert!(
        matches!(&away, SinkError::Away(text) if text.contains("refused")),
        "{away}"
    );
}
