//! Counts what a stream lost, by its sequence numbers.
//!
//! It needs the same memory for each stream, whatever comes.

/// Datagrams behind the newest that are remembered one by one; a power of two, so that it divides
/// the range of sequence numbers.
const WINDOW: u64 = 64 * WINDOW_WORDS as u64;

/// Words that hold them, a bit each.
const WINDOW_WORDS: usize = 16;

/// How late the very first datagram of a stream can be; later than that, a 1 starts a new stream.
const FIRST_LATE: u64 = 16;

/// A gap of more datagrams than this is a new stream, not loss.
const GAP_MAX: u64 = 1 << 24;

/// The account of one stream: one sensor process, seen as one source address and port, or one of
/// its cores there.
///
/// A stream numbers its datagrams from 1 on. Counting starts with the first number seen. A process
/// that starts again starts over at 1. Before version 5 this shows in the numbers only, in which 0
/// follows 2^32 - 1; from then on datagrams tell their run, the *boot*.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sequence {
    /// Datagrams seen, duplicates included.
    pub total: u64,
    /// Numbers that were skipped and never came.
    pub lost: u64,
    /// Datagrams that came after one with a higher number.
    pub out_of_order: u64,
    /// Datagrams that came again.
    pub duplicates: u64,
    /// How often the stream started over.
    pub restarts: u64,
    window: Option<Window>,
    /// Of version 5: the boots that were seen last, the newest first.
    boots: [Option<(u64, Window)>; 2],
}

/// What a datagram is by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The newest of its stream.
    Newest,
    /// Overtaken by another, or seen before.
    Old,
    /// The first of a new stream.
    First,
}

impl Sequence {
    /// Takes the next datagram's number, of versions 0 to 4.
    pub fn note(&mut self, number: u32) -> Arrival {
        self.total += 1;
        let number = u64::from(number);
        let Some(window) = &mut self.window else {
            self.window = Some(Window::starting(number));
            return Arrival::First;
        };
        let wrapped = |number: u64| number & u64::from(u32::MAX);
        let ahead = wrapped(number.wrapping_sub(window.newest));
        let behind = wrapped(window.newest.wrapping_sub(number));
        if ahead != 0 && ahead <= GAP_MAX && !(number == 1 && ahead > WINDOW) {
            self.lost += ahead - 1;
            window.advance(number, ahead);
            return Arrival::Newest;
        }
        let seen = behind < WINDOW && window.holds(number);
        let starts_over = number == 1
            && if seen {
                behind != 0
            } else {
                behind > FIRST_LATE
            };
        if behind >= WINDOW || starts_over {
            self.restarts += 1;
            *window = Window::starting(number);
            return Arrival::First;
        }
        if seen {
            self.duplicates += 1;
        } else {
            self.out_of_order += 1;
            window.insert(number);
            // What came before the first number seen was never counted as lost.
            if behind < window.length {
                self.lost -= 1;
            }
        }
        Arrival::Old
    }

    /// Takes the next datagram's number, of version 5. A new boot is a stream that started over.
    ///
    /// Datagrams of the boot before may still come. Whoever forges boots makes restarts, and a
    /// number that is forged is as good as any other: nothing here is more than a count.
    pub fn note_of_boot(&mut self, boot: u64, number: u64) -> Arrival {
        self.total += 1;
        let mut boots = (0..).zip(self.boots.iter_mut().flatten());
        let Some((age, (_, window))) = boots.find(|(_, (known, _))| *known == boot) else {
            let before = self.boots[0].take();
            self.restarts += u64::from(before.is_some());
            self.boots = [Some((boot, Window::starting(number))), before];
            return Arrival::First;
        };
        if number > window.newest {
            let ahead = number - window.newest;
            self.lost = self.lost.saturating_add(ahead - 1);
            window.advance(number, ahead);
            return if age == 0 {
                Arrival::Newest
            } else {
                Arrival::Old
            };
        }
        let behind = window.newest - number;
        let is_remembered = behind < WINDOW;
        if is_remembered && window.holds(number) {
            self.duplicates += 1;
            return Arrival::Old;
        }
        self.out_of_order += 1;
        // One that is not remembered may have come before: it stays lost.
        if is_remembered {
            window.insert(number);
            if behind < window.length {
                self.lost = self.lost.saturating_sub(1);
            }
        }
        Arrival::Old
    }
}

