//! Each way in which a datagram is damaged, and the limits of what it refers to.

use super::*;
use crate::dns::NameError;

/// A header of 8 words.
fn header(count: u16) -> Vec<u8> {
    let mut bytes = [0; HEADER_BYTES];
    let header = Header {
        words: 8,
        count,
        ..Header::default()
    };
    header.write(&mut bytes);
    bytes.to_vec()
}

/// What a record has before its name, in a datagram of one record: up to offset 50.
const FRONT: &[u8] = b"\0\x18\0\xc6\x33\x64\x07\xc9\xba\0\x05\0\xc0\x00\x02\x35";

fn record(front: &[u8], rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(front.len() + rest.len()).unwrap();
    [&length.to_be_bytes(), front, rest].concat()
}

fn datagram(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = header(records.len().try_into().unwrap());
    bytes.extend(records.iter().flatten());
    bytes
}

fn records(bytes: &[u8]) -> Vec<Result<Record<'_>, DecodeError>> {
    match Datagram::parse(bytes).unwrap().content() {
        Content::Records(records) => records.collect(),
        Content::Stats(_) => panic!("statistics"),
    }
}

/// The error of the only record, which has this behind [`FRONT`].
fn error(rest: &[u8]) -> DecodeError {
    let bytes = datagram(&[record(FRONT, rest)]);
    let found = records(&bytes);
    assert_eq!(found.len(), 1);
    *found[0].as_ref().unwrap_err()
}

#[test]
fn broken_headers() {
    let parse = |bytes: &[u8]| Datagram::parse(bytes).unwrap_err();
    assert_eq!(parse(&[]), DecodeError::ShortHeader { len: 0 });
    assert_eq!(parse(&[5; 31]), DecodeError::ShortHeader { len: 31 });
    assert_eq!(parse(&[6; 31]), DecodeError::Version(6));
    for words in [0, 7, 9] {
        let mut bytes = header(0);
        bytes[1] = words;
        let len = bytes.len();
        assert_eq!(parse(&bytes), DecodeError::HeaderWords { words, len });
    }
}

#[test]
fn broken_header_parts() {
    let parse = |parts: &[u8]| {
        let mut bytes = header(0);
        bytes.extend(parts);
        bytes[1] = (bytes.len() / 4).try_into().unwrap();
        Datagram::parse(&bytes).map(|datagram| datagram.sampling())
    };
    let at = 32;
    let cut = |at| DecodeError::Cut {
        at,
        field: "header part",
    };
    let value = |field| DecodeError::Value { at, field };
    assert_eq!(parse(b"\x63\x02\xff\xff"), Ok(None));
    assert_eq!(parse(b"\x63\x03\xff\xff").unwrap_err(), cut(34));
    assert_eq!(parse(b"\x63\x01\xff\x63").unwrap_err(), cut(36));
    let sensor = "name of the sensor";
    assert_eq!(parse(b"\x01\x00\0\0").unwrap_err(), value(sensor));
    let long = [&[1, 64][..], &[b'a'; 64], &[0, 0]].concat();
    assert_eq!(parse(&long).unwrap_err(), value(sensor));
    assert_eq!(parse(b"\x02\x02\0\0").unwrap_err(), value("sampling rate"));
    // The first of two counts.
    let two = b"\x02\x04\0\0\0\x07\x02\x04\0\0\0\x08";
    assert_eq!(parse(two), Ok(Some(7)));
}

