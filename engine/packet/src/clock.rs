//! The clock of a decoder: seconds that pass, whatever the timestamps of packets do.
//!
//! Reassembly gives up what waits for too long, and packets are the only clock it has. Their
//! timestamps go forward as a rule, but not always: rings of several interfaces and merged captures
//! are out of order by a little, a system clock is set, a capture without time has 1970, and a
//! damaged one any year. So the timestamps move a clock that never goes back:
//!
//! - a later timestamp moves it by the difference, so that time without packets counts;
//! - an earlier one does not move it;
//! - if [`BEHIND_PACKETS`] in a row are earlier by more than [`REORDERED_SECONDS`], time goes on
//!   from there. A single timestamp from the future so ends what waits too early, but does not keep
//!   what comes behind it from ending;
//! - a jump back to where time was before such a step counts only beyond that. So two captures
//!   whose clocks differ can be merged.

/// How far back timestamps go where packets are out of order.
const REORDERED_SECONDS: u64 = 10;

/// Packets in a row that are further back, until they are believed.
const BEHIND_PACKETS: u8 = 8;

/// A longer step is a jump.
const JUMP_SECONDS: u64 = 60;

/// A clock that never goes back.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// What it shows, in seconds; differences count.
    now: u64,
    /// The timestamp that moved it last.
    last: Option<u64>,
    /// The timestamp that had moved it before time went on from an earlier one, and what it showed
    /// then.
    before_step: (u64, u64),
    /// Packets in a row that were too far behind.
    behind: u8,
}

impl Clock {
    /// What the clock shows at a packet with this timestamp, in seconds.
    pub(crate) fn at(&mut self, seconds: u64) -> u64 {
        let last = *self.last.get_or_insert(seconds);
        if seconds >= last {
            self.behind = 0;
            self.now = self.now.saturating_add(self.passed(last, seconds));
            self.last = Some(seconds);
        } else if last - seconds <= REORDERED_SECONDS {
            self.behind = 0;
        } else {
            self.behind += 1;
            if self.behind == BEHIND_PACKETS {
                self.behind = 0;
                self.before_step = (last, self.now);
                self.last = Some(seconds);
            }
        }
        self.now
    }

    /// Seconds from one timestamp to a later one.
    fn passed(&self, last: u64, seconds: u64) -> u64 {
        let step = seconds - last;
        let (before, shown) = self.before_step;
        let known = before.saturating_sub(REORDERED_SECONDS)..=before.saturating_add(JUMP_SECONDS);
        if step > JUMP_SECONDS && known.contains(&seconds) {
            shown
                .saturating_add(seconds.saturating_sub(before))
                .saturating_sub(self.now)
        } else {
            step
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_700_000_000;

    /// What the clock shows at the last of these timestamps, from the first on.
    fn passed(seconds: impl IntoIterator<Item = u64>) -> u64 {
        let mut clock = Clock::default();
        let shown: Vec<u64> = seconds.into_iter().map(|at| clock.at(at)).collect();
        shown[shown.len() - 1] - shown[0]
    }

    #[test]
    fn time_passes_with_packets_and_without() {
        assert_eq!(passed([NOW, NOW, NOW + 1, NOW + 61]), 61);
        assert_eq!(passed([NOW, NOW + 3600]), 3600);
    }

    #[test]
    fn packets_out_of_order_do_not_move_it() {
        assert_eq!(passed([NOW, NOW + 5, NOW + 1, NOW + 5, NOW, NOW + 6]), 6);
        let order = (0..100).map(|count| NOW + count % 2 * 9);
        assert_eq!(passed(order), 9);
    }

    #[test]
    fn packets_of_1970_do_not_move_it() {
        assert_eq!(passed([NOW, 0, 0, NOW + 1, 0, NOW + 2]), 2);
        assert_eq!(passed([0, 0, NOW, 0, NOW + 1, 0]), NOW + 1);
    }

    #[test]
    fn a_packet_from_the_future_does_not_stop_it() {
        let behind = (0..=68).map(|count| NOW + count);
        let shown = passed([NOW, NOW + 1_000_000].into_iter().chain(behind));
        assert_eq!(shown, 1_000_000 + 68 - u64::from(BEHIND_PACKETS - 1));
    }

    #[test]
    fn a_clock_that_is_set_back_goes_on() {
        let after = (0..100).map(|count| NOW - 3600 + count);
        let shown = passed([NOW].into_iter().chain(after));
        assert_eq!(shown, 99 - u64::from(BEHIND_PACKETS - 1));
    }

    /// A tenth of the packets, or half, are of a host whose clock is an hour ahead.
    #[test]
    fn two_clocks_in_one_capture() {
        for run in [1, 3, 10, 50] {
            let packets = (0..1000_u64).map(|count| NOW + count / 10 + count / run % 2 * 3600);
            let shown = passed(packets);
            assert!((3600..3600 + 120).contains(&shown), "{run}: {shown}");
        }
    }

    proptest! {
        #[test]
        fn it_never_goes_back(
            timestamps in prop::collection::vec(prop_oneof![any::<u64>(), 0_u64..200], 0..60)
        ) {
            let mut clock = Clock::default();
            let mut shown = 0;
            for seconds in timestamps {
                let next = clock.at(seconds);
                prop_assert!(next >= shown);
                shown = next;
            }
        }

        #[test]
        fn timestamps_in_order_are_the_time(steps in prop::collection::vec(0_u64..5000, 1..60)) {
            let mut seconds = NOW;
            let timestamps: Vec<u64> = steps.iter().map(|step| { seconds += step; seconds }).collect();
            prop_assert_eq!(passed(timestamps), seconds - NOW - steps[0]);
        }
    }
}
