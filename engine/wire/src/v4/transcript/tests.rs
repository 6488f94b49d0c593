//! Which messages qualify for the fast path, and that both paths make the same set;
//! `tests/responses` tries many more messages.

use proptest::prelude::*;

use super::*;
use crate::dns::{Answers, Dialect, Extent, Scratch};
use crate::response::Response;
use crate::v4::{MIN_SET_ROOM_BYTES, parts};

/// A pointer to the name asked for.
const ASKED: &[u8] = b"\xc0\x0c";

const ENDPOINTS: Endpoints = Endpoints::V4 {
    client: [10, 0, 0, 2],
    resolver: [10, 0, 0, 1],
};

/// The answer to a question for `asked`: records of an owner, a type and RDATA.
fn message(asked: &[u8], records: &[(&[u8], u32, &[u8])]) -> Vec<u8> {
    let count = u16::try_from(records.len()).expect("few records");
    let mut out = b"\x12\x34\x81\x80\x00\x01".to_vec();
    out.extend(count.to_be_bytes());
    out.extend([0; 4]);
    out.extend(asked);
    out.extend([0, 1, 0, 1]);
    for (owner, kind, rdata) in records {
        out.extend(*owner);
        out.extend(&kind.to_be_bytes()[2..]);
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(rdata.len()).expect("short").to_be_bytes());
        out.extend(*rdata);
    }
    out
}

fn set(transcriber: &mut Transcriber, message: &[u8]) -> Option<Result<Vec<u8>, MessageReject>> {
    let mut draft = [0xee; size_of::<Draft>()];
    let found = transcriber.set(message, &ENDPOINTS, &mut draft)?;
    Some(found.map(|size| draft[..size].to_vec()))
}

/// The set without its header.
fn body(message: &[u8]) -> Option<Vec<u8>> {
    let set = set(&mut Transcriber::default(), message)?.ok()?;
    Some(set[SET_HEADER_BYTES..].to_vec())
}

#[test]
fn a_name_is_put_together_from_what_was_written() {
    // b.c, then x.b.c, then y.x.b.c by way of the pointer in the second.
    let alias = [
        (ASKED, CNAME, &b"\x01x\xc0\x0c"[..]),
        (b"\xc0\x21", CNAME, b"\x01y\xc0\x21"),
        (b"\xc0\x31", A, &[192, 0, 2, 1]),
    ];
    let message = message(b"\x01b\x01c\x00", &alias);
    let mut wanted =
        b"\x01b\x01c\x00\x01x\x01b\x01c\x00\x01y\x01x\x01b\x01c\x00\x00\x00\x00".to_vec();
    wanted.extend([192, 0, 2, 1]);
    assert_eq!(body(&message), Some(wanted));
}

#[test]
fn names_with_other_pointers_do_not_qualify() {
    let address = (ASKED, A, &[192, 0, 2, 1][..]);
    for target in [
        &b"\xc0\x21"[..], // itself
        b"\x01x\xc0\x21", // its own first label
        b"\xc0\x0d",      // the middle of a label
        b"\xc0\x0e",      // a root
        b"\xc0\x40",      // further on
        b"\x40",
        b"\x01",
    ] {
        let message = message(b"\x01b\x00", &[(ASKED, CNAME, target), address]);
        assert_eq!(body(&message), None, "{target:02x?}");
    }
    for owner in [
        &b"\xc0\x0d"[..],
        b"\xc0\x0e",
        b"\xc0\x0f",
        b"\xff\xff",
        b"\x01b\x00",
    ] {
        let message = message(b"\x01b\x00", &[(owner, A, &[192, 0, 2, 1])]);
        assert_eq!(body(&message), None, "{owner:02x?}");
    }
}

#[test]
fn larger_messages_and_sets_do_not_qualify() {
    let address = (ASKED, A, &[192, 0, 2, 1][..]);
    let fits = |count| body(&message(b"\x01b\x00", &vec![address; count])).is_some();
    assert!(fits(116) && !fits(117) && !fits(128) && !fits(1000));
    let alias = (ASKED, CNAME, &b"\x00"[..]);
    let aliases = |count| {
        let mut records = vec![alias; count];
        records.push((ASKED, A, &[192, 0, 2, 1]));
        // Each is the name of the record that follows, so the first owner is no longer the one
        // before.
        body(&message(b"\x01b\x00", &records)).is_some()
    };
    assert!(aliases(MAX_NAMES - 1) && !aliases(MAX_NAMES) && !aliases(1000));
    let mut long = message(b"\x01b\x00", &[address]);
    long.resize(POINTABLE, 0);
    assert!(body(&long).is_some());
    long.push(0);
    assert!(body(&long).is_none());
}

#[test]
fn labels_of_another_message_are_not_pointed_to() {
    let mut transcriber = Transcriber::default();
    let address = [192, 0, 2, 1];
    let long = message(b"\x01a\x01b\x00", &[(b"\xc0\x0e", A, &address)]);
    let short = message(b"\x03a\x01b\x00", &[(b"\xc0\x0e", A, &address)]);
    // The numbers of messages start over on the way.
    transcriber.marks.message = 0_u32.wrapping_sub(3 << 8);
    for _ in 0..6 {
        assert!(set(&mut transcriber, &long).is_some());
        assert_eq!(set(&mut transcriber, &short), None);
        assert_ne!(transcriber.marks.message, 0);
    }
}