/// The newest number, and which of those before it were seen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Window {
    newest: u64,
    /// Numbers from the first seen to the newest.
    length: u64,
    /// One bit per number modulo [`WINDOW`].
    seen: [u64; WINDOW_WORDS],
}

impl Window {
    fn starting(number: u64) -> Self {
        let mut window = Self {
            newest: number,
            length: 1,
            seen: [0; WINDOW_WORDS],
        };
        window.insert(number);
        window
    }

    fn advance(&mut self, number: u64, ahead: u64) {
        for passed in 0..ahead.min(WINDOW) {
            let (word, bit) = Self::place(number.wrapping_sub(passed));
            self.seen[word] &= !bit;
        }
        self.newest = number;
        self.length = self.length.saturating_add(ahead);
        self.insert(number);
    }

    fn insert(&mut self, number: u64) {
        let (word, bit) = Self::place(number);
        self.seen[word] |= bit;
    }

    fn holds(&self, number: u64) -> bool {
        let (word, bit) = Self::place(number);
        self.seen[word] & bit != 0
    }

    /// Index of a word in `seen`, always below its length, and a bit in it.
    fn place(number: u64) -> (usize, u64) {
        let slot = number % WINDOW;
        ((slot / 64) as usize, 1 << (slot % 64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Total, lost, out of order, duplicates, restarts.
    fn account(numbers: impl IntoIterator<Item = u32>) -> [u64; 5] {
        let mut sequence = Sequence::default();
        for number in numbers {
            sequence.note(number);
        }
        let Sequence {
            total,
            lost,
            out_of_order,
            duplicates,
            restarts,
            ..
        } = sequence;
        [total, lost, out_of_order, duplicates, restarts]
    }

    #[test]
    fn cases() {
        assert_eq!(account([]), [0, 0, 0, 0, 0]);
        assert_eq!(account(1..=5000), [5000, 0, 0, 0, 0]);
        assert_eq!(account([1, 2, 5]), [3, 2, 0, 0, 0]);
        assert_eq!(account([1, 3, 2, 4]), [4, 0, 1, 0, 0]);
        assert_eq!(account([1, 1, 2, 2]), [4, 0, 0, 2, 0]);
        assert_eq!(account([1, 2, 3, 4, 2]), [5, 0, 0, 1, 0]);
        assert_eq!(account([1, 4, 2, 2]), [4, 1, 1, 1, 0]);
    }

    #[test]
    fn numbers_wrap() {
        let end = u32::MAX;
        assert_eq!(account([end - 1, end, 0, 1, 2]), [5, 0, 0, 0, 0]);
        assert_eq!(account([end - 1, 1, 0]), [3, 1, 1, 0, 0]);
        assert_eq!(account([end, 0, 1, end]), [4, 0, 0, 1, 0]);
    }

    #[test]
    fn a_stream_may_start_over() {
        assert_eq!(account((1..=3).chain(1..=3)), [6, 0, 0, 0, 1]);
        assert_eq!(account((1..=5000).chain(1..=3)), [5003, 0, 0, 0, 1]);
        assert_eq!(account((1..=5000).chain(2..=3)), [5002, 0, 0, 0, 1]);
        assert_eq!(account([3_000_000_000, 1, 2]), [3, 0, 0, 0, 1]);
        assert_eq!(account([1, 1 << 30, (1 << 30) + 1]), [3, 0, 0, 0, 1]);
    }

    #[test]
    fn a_reader_that_comes_late_counts_from_then_on() {
        assert_eq!(account([700, 701, 699, 702]), [4, 0, 1, 0, 0]);
        assert_eq!(account([2, 1, 3]), [3, 0, 1, 0, 0]);
    }

    fn of_boots(numbers: &[(u64, u64)]) -> [u64; 5] {
        let mut sequence = Sequence::default();
        for &(boot, number) in numbers {
            sequence.note_of_boot(boot, number);
        }
        let Sequence {
            total,
            lost,
            out_of_order,
            duplicates,
            restarts,
            ..
        } = sequence;
        [total, lost, out_of_order, duplicates, restarts]
    }

    #[test]
    fn a_boot_has_numbers_of_its_own() {
        let of_one = |numbers: &[u64]| {
            let numbers: Vec<_> = numbers.iter().map(|number| (9, *number)).collect();
            of_boots(&numbers)
        };
        assert_eq!(of_one(&[1, 2, 5]), [3, 2, 0, 0, 0]);
        assert_eq!(of_one(&[1, 4, 2, 2]), [4, 1, 1, 1, 0]);
        assert_eq!(of_one(&[700, 701, 699, 702]), [4, 0, 1, 0, 0]);
        // A 1 is no restart, nor is a gap.
        assert_eq!(of_one(&[5000, 5001, 1]), [3, 0, 1, 0, 0]);
        assert_eq!(of_one(&[1, 1 << 40]), [2, (1 << 40) - 2, 0, 0, 0]);
        assert_eq!(
            of_one(&[1, u64::MAX, 0, u64::MAX]),
            [4, u64::MAX - 2, 1, 1, 0]
        );
        let boots = [
            (1, 1),
            (1, 2),
            (7, 1),
            (1, 4),
            (7, 2),
            (1, 3),
            (7, 2),
            (3, 1),
        ];
        assert_eq!(of_boots(&boots), [8, 0, 1, 1, 2]);
    }

    #[test]
    fn what_is_late_of_the_boot_before_is_old() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.note_of_boot(1, 1), Arrival::First);
        assert_eq!(sequence.note_of_boot(1, 2), Arrival::Newest);
        assert_eq!(sequence.note_of_boot(2, 1), Arrival::First);
        assert_eq!(sequence.note_of_boot(1, 3), Arrival::Old);
        assert_eq!(sequence.note_of_boot(2, 2), Arrival::Newest);
    }

    proptest! {
        /// Whatever comes in whatever order of whatever boot, nothing overflows, and each datagram
        /// is one thing.
        #[test]
        fn every_datagram_of_a_boot_is_counted_once(
            numbers in prop::collection::vec(
                (0_u64..3, prop_oneof![0_u64..40, (u64::MAX - 20)..=u64::MAX, any::<u64>()]),
                1..200,
            )
        ) {
            let [total, _, late, twice, restarts] = of_boots(&numbers);
            prop_assert_eq!(total, numbers.len() as u64);
            prop_assert!(late + twice + restarts < total);
        }

        /// Whatever comes in whatever order, nothing overflows, and each datagram is one thing.
        #[test]
        fn every_datagram_is_counted_once(
            numbers in prop::collection::vec(
                prop_oneof![0_u32..40, (u32::MAX - 20)..=u32::MAX, any::<u32>()],
                1..200,
            )
        ) {
            let [total, _, late, twice, restarts] = account(numbers.iter().copied());
            prop_assert_eq!(total, numbers.len() as u64);
            prop_assert!(late + twice + restarts < total);
        }

        /// Loss within a stream that is shuffled only a little is found exactly.
        #[test]
        fn what_is_missing_is_lost(
            start: u32,
            dropped in prop::collection::btree_set(1_u32..499, 0..100),
            swapped in prop::collection::vec(1_usize..390, 0..20),
        ) {
            let mut numbers: Vec<u32> = (0..500)
                .filter(|offset| !dropped.contains(offset))
                .map(|offset| start.wrapping_add(offset))
                .collect();
            for at in swapped {
                numbers.swap(at, at + 1);
            }
            // A 1 in the middle looks like a new stream.
            prop_assume!(!numbers[1..].contains(&1));
            let [total, lost, _, twice, restarts] = account(numbers.iter().copied());
            prop_assert_eq!(total + lost, 500);
            prop_assert_eq!((lost, twice, restarts), (dropped.len() as u64, 0, 0));
        }
    }
}
