//! Datagrams whose fragments come in any order, twice, late, never, or of another port.

use proptest::prelude::*;

use super::*;

const KEY: Key = Key {
    endpoints: Endpoints::V4 {
        client: [192, 0, 2, 1],
        resolver: [192, 0, 2, 53],
    },
    identification: 7,
    protocol: 17,
};

fn key(identification: u32) -> Key {
    Key {
        identification,
        ..KEY
    }
}

fn fragment(offset: usize, payload: &[u8], more: bool) -> Fragment<'_> {
    Fragment {
        key: KEY,
        protocol: 17,
        offset,
        more,
        payload,
    }
}

fn datagram(payload: &[u8]) -> Datagram {
    Datagram {
        endpoints: KEY.endpoints,
        protocol: 17,
        payload: payload.to_vec(),
    }
}

#[test]
fn any_order() {
    let payload: Vec<u8> = (0..40).collect();
    let parts = [(0, 16, true), (16, 32, true), (32, 40, false)];
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut fragments = Fragments::default();
        for (count, index) in order.into_iter().enumerate() {
            let (from, to, more) = parts[index];
            let placed = fragments.place(&fragment(from, &payload[from..to], more), false, 0);
            let expected = if count == 2 {
                Placed::Whole(datagram(&payload))
            } else {
                Placed::Held
            };
            assert_eq!(placed, expected, "{order:?}");
        }
        assert!(fragments.drain().is_none());
        assert_eq!(fragments.bytes, 0);
    }
}

#[test]
fn duplicates_are_ignored_and_overlaps_drop_the_datagram() {
    let mut fragments = Fragments::default();
    assert_eq!(
        fragments.place(&fragment(0, &[1; 16], true), false, 0),
        Placed::Held
    );
    assert_eq!(
        fragments.place(&fragment(0, &[1; 16], true), false, 0),
        Placed::Duplicate
    );
    assert_eq!(
        fragments.place(&fragment(16, &[2; 3], false), false, 0),
        Placed::Whole(datagram(&[&[1_u8; 16][..], &[2; 3]].concat()))
    );
    assert_eq!(
        fragments.place(&fragment(0, &[1; 16], true), false, 0),
        Placed::Held
    );
    assert_eq!(
        fragments.place(&fragment(8, &[1; 16], true), false, 0),
        Placed::Overlap
    );
    assert_eq!(
        fragments.place(&fragment(16, &[2; 3], false), false, 0),
        Placed::Overlap
    );
    assert_eq!(fragments.drain(), Some((GivenUp::Ended, datagram(&[]))));
}

#[test]
fn different_bytes_at_one_offset_are_an_overlap() {
    let mut fragments = Fragments::default();
    assert_eq!(
        fragments.place(&fragment(0, &[1; 16], true), false, 0),
        Placed::Held
    );
    assert_eq!(
        fragments.place(&fragment(0, &[9; 16], true), false, 0),
        Placed::Overlap
    );
}

#[test]
fn conflicting_ends_are_an_overlap() {
    let mut fragments = Fragments::default();
    assert_eq!(
        fragments.place(&fragment(16, &[1; 8], false), false, 0),
        Placed::Held
    );
    assert_eq!(
        fragments.place(&fragment(24, &[1; 8], false), false, 0),
        Placed::Overlap
    );
}

#[test]
fn invalid_offsets_and_lengths_are_damaged() {
    let mut fragments = Fragments::default();
    assert_eq!(
        fragments.place(&fragment(0, &[], true), false, 0),
        Placed::Damaged
    );
    assert_eq!(
        fragments.place(&fragment(0, &[1; 15], true), false, 0),
        Placed::Damaged
    );
    assert_eq!(
        fragments.place(&fragment(65_528, &[1; 8], false), false, 0),
        Placed::Damaged
    );
}

#[test]
fn timeout_returns_the_datagram_up_to_its_first_hole() {
    let mut fragments = Fragments::default();
    fragments.place(&fragment(0, &[1; 16], true), false, 100);
    fragments.place(&fragment(24, &[3; 8], true), false, 101);
    assert!(fragments.give_up(159, 0).is_none());
    assert_eq!(
        fragments.give_up(160, 0),
        Some((GivenUp::Timeout, datagram(&[1; 16])))
    );
    assert!(fragments.give_up(160, 0).is_none());
}

#[test]
fn memory_is_bounded() {
    const LENGTH: usize = 60_000;
    let payload = vec![1; LENGTH];
    let mut fragments = Fragments::default();
    let mut evicted = 0;
    for identification in 0..1000 {
        let fragment = Fragment {
            key: key(identification),
            ..fragment(0, &payload, true)
        };
        fragments.place(&fragment, false, 0);
        while let Some((why, given)) = fragments.give_up(0, 0) {
            assert_eq!(why, GivenUp::Evicted);
            assert_eq!(given.payload.len(), LENGTH);
            fragments.recycle(given.payload);
            evicted += 1;
        }
        assert!(fragments.bytes <= MAX_BYTES);
        assert!(fragments.spare.iter().map(Vec::capacity).sum::<usize>() <= 512 << 10);
    }
    assert!(evicted > 900);
}

