//! Messages and datagrams.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dnsflow_wire::dns::{Answers, Dialect, Extent, MAX_NAME_BYTES, MessageReject, Scratch};
use dnsflow_wire::encode::{Draft, MAX_TRANSCRIPT_BYTES};
use dnsflow_wire::response::{Endpoints, Response};
use dnsflow_wire::text::{write_record, write_record_and_fields, write_response, write_set};
use dnsflow_wire::v4::{
    Builder, Content, Datagram, HEADER_BYTES, MIN_SET_ROOM_BYTES, Set, Stats, Transcriber, Version,
    parts,
};
use dnsflow_wire::v5;

use crate::input::Input;
use crate::message;
use crate::opinion;
use crate::text::{assert_line, assert_printable};
use crate::version5;

/// Reads and writes messages, or reads a datagram.
///
/// ```text
/// kind 1 | 0: message as it stands | 1: room 2 | message 2 + n | message, built | 2: datagram
/// ```
///
/// # Panics
/// If what is read or written is not as it has to be.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut transcriber = Transcriber::default();
    match input.byte() {
        0..=0x5f => {
            let message = input.rest();
            check_message(&mut transcriber, message, MIN_SET_ROOM_BYTES);
            version5::check(&[], message, &endpoints(message).into());
        }
        0x60..=0xbf => {
            let room = usize::from(input.half() & 0xfff);
            // One before, which must not show in the next one.
            let before = input.counted();
            let message = message::message(&mut input);
            check_message(&mut transcriber, before, room);
            check_message(&mut transcriber, &message, room);
            version5::check(before, &message, &endpoints(&message).into());
            check_cut(&message, input.half().into());
        }
        _ => {
            check_datagram(input.rest());
            check_version_5(input.rest());
        }
    }
}

fn endpoints(message: &[u8]) -> Endpoints {
    if message.len().is_multiple_of(2) {
        Endpoints::V4 {
            client: [198, 51, 100, 7],
            resolver: [192, 0, 2, 53],
        }
    } else {
        Endpoints::V6 {
            client: [0x20; 16],
            resolver: [0xfe; 16],
        }
    }
}

/// Both ways through a message give the same set, and `domain` finds in it what they find.
fn check_message(transcriber: &mut Transcriber, message: &[u8], room: usize) {
    let endpoints = endpoints(message);
    let mut draft: Draft = [0xee; size_of::<Draft>()];
    let transcript = transcriber.set(message, &endpoints, &mut draft);
    let mut scratch = Scratch::default();
    let read = parse(message, Extent::Whole, &mut scratch);
    opinion::compare(message, read.as_ref().map_err(|reason| *reason));
    match (transcript, &read) {
        (None, _) => {}
        (Some(Err(one)), Err(other)) => assert_eq!(one, *other),
        (Some(Ok(size)), Ok(answers)) => {
            assert!(size <= MAX_TRANSCRIPT_BYTES);
            let response = Response {
                envelope: endpoints.into(),
                answers: *answers,
            };
            let sets = sets(&response, MIN_SET_ROOM_BYTES);
            assert_eq!(sets, [&draft[..size]]);
        }
        (Some(one), other) => panic!("{one:?} and {other:?}"),
    }
    if let Ok(answers) = read {
        check_parts(
            &Response {
                envelope: endpoints.into(),
                answers,
            },
            room,
        );
    }
    let mut scratch = Scratch::default();
    if let Ok(answers) = Answers::parse(message, Dialect::Multicast, Extent::Whole, &mut scratch) {
        check_parts(
            &Response {
                envelope: endpoints.into(),
                answers,
            },
            room,
        );
    }
}

fn sets(response: &Response<'_>, room: usize) -> Vec<Vec<u8>> {
    let written = parts(response, room).map(|part| {
        let mut set = vec![0xee; part.size()];
        part.write(&mut set);
        set
    });
    written.collect()
}