#[test]
fn reasons() {
    let none = message(b"\x01b\x00", &[(ASKED, 16, b"text")]);
    let reject = |message: &[u8]| set(&mut Transcriber::default(), message).and_then(Result::err);
    assert_eq!(reject(&none), Some(MessageReject::NoAddress));
    let mut other = message(b"\x01b\x00", &[(ASKED, A, &[192, 0, 2, 1])]);
    other[16] = 15;
    assert_eq!(reject(&other), Some(MessageReject::QuestionType));
    other[3] = 0x83;
    assert_eq!(reject(&other), Some(MessageReject::ErrorCode));
    assert_eq!(reject(&other[..11]), None);
}

/// Aliases, addresses of both kinds, owners that are known and others.
fn varied() -> Vec<u8> {
    let asked = b"\x03www\x07example\x03com\x00";
    let records: [(&[u8], u32, &[u8]); 9] = [
        (ASKED, CNAME, b"\x03web\xc0\x10"),
        (b"\xc0\x2d", CNAME, b"\x01c\x01d\x00"),
        (b"\xc0\x3f", A, &[192, 0, 2, 7]),
        (b"\xc0\x3f", 46, &[9; 12]),
        (b"\xc0\x3f", AAAA, &[9; 16]),
        (b"\xc0\x41", A, &[192, 0, 2, 8]),
        (ASKED, CNAME, b"\x01e\xc0\x2d"),
        (b"\xc0\x3f", A, &[192, 0, 2, 9]),
        (ASKED, A, &[192, 0, 2, 1]),
    ];
    message(asked, &records)
}

/// The set of a message, made on the slow path.
fn slow_path(message: &[u8]) -> Result<Vec<u8>, MessageReject> {
    let mut scratch = Scratch::default();
    let answers = Answers::parse(message, Dialect::Unicast, Extent::Whole, &mut scratch)?;
    let response = Response {
        envelope: ENDPOINTS.into(),
        answers,
    };
    let part = parts(&response, MIN_SET_ROOM_BYTES)
        .next()
        .expect("a response has a set");
    let mut set = vec![0; part.size()];
    part.write(&mut set);
    Ok(set)
}

fn is_the_same_on_the_slow_path(transcriber: &mut Transcriber, message: &[u8]) -> bool {
    let found = set(transcriber, message);
    if let Some(found) = &found {
        assert_eq!(found, &slow_path(message), "{message:02x?}");
    }
    found.is_some()
}

proptest! {
    #[test]
    fn changed_messages_are_the_same_on_both_paths(
        changes in proptest::collection::vec((0_usize..250, 0_u8..=255), 0..6),
        length in 0_usize..250,
    ) {
        let mut transcriber = Transcriber::default();
        let mut message = varied();
        for (at, byte) in changes {
            if let Some(place) = message.get_mut(at) {
                *place = byte;
            }
        }
        is_the_same_on_the_slow_path(&mut transcriber, &message);
        is_the_same_on_the_slow_path(&mut transcriber, &message[..length.min(message.len())]);
    }
}

/// A message whose names point into each other: of each record the owner, its type, and the alias'
/// label and what it points to, as indices of the places that names were seen at.
fn tangled(records: &[(usize, u32, Option<u8>, usize)]) -> Vec<u8> {
    // Of the name asked for and its parts.
    let mut places = vec![12, 14, 16];
    let mut at = 12 + 5 + 4;
    let mut parts = Vec::new();
    for &(owner, kind, label, target) in records {
        let pointer = |index: usize| (0xc000_u16 | places[index % places.len()]).to_be_bytes();
        let owner = pointer(owner);
        let rdata = match kind {
            A => vec![192, 0, 2, 1],
            AAAA => vec![9; 16],
            CNAME => [
                label.map_or(vec![], |byte| vec![1, byte]),
                pointer(target).to_vec(),
            ]
            .concat(),
            _ => vec![7; 5],
        };
        if kind == CNAME {
            places.push(at + 12);
        }
        at += 12 + u16::try_from(rdata.len()).expect("short");
        parts.push((owner, kind, rdata));
    }
    let records: Vec<(&[u8], u32, &[u8])> = parts
        .iter()
        .map(|(owner, kind, rdata)| (&owner[..], *kind, &rdata[..]))
        .collect();
    message(b"\x01b\x01c\x00", &records)
}

proptest! {
    #[test]
    fn names_that_point_into_each_other_are_the_same_on_both_paths(
        records in proptest::collection::vec(
            (
                any::<usize>(),
                prop_oneof![3 => Just(CNAME), 1 => Just(A), 1 => Just(AAAA), 1 => Just(16)],
                any::<Option<u8>>(),
                any::<usize>(),
            ),
            0..40,
        ),
    ) {
        let message = tangled(&records);
        is_the_same_on_the_slow_path(&mut Transcriber::default(), &message);
        // All of them are valid.
        let has_address = records.iter().any(|(_, kind, ..)| [A, AAAA].contains(kind));
        prop_assert_eq!(slow_path(&message).is_ok(), has_address);
    }
}

#[test]
#[cfg_attr(miri, ignore = "reads a message for each value of each byte")]
fn one_changed_byte_is_the_same_on_both_paths() {
    let mut transcriber = Transcriber::default();
    let message = varied();
    assert!(is_the_same_on_the_slow_path(&mut transcriber, &message));
    for at in 0..message.len() {
        for byte in 0..=255 {
            let mut message = message.clone();
            message[at] = byte;
            is_the_same_on_the_slow_path(&mut transcriber, &message);
        }
    }
}