#[test]
fn broken_records() {
    let cases: &[(&[u8], DecodeError)] = &[
        (
            b"\x01a\0\x21\x3c\x01\x02\x03",
            DecodeError::Cut {
                at: 55,
                field: "addresses",
            },
        ),
        (
            b"\x01a\0\x42\x3c0123456789abcdef",
            DecodeError::Cut {
                at: 71,
                field: "addresses",
            },
        ),
        (
            b"\x01a\0\x42\x3c0123456789abcdef\x0e1",
            DecodeError::Cut {
                at: 72,
                field: "addresses",
            },
        ),
        (
            b"\x01a\0\x42\x3c0123456789abcdef\x10",
            DecodeError::Value {
                at: 71,
                field: "addresses",
            },
        ),
        (
            b"\x01a\0\x20",
            DecodeError::Group {
                at: 53,
                found: 0x20,
            },
        ),
        (
            b"\x01a\0\x01",
            DecodeError::Group {
                at: 53,
                found: 0x01,
            },
        ),
        (
            b"\x01a\0\x62",
            DecodeError::Group {
                at: 53,
                found: 0x62,
            },
        ),
        (
            b"\x01a\0\x21\xff\xff\xff\xff\x1f\x01\x02\x03\x04",
            DecodeError::Value {
                at: 54,
                field: "TTL",
            },
        ),
        (
            b"\x01a\0\x81\0\0\x10\0\x01\x02a",
            DecodeError::Cut {
                at: 60,
                field: "RDATA",
            },
        ),
        (
            b"\x01a\0\xc0\x02a",
            DecodeError::Cut {
                at: 55,
                field: "group of answers",
            },
        ),
        (
            b"\x01a\0\0\x01\x03\0\x01\0",
            DecodeError::Value {
                at: 54,
                field: "client subnet",
            },
        ),
        (
            b"\x01a\0\0\x01\x05\0\x01\0",
            DecodeError::Cut {
                at: 56,
                field: "part",
            },
        ),
    ];
    for (rest, want) in cases {
        assert_eq!(error(rest), *want, "{rest:x?}");
        assert!(!want.to_string().is_empty());
    }
    assert!(records(&datagram(&[record(FRONT, b"\x01a\0\0\x07\x02xx\0x")]))[0].is_ok());
}

/// Addresses and aliases of another class, and what only looks like them. An alias of another class is no
/// owner of what follows.
#[test]
fn addresses_and_aliases_of_another_class() {
    let rest = b"\x01a\0\
        \x81\x3c\0\x01\0\x03\x04\x01\x02\x03\x04\
        \x81\x3c\0\x01\0\x03\x05\x01\x02\x03\x04\x05\
        \x81\x3c\0\x1c\0\x03\x100123456789abcdef\
        \x81\x3c\0\x05\0\x03\x03\x01b\0\
        \x81\x3c\0\x05\0\x03\x04\x01b\0\0\
        \x81\x3c\0\x05\0\x03\x02\xc0\x03\
        \x21\x3c\x05\x06\x07\x08";
    let bytes = datagram(&[record(FRONT, rest)]);
    let found = records(&bytes).remove(0).unwrap();
    assert_eq!(
        found.ipv4().map(u32::from).collect::<Vec<_>>(),
        [0x0102_0304, 0x0506_0708]
    );
    assert_eq!(found.ipv6().count(), 1);
    let names: Vec<_> = found.names().map(|name| format!("{name:?}")).collect();
    assert_eq!(names, ["Name(a)", "Name(b)"]);
    for answer in found.answers() {
        assert_eq!(answer.owner, found.name);
    }
    let classes: Vec<_> = found.answers().map(|answer| answer.class).collect();
    assert_eq!(classes, [3, 3, 3, 3, 3, 3, 1]);
}

#[test]
fn what_an_origin_cannot_have() {
    let of = |origin: &[u8]| {
        let front = [&FRONT[..9], origin].concat();
        let bytes = datagram(&[record(&front, b"\x01a\0")]);
        let found = records(&bytes).remove(0);
        found.map(|record| record.origin.port)
    };
    let value = |at, field| Err(DecodeError::Value { at, field });
    assert_eq!(of(b"\0\x05\0\x01\x02\x03\x04"), Ok(53));
    assert_eq!(of(b"\0\x07\x02\x01\x02\x03\x04\0\x07"), Ok(7));
    let cut = Err(DecodeError::Cut {
        at: 50,
        field: "resolver's port",
    });
    assert_eq!(of(b"\0\x06\x02\x01\x02\x03\x04\0"), cut);
    assert_eq!(of(b"\0\x06\x04\x01\x02\x03\x04\0"), value(50, "interface"));
    assert_eq!(
        of(b"\0\x06\x04\x01\x02\x03\x04\x10"),
        value(50, "interface")
    );
    assert_eq!(of(b"\0\x07\x08\x01\x02\x03\x04\x10\0"), value(50, "VLAN"));
    assert_eq!(of(b"\x02"), Err(DecodeError::Origin { at: 43, number: 2 }));
}

#[test]
fn numbers_of_origins_end_at_255() {
    let mut all = Vec::new();
    for last in 0..=255 {
        let mut front = FRONT.to_vec();
        (front[9], front[15]) = (1, last);
        all.push(record(&front, b"\x01a\0"));
    }
    for number in [2, 255] {
        all.push(record(&[&FRONT[..9], &[number]].concat(), b"\x01a\0"));
    }
    let bytes = datagram(&all);
    let found: Vec<_> = records(&bytes)
        .into_iter()
        .map(|record| record.unwrap().origin.address)
        .collect();
    assert_eq!(found.len(), 258);
    assert_eq!(found[256..], [found[0], found[253]]);
}

