//! Where a response is divided, to the byte; `tests/responses` tries all other responses.

use super::*;
use crate::dns::{Answers, Dialect, Extent, Scratch};

const V4: Endpoints = Endpoints::V4 {
    client: [10, 0, 0, 1],
    resolver: [10, 0, 0, 2],
};

const V6: Endpoints = Endpoints::V6 {
    client: [0xa1; 16],
    resolver: [0xb2; 16],
};

/// What a set counts: names, IPv4 and IPv6 addresses; and its bytes.
type Shape = (u8, u8, u8, usize);

/// A name of exactly `bytes` in wire format.
fn name(bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut left = bytes - 1;
    while left > 0 {
        // No label of its length byte alone is left over.
        let label = match left {
            65 => 62,
            _ => left.min(64) - 1,
        };
        out.push(u8::try_from(label).expect("at most 63"));
        out.extend(vec![b'n'; label]);
        left -= 1 + label;
    }
    out.push(0);
    out
}

/// The answer to a question for `question`: aliases, then addresses, which count up from 0.
fn message(question: &[u8], aliases: &[Vec<u8>], ipv4: u16, ipv6: u16) -> Vec<u8> {
    let count = u16::try_from(aliases.len()).expect("few aliases") + ipv4 + ipv6;
    let mut out = b"\x00\x00\x81\x80\x00\x01".to_vec();
    out.extend(count.to_be_bytes());
    out.extend([0; 4]);
    out.extend(question);
    out.extend([0, 255, 0, 1]);
    let mut record = |kind: u8, rdata: &[u8]| {
        let length = u16::try_from(rdata.len()).expect("RDATA is short");
        out.extend([0xc0, 0x0c, 0, kind, 0, 1, 0, 0, 0, 60]);
        out.extend(length.to_be_bytes());
        out.extend(rdata);
    };
    for alias in aliases {
        record(5, alias);
    }
    for number in 0..ipv4 {
        record(1, &u32::from(number).to_be_bytes());
    }
    for number in 0..ipv6 {
        record(28, &u128::from(number).to_be_bytes());
    }
    out
}

fn with_response<Out>(
    message: &[u8],
    endpoints: Endpoints,
    act: impl FnOnce(&Response<'_>) -> Out,
) -> Out {
    let mut scratch = Scratch::default();
    let answers = Answers::parse(message, Dialect::Unicast, Extent::Whole, &mut scratch)
        .expect("the message qualifies");
    act(&Response {
        envelope: endpoints.into(),
        answers,
    })
}

fn shapes(message: &[u8], room: usize) -> Vec<Shape> {
    with_response(message, V4, |response| {
        parts(response, room)
            .map(|part| {
                let mut out = vec![0xee; part.size()];
                part.write(&mut out);
                (out[1], out[2], out[3], out.len())
            })
            .collect()
    })
}

#[test]
fn every_byte_of_a_set() {
    let message = message(b"\x01a\x00", &[b"\x02bc\x00".to_vec()], 2, 1);
    let written = with_response(&message, V4, |response| {
        let part = parts(response, 1464).next().expect("there is one set");
        let mut out = vec![0xee; part.size()];
        part.write(&mut out);
        out
    });
    let mut wanted = vec![4, 2, 2, 1, 0, 8, 0, 0];
    wanted.extend([10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    wanted.extend([10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    wanted.extend(b"\x01a\x00\x02bc\x00\x00");
    wanted.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    wanted.extend([0; 16]);
    assert_eq!(written, wanted);
}

#[test]
fn ipv6_endpoints_fill_their_fields() {
    let message = message(b"\x00", &[], 1, 0);
    with_response(&message, V6, |response| {
        let part = parts(response, 1464).next().expect("there is one set");
        let mut out = vec![0xee; part.size()];
        part.write(&mut out);
        assert_eq!(out[..8], [6, 1, 1, 0, 0, 4, 0, 0]);
        assert_eq!(out[8..24], [0xa1; 16]);
        assert_eq!(out[24..40], [0xb2; 16]);
        assert_eq!(out[40..], [0; 8]);
    });
}

#[test]
fn a_response_that_fits_to_the_byte_is_one_set() {
    // 40 + 4 + 4 * 132 bytes.
    let message = message(b"\x02ab\x00", &[], 132, 0);
    assert_eq!(shapes(&message, 572), [(1, 132, 0, 572)]);
    assert_eq!(shapes(&message, 571), [(1, 131, 0, 568), (1, 1, 0, 48)]);
}

#[test]
fn counts_end_at_255() {
    let fits = message(b"\x01a\x00", &[], 255, 255);
    assert_eq!(shapes(&fits, 60_000), [(1, 255, 255, 5144)]);
    let more = message(b"\x01a\x00", &[], 256, 600);
    assert_eq!(
        shapes(&more, 60_000),
        [(1, 255, 255, 5144), (1, 1, 255, 4128), (1, 0, 90, 1484)]
    );
}

#[test]
fn the_name_asked_for_counts_among_255() {
    let aliases = |count| message(b"\x01a\x00", &vec![b"\x01b\x00".to_vec(); count], 1, 0);
    assert_eq!(shapes(&aliases(254), 60_000), [(255, 1, 0, 40 + 768 + 4)]);
    assert_eq!(
        shapes(&aliases(255), 60_000),
        [(255, 1, 0, 40 + 768 + 4), (2, 0, 0, 40 + 8)]
    );
}

#[test]
fn the_smallest_room_holds_the_longest_names() {
    let message = message(&name(255), &vec![name(255); 3], 2, 2);
    assert_eq!(
        shapes(&message, MIN_SET_ROOM_BYTES),
        [
            (2, 1, 0, 40 + 512 + 4),
            (2, 1, 0, 40 + 512 + 4),
            (2, 0, 1, 40 + 512 + 16),
            (1, 0, 1, 40 + 256 + 16),
        ]
    );
}

#[test]
fn less_room_than_the_smallest_counts_as_that() {
    let message = message(&name(255), &vec![name(255); 3], 2, 2);
    let smallest = shapes(&message, MIN_SET_ROOM_BYTES);
    for room in [0, 1, 40, MIN_SET_ROOM_BYTES - 1] {
        assert_eq!(shapes(&message, room), smallest);
    }
}