/// The sets of a response say what it says, each once, and fit where they have to.
fn check_parts(response: &Response<'_>, room: usize) {
    let room = room.max(MIN_SET_ROOM_BYTES);
    let sets = sets(response, room);
    assert!(!sets.is_empty());
    let names = |names: &mut dyn Iterator<Item = Vec<Vec<u8>>>| names.collect::<Vec<_>>();
    let mut aliases = Vec::new();
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    let all = names(&mut response.answers.names().map(owned));
    for bytes in &sets {
        assert!(bytes.len() <= room && bytes.len().is_multiple_of(4));
        let (set, length) = Set::parse(Version::V4, bytes).expect("what was written can be read");
        assert_eq!(length, bytes.len());
        assert_eq!(set.client(), response.envelope.endpoints.client());
        assert_eq!(set.resolver(), Some(response.envelope.endpoints.resolver()));
        let mut named = names(&mut set.names().map(owned));
        assert_eq!(
            named.first(),
            all.first(),
            "the name asked for is in all sets"
        );
        aliases.extend(named.drain(1..));
        ipv4.extend(set.ipv4());
        ipv6.extend(set.ipv6());
    }
    assert_eq!(aliases, all[1..]);
    let of_answers = response.answers.ipv4().iter();
    assert!(of_answers.map(|octets| Ipv4Addr::from(*octets)).eq(ipv4));
    let of_answers = response.answers.ipv6().iter();
    assert!(of_answers.map(|octets| Ipv6Addr::from(*octets)).eq(ipv6));
    check_lines(response, &sets);
    check_built(response, &sets, room);
}

fn owned(name: dnsflow_wire::dns::Name<'_>) -> Vec<Vec<u8>> {
    name.labels().map(<[u8]>::to_vec).collect()
}

/// The line of a response is the line of its set.
fn check_lines(response: &Response<'_>, sets: &[Vec<u8>]) {
    let time = Duration::from_secs(86_399);
    let mut of_response = String::new();
    let _ = write_response(&mut of_response, None, time, response);
    assert_line(&of_response);
    if let [only] = sets {
        let (set, _) = Set::parse(Version::V4, only).expect("read before");
        let mut of_set = String::new();
        let _ = write_set(&mut of_set, None, time, &set);
        // A response whose names are not all kept says so.
        let is_same = of_response == of_set || of_response.replacen(",...|", "|", 1) == of_set;
        assert!(is_same, "{of_response} and {of_set}");
    }
}

/// A datagram of the sets is read as those sets.
fn check_built(response: &Response<'_>, sets: &[Vec<u8>], room: usize) {
    let mut memory = vec![0xee; HEADER_BYTES + room];
    let mut builder = Builder::default();
    for (part, set) in parts(response, room).zip(sets) {
        assert!(
            builder.push(&part, &mut memory),
            "a set has the room asked for"
        );
        let length = builder.finish(7, &mut memory);
        assert_eq!(memory[HEADER_BYTES..length], set[..]);
        let datagram = Datagram::parse(&memory[..length]).expect("a header was written");
        assert_eq!((datagram.sequence(), datagram.sets_count()), (7, 1));
        match datagram.content() {
            Ok(Content::Sets(sets)) => assert!(sets.into_iter().all(|set| set.is_ok())),
            other => panic!("{other:?}"),
        }
    }
}

fn parse<'a>(
    message: &'a [u8],
    extent: Extent,
    scratch: &'a mut Scratch,
) -> Result<Answers<'a>, MessageReject> {
    Answers::parse(message, Dialect::Unicast, extent, scratch)
}