#[test]
fn memory_is_that_of_what_came_wherever_it_belongs() {
    let mut fragments = Fragments::default();
    for identification in 0..4096 {
        let fragment = Fragment {
            key: key(identification),
            ..fragment(65_000, &[1; 8], false)
        };
        fragments.place(&fragment, false, 0);
    }
    assert!(fragments.give_up(0, 0).is_none());
    assert_eq!(fragments.held().0, 4096);
    assert!(fragments.bytes < 1 << 20, "{}", fragments.bytes);
}

/// Which come first in time are given up first, whatever comes of them later.
#[test]
fn the_oldest_datagram_is_the_one_that_began_first() {
    let mut fragments = Fragments::default();
    let part = |identification, offset| Fragment {
        key: key(identification),
        ..fragment(offset, &[1; 8], true)
    };
    fragments.place(&part(1, 0), false, 0);
    fragments.place(&part(2, 0), false, 5);
    fragments.place(&part(1, 16), false, 50);
    assert_eq!(
        fragments.give_up(60, 0),
        Some((GivenUp::Timeout, datagram(&[1; 8])))
    );
    assert!(fragments.give_up(60, 0).is_none());
    assert!(fragments.give_up(65, 0).is_some());
}

#[test]
fn one_fragment_pays_for_few_timeouts_and_completes_none_of_the_others() {
    let mut fragments = Fragments::default();
    for identification in 0..100 {
        let first = Fragment {
            key: key(identification),
            ..fragment(0, &[1; 8], true)
        };
        fragments.place(&first, false, 0);
    }
    let mut removed = 0;
    while fragments.give_up(60, removed).is_some() {
        removed += 1;
    }
    assert_eq!(
        (removed, fragments.held().0),
        (MAX_TIMEOUTS, 100 - MAX_TIMEOUTS)
    );
    assert_eq!(
        fragments.give_up_one(key(50), 60),
        Some((GivenUp::Timeout, datagram(&[1; 8])))
    );
    let last = Fragment {
        key: key(50),
        ..fragment(8, &[2; 3], false)
    };
    assert_eq!(fragments.place(&last, false, 60), Placed::Held);
    assert!(fragments.give_up_one(key(50), 60).is_none());
}

#[test]
fn pieces_of_a_foreign_datagram_are_not_held() {
    let mut fragments = Fragments::default();
    let mut place = |offset, bytes: &[u8], more| {
        let foreign = offset == 0;
        let placed = fragments.place(&fragment(offset, bytes, more), foreign, 0);
        (placed, fragments.held())
    };
    assert_eq!(place(16, &[1; 8], true).0, Placed::Held);
    assert_eq!(place(0, &[2; 8], true), (Placed::Foreign, (1, 0)));
    assert_eq!(place(8, &[3; 8], true), (Placed::Foreign, (1, 0)));
    // All of it has come.
    assert_eq!(place(24, &[4; 8], false), (Placed::Foreign, (0, 0)));

    assert_eq!(place(0, &[2; 8], true), (Placed::Foreign, (1, 0)));
    let given_up = fragments.drain().map(|(why, _)| why);
    assert_eq!(given_up, Some(GivenUp::Foreign));
}

#[test]
fn a_datagram_without_its_first_fragment_is_headless() {
    let mut fragments = Fragments::default();
    fragments.place(&fragment(8, &[1; 8], false), false, 0);
    assert_eq!(
        fragments.give_up(60, 0),
        Some((GivenUp::Headless, datagram(&[])))
    );
}

proptest! {
    /// Pieces of any size in any order, each once or several times, are the whole.
    #[test]
    fn any_order_of_any_pieces(
        payload in prop::collection::vec(any::<u8>(), 9..3000),
        units in 1_usize..60,
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..100),
    ) {
        let length = payload.len();
        let mut missing: Vec<usize> = (0..length).step_by(8 * units).collect();
        prop_assume!(missing.len() > 1);
        let count = missing.len();
        let part = |from: usize| {
            let to = length.min(from + 8 * units);
            fragment(from, &payload[from..to], to < length)
        };
        let mut fragments = Fragments::default();
        let mut order = order.iter().cycle();
        while let Some(next) = order.next().filter(|_| !missing.is_empty()) {
            let from = missing.swap_remove(next.index(missing.len()));
            let placed = fragments.place(&part(from), false, 0);
            if missing.is_empty() {
                prop_assert_eq!(placed, Placed::Whole(datagram(&payload)));
                break;
            }
            prop_assert_eq!(placed, Placed::Held);
            let again = next.index(count) * 8 * units;
            if !missing.contains(&again) {
                prop_assert_eq!(fragments.place(&part(again), false, 0), Placed::Duplicate);
            }
        }
        prop_assert_eq!(fragments.held(), (0, 0));
    }
}
