//! The search against one that tries every place with all bytes at hand.

use proptest::prelude::*;

use super::*;

/// Whether a message starts at a place, with all bytes at hand and no limit.
fn plain(bytes: &[u8], place: usize) -> Option<bool> {
    let rest = &bytes[place..];
    let start = rest.first_chunk::<START_BYTES>()?;
    if !is_start(start) {
        return Some(false);
    }
    let message = &rest[LENGTH_BYTES..];
    let length = message_length(rest)?;
    let mut at = HEADER_BYTES;
    loop {
        if at + 5 > length || at >= HEADER_BYTES + NAME_BYTES {
            return Some(false);
        }
        match *message.get(at)? {
            0 => break,
            label @ 1..=63 => at += 1 + usize::from(label),
            _ => return Some(false),
        }
    }
    let class = message.get(at + 3..at + 5)?;
    Some(class[0] == 0 && [1, 3, 4, 254, 255].contains(&class[1]))
}

/// Bytes in which starts of messages are frequent, good ones and others.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let start = (
        0_u8..2,
        0_u8..80,
        0_u8..2,
        prop::collection::vec(0_u8..4, 1..30),
    )
        .prop_map(|(high, low, records, name)| {
            let mut bytes = vec![high, low, 1, 2, 0x81, 0x80, 0, 1, 0, records, 0, 0, 0, 0];
            bytes.extend(name);
            bytes.extend([0, 0, 1, 0, 1]);
            bytes
        });
    let noise = prop::collection::vec(
        prop_oneof![Just(0_u8), Just(1), Just(0x80), any::<u8>()],
        0..40,
    );
    prop::collection::vec(prop_oneof![start, noise], 1..8).prop_map(|parts| parts.concat())
}

/// Searches with the bytes of each step more, as a stream does. Returns the place of the message
/// found.
fn in_steps(bytes: &[u8], steps: &[usize]) -> Option<usize> {
    let mut search = Search {
        credit: usize::MAX / 2,
        cursor: 0,
    };
    let (mut from, mut to) = (0, 0);
    let mut steps = steps.iter().cycle();
    while to < bytes.len() {
        to = bytes.len().min(to + steps.next().expect("it repeats"));
        match search.next(&bytes[from..to], false) {
            Next::Message(at) => return Some(from + at),
            Next::Undecided(at) => from += at,
        }
        assert!(to - from <= QUESTION_BYTES, "more is kept than needed");
    }
    match search.next(&bytes[from..], true) {
        Next::Message(at) => Some(from + at),
        Next::Undecided(at) => {
            assert_eq!(from + at, bytes.len());
            None
        }
    }
}

proptest! {
    #[test]
    fn no_place_is_missed(bytes in bytes(), steps in prop::collection::vec(1_usize..60, 1..10)) {
        let found = in_steps(&bytes, &steps);
        if let Some(place) = found {
            prop_assert_eq!(plain(&bytes, place), Some(true));
        }
        // What is passed over has no message behind which there is nothing else.
        for place in 0..found.unwrap_or(bytes.len()) {
            let length = message_length(&bytes[place..]).unwrap_or(0);
            let behind = place + LENGTH_BYTES + length;
            if plain(&bytes, place) == Some(true) {
                prop_assert!(behind + START_BYTES <= bytes.len(), "{} is missed", place);
                prop_assert_ne!(plain(&bytes, behind), Some(true));
            }
        }
    }

    #[test]
    fn the_first_start_is_that_of_one_place_after_the_other(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0x80), Just(2)], 0..400)
    ) {
        let plain = bytes.windows(START_BYTES).position(is_start_of);
        prop_assert_eq!(first_start(&bytes), plain);
    }
}

/// Headers side by side, each with a name of as many labels as there can be.
#[test]
fn labels_are_bounded_by_the_bytes_that_came() {
    let header = [2, 0x3f, 1, 1, 0x80, 1, 0, 1, 0, 1, 0, 1, 0, 1];
    let bytes = header.repeat(1000);
    let mut search = Search::default();
    search.earn(bytes.len());
    assert!(search.credit <= MAX_CREDIT_BYTES);
    // 20 labels behind each of 1,000 headers.
    assert_eq!(search.next(&bytes, true), Next::Undecided(bytes.len()));
    assert!(search.credit < BYTES_PER_PLACE, "it is spent");
}