/// What a message says that was cut is the start of what it says.
fn check_cut(message: &[u8], at: usize) {
    let mut whole = Scratch::default();
    let Ok(whole) = parse(message, Extent::Whole, &mut whole) else {
        return;
    };
    let mut again = Scratch::default();
    let again = parse(message, Extent::Cut, &mut again).expect("nothing is missing");
    assert_eq!((again.ipv4(), again.ipv6()), (whole.ipv4(), whole.ipv6()));
    let mut cut = Scratch::default();
    match parse(&message[..at.min(message.len())], Extent::Cut, &mut cut) {
        Ok(cut) => {
            assert!(whole.ipv4().starts_with(cut.ipv4()) && whole.ipv6().starts_with(cut.ipv6()));
            let names = whole.names().map(owned).take(cut.names().len());
            assert!(cut.names().map(owned).eq(names));
        }
        Err(
            MessageReject::HeaderShort
            | MessageReject::QuestionDamaged
            | MessageReject::NoAddress
            // A name that ends in what is missing, by way of a pointer.
            | MessageReject::AnswerDamaged
            // The names that are there may have 4 times the bytes that are there.
            | MessageReject::NameBytes,
        ) => {}
        Err(other) => panic!("{other:?}, by a cut"),
    }
}

/// Datagrams of any version, and what follows from one that can be read.
fn check_datagram(bytes: &[u8]) {
    let Ok(datagram) = Datagram::parse(bytes) else {
        return;
    };
    let sensor = Some(IpAddr::from([192, 0, 2, 1]));
    match datagram.content() {
        Err(error) => assert_printable(&error.to_string()),
        Ok(Content::Stats(stats)) => {
            let again = stats.datagram(datagram.sequence());
            let again = Datagram::parse(&again).expect("what was written can be read");
            assert!(again.is_stats());
            match again.content() {
                Ok(Content::Stats(read)) => {
                    let sample_rate = Some(stats.sample_rate.unwrap_or(0));
                    assert_eq!(
                        read,
                        Stats {
                            sample_rate,
                            ..stats
                        }
                    );
                }
                other => panic!("{other:?}"),
            }
        }
        Ok(Content::Sets(sets)) => {
            let mut count = 0;
            let mut error = None;
            for set in sets {
                assert!(error.is_none(), "nothing follows an error");
                match set {
                    Ok(set) => {
                        count += 1;
                        assert!(set.names().len() > 0);
                        assert_eq!(set.names().count(), set.names().len());
                        let mut line = String::new();
                        let _ = write_set(&mut line, sensor, Duration::ZERO, &set);
                        assert_line(&line);
                    }
                    Err(found) => error = Some(found),
                }
            }
            assert!(count <= usize::from(datagram.sets_count()));
            if let Some(error) = error {
                assert_printable(&error.to_string());
            } else {
                assert_eq!(count, usize::from(datagram.sets_count()));
            }
        }
    }
}

/// Datagrams of version 5: what is read is what its accessors give, and its lines are as they have to be.
fn check_version_5(bytes: &[u8]) {
    let Ok(datagram) = v5::Datagram::parse(bytes) else {
        return;
    };
    let mut error = None;
    match datagram.content() {
        v5::Content::Stats(counters) => {
            for counter in counters {
                assert!(error.is_none(), "nothing follows an error");
                match counter {
                    Ok(counter) => assert_printable(counter.name),
                    Err(found) => error = Some(found),
                }
            }
        }
        v5::Content::Records(records) => {
            for record in records {
                assert!(error.is_none(), "nothing follows an error");
                match record {
                    Ok(record) => check_record(&record),
                    Err(found) => error = Some(found),
                }
            }
        }
    }
    if let Some(error) = error {
        assert_printable(&error.to_string());
    }
}

fn check_record(record: &v5::Record<'_>) {
    let mut memory = [0; MAX_NAME_BYTES];
    for name in record.names() {
        let labels = name.labels().map(|label| label.len() + 1).sum::<usize>();
        assert_eq!(labels + 1, name.wire_len());
        assert_eq!(name.to_wire(&mut memory).len(), name.wire_len());
    }
    let addresses = record.ipv4().count() + record.ipv6().count();
    assert!(addresses + record.names().count() - 1 <= record.answers().count());
    let mut line = String::new();
    let _ = write_record(&mut line, None, record);
    assert_line(&line);
    line.clear();
    let _ = write_record_and_fields(&mut line, None, record);
    assert_printable(line.strip_suffix('\n').expect("a line ends"));
}
