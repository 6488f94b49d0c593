use std::convert::Infallible;

use super::*;
use crate::batch::{Batch, BatchId, Builder};
use crate::sink::ipfix::record::LeftOut;

const LIMITS: Limits = Limits {
    message: MIN_MESSAGE_BYTES,
    templates: Some(Duration::from_secs(60)),
};

/// A datagram of version 0 about a name, which is text there, and some addresses.
fn datagram(name: &[u8], addresses: u8) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 0, 0, 0, 0, 1, 198, 51, 100, 7, 1, addresses];
    let length = u16::try_from(name.len() + 1).expect("it is short");
    bytes.extend(length.to_be_bytes());
    bytes.extend(name);
    bytes.push(0);
    for address in 0..addresses {
        bytes.extend([203, 0, 113, address]);
    }
    bytes
}

fn batch(sensors: impl Iterator<Item = String>, datagram: &[u8]) -> Batch {
    let mut builder = Builder::default();
    for (key, sensor) in (0..).zip(sensors) {
        let stream = || Stream {
            sensor,
            source: "192.0.2.1:5300".parse().expect("an address"),
            core: None,
            boot: 0,
        };
        builder.push(
            key,
            stream,
            Duration::from_secs(1_700_000_000),
            1,
            1,
            datagram,
        );
    }
    let id = BatchId {
        collector: 1,
        number: 1,
    };
    Batch::new(id, builder.take())
}

/// The messages of a batch.
fn messages(
    session: &mut Session,
    records: &mut Records,
    batch: &Batch,
    now: Instant,
) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut send = |message: &[u8]| -> Result<(), Infallible> {
        messages.push(message.to_vec());
        Ok(())
    };
    let added = batch.each_row(|row| session.add(row, records, now, &mut send));
    added
        .and_then(|()| session.flush(&mut send))
        .expect("nothing fails");
    messages
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The identifiers of the sets of a message, whose lengths have to be right.
fn sets(message: &[u8]) -> Vec<u16> {
    assert!(message.len() <= LIMITS.message);
    assert_eq!(word(message, 0), VERSION);
    assert_eq!(usize::from(word(message, 2)), message.len());
    let mut sets = Vec::new();
    let mut at = HEADER_BYTES;
    while at < message.len() {
        sets.push(word(message, at));
        at += usize::from(word(message, at + 2));
    }
    assert_eq!(at, message.len());
    sets
}

fn one(name: &str) -> impl Iterator<Item = String> {
    std::iter::once(name.to_owned())
}

#[test]
fn templates_are_told_again_once_they_are_a_minute_old() {
    let mut session = Session::new(LIMITS);
    let mut records = Records::default();
    let batch = batch(one("edge-1"), &datagram(b"zero.example", 1));
    let start = Instant::now();
    for (seconds, told) in [
        (0, true),
        (1, false),
        (59, false),
        (60, true),
        (61, false),
        (120, true),
    ] {
        let now = start + Duration::from_secs(seconds);
        let messages = messages(&mut session, &mut records, &batch, now);
        let ids: Vec<_> = messages.iter().map(|message| sets(message)).collect();
        let data = ids
            .last()
            .and_then(|ids| ids.last())
            .copied()
            .expect("data");
        assert!(data > 256);
        if told {
            assert_eq!(ids, [vec![3, 256], vec![2, data]], "{seconds}");
        } else {
            assert_eq!(ids, [vec![data]], "{seconds}");
        }
    }
    // Without an age they are told once.
    let mut session = Session::new(Limits {
        templates: None,
        ..LIMITS
    });
    assert_eq!(messages(&mut session, &mut records, &batch, start).len(), 2);
    let later = start + Duration::from_secs(1_000_000);
    let again = messages(&mut session, &mut records, &batch, later);
    assert_eq!(sets(&again[0]).len(), 1);
}

#[test]
fn messages_are_never_larger_than_they_may_be() {
    for length in (1..1100)
        .step_by(7)
        .chain(1000..=1006)
        .chain([4000, 60_000])
    {
        let mut session = Session::new(LIMITS);
        let mut records = Records::default();
        let batch = batch(one("edge-1"), &datagram(&vec![b'a'; length], 255));
        let messages = messages(&mut session, &mut records, &batch, Instant::now());
        let mut count = 0;
        for message in &messages {
            sets(message);
            let sequence = [word(message, 8), word(message, 10)];
            assert_eq!(sequence, [0, count]);
            // The first one is about the domain.
            let marks = message
                .windows(3)
                .filter(|part| part == b"\xcb\0\x71")
                .count();
            count += u16::try_from(marks).expect("few").max(1);
        }
        assert_eq!(count, 256, "{length}");
        let is_name = length <= 1003;
        assert_eq!(records.left_out, LeftOut(u64::from(!is_name)), "{length}");
    }
}

#[test]
fn there_are_only_so_many_domains() {
    let mut session = Session::new(LIMITS);
    let mut records = Records::default();
    let sensors = (0..MAX_DOMAINS + 100).map(|number| format!("made-up-{number}"));
    let batch = batch(sensors, &datagram(b"zero.example", 1));
    let messages = messages(&mut session, &mut records, &batch, Instant::now());
    assert_eq!(session.domains.len(), MAX_DOMAINS + 1);
    let of_none: Vec<_> = messages
        .iter()
        .filter(|message| message[12..16] == [0; 4])
        .collect();
    assert!(!of_none.is_empty());
    assert!(of_none.iter().all(|message| !sets(message).contains(&3)));
}

#[test]
fn a_domain_is_the_same_one_at_each_start() {
    let stream = |sensor: &str, core, boot| Stream {
        sensor: sensor.to_owned(),
        source: "192.0.2.1:5300".parse().expect("an address"),
        core,
        boot,
    };
    let id = domain_id(&stream("edge-1", Some(3), 1));
    assert_eq!(id, 0x5abb_b74d);
    assert_eq!(domain_id(&stream("edge-1", Some(3), 2)), id);
    assert_ne!(domain_id(&stream("edge-1", Some(4), 1)), id);
    assert_ne!(domain_id(&stream("edge-1", None, 1)), id);
    assert_eq!(domain_id(&stream("", None, 1)), 1);
}