#[test]
fn names_have_limits() {
    let name = |bytes: &[u8]| match error(bytes) {
        DecodeError::Name { at: 50, error } => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(b""), NameError::Short);
    assert_eq!(name(b"\x02a"), NameError::Short);
    assert_eq!(name(b"\x01a"), NameError::Short);
    assert_eq!(name(b"\xc0"), NameError::Short);
    assert_eq!(name(b"\x40"), NameError::LabelType);
    assert_eq!(name(b"\x80"), NameError::LabelType);
    // To itself, into the header, and before the datagram.
    assert_eq!(name(b"\xc0\x00"), NameError::Short);
    assert_eq!(name(b"\xc0\x13"), NameError::Short);
    assert_eq!(name(b"\xff\xff"), NameError::Short);
    // A label and a pointer to it.
    assert_eq!(name(b"\x01a\xc0\x02"), NameError::Long);
    let label = [&[63][..], &[b'x'; 63]].concat();
    let long = |last: u8| [label.repeat(3), vec![last; usize::from(last) + 1], vec![0]].concat();
    assert_eq!(name(&long(62)), NameError::Long);
    let bytes = datagram(&[record(FRONT, &long(61))]);
    let found = records(&bytes).remove(0).unwrap();
    assert_eq!(
        (found.name.wire_len(), found.name.labels().count()),
        (255, 4)
    );
}

#[test]
fn a_name_leads_through_127_pointers() {
    let chained = |pointers: usize| {
        // A name in an unknown group, then pointers one to the other.
        let mut rest = b"\x01a\0".to_vec();
        for at in 0..pointers {
            let distance = if at == 0 { 4 } else { 5 };
            rest.extend([0xd0, 0xc0, distance, 0]);
            if at > 0 {
                let end = rest.len();
                rest[end - 2] = 4;
            }
        }
        let bytes = datagram(&[record(FRONT, &rest)]);
        records(&bytes).remove(0).map(drop)
    };
    assert_eq!(chained(127), Ok(()));
    assert!(matches!(
        chained(128),
        Err(DecodeError::Name {
            error: NameError::Loop,
            ..
        })
    ));
}

#[test]
fn an_error_ends_a_datagram() {
    let good = record(FRONT, b"\x01a\0");
    let bytes = datagram(&[good.clone(), record(FRONT, b"\x40"), good.clone()]);
    let found = records(&bytes);
    assert_eq!(found.len(), 2);
    assert!(found[0].is_ok() && found[1].is_err());

    let mut bytes = datagram(&[good.clone(), good]);
    bytes[7] = 5;
    let found = records(&bytes);
    let at = bytes.len();
    assert_eq!(found.len(), 3);
    assert_eq!(
        *found[2].as_ref().unwrap_err(),
        DecodeError::Missing { at, count: 3 }
    );
}

#[test]
fn counters_have_names_in_lower_case() {
    let parse = |counter: &[u8]| {
        let mut bytes = header(1);
        bytes[3] = 1;
        bytes.extend(counter);
        match Datagram::parse(&bytes).unwrap().content() {
            Content::Stats(counters) => counters
                .map(|counter| counter.map(|counter| counter.value))
                .collect::<Result<Vec<_>, _>>(),
            Content::Records(_) => panic!("records"),
        }
    };
    assert_eq!(parse(b"\x02a_\x07"), Ok(vec![7]));
    for bad in [&b"\x02aB\x07"[..], b"\x00\x07", b"\x02a|\x07"] {
        let field = "name of a counter";
        assert_eq!(parse(bad), Err(DecodeError::Value { at: 32, field }));
    }
    let long = [&[64][..], &[b'a'; 64], &[1]].concat();
    assert!(parse(&long).is_err() && parse(b"\x02a_").is_err());
    let counter = |name| Counter { name, value: 1 };
    assert_eq!(counter("A").write(&mut [0; 9]), None);
    assert_eq!(counter("").write(&mut [0; 9]), None);
}

#[test]
fn times_saturate() {
    let mut front = FRONT.to_vec();
    front[2] = 1;
    let bytes = datagram(&[record(&front, b"\x01a\0")]);
    let found = records(&bytes).remove(0).unwrap();
    assert_eq!(found.time, core::time::Duration::ZERO);
}
