//! How many came in each of the last seconds.

use std::collections::VecDeque;
use std::time::Duration;

use crate::snapshot::Second;

/// Seconds that are kept: five minutes.
pub(crate) const HISTORY_SECONDS: usize = 300;

/// The last seconds, the newest of which is not over.
#[derive(Debug)]
pub(crate) struct History {
    /// The oldest first; never empty.
    seconds: VecDeque<Second>,
    newest: u64,
}

impl History {
    pub(crate) fn starting(time: Duration) -> Self {
        Self {
            seconds: VecDeque::from([Second::default()]),
            newest: time.as_secs(),
        }
    }

    /// The second that `time` is in, or the newest one if that is later.
    pub(crate) fn at(&mut self, time: Duration) -> &mut Second {
        let ahead = time.as_secs().saturating_sub(self.newest);
        self.newest += ahead;
        // More than are kept push out all that there are.
        for _ in 0..ahead.min(HISTORY_SECONDS as u64 + 1) {
            if self.seconds.len() > HISTORY_SECONDS {
                self.seconds.pop_front();
            }
            self.seconds.push_back(Second::default());
        }
        // Never empty.
        let newest = self.seconds.len() - 1;
        &mut self.seconds[newest]
    }

    /// Those that are over, the oldest first.
    pub(crate) fn over(&self) -> Vec<Second> {
        let count = self.seconds.len() - 1;
        self.seconds.iter().take(count).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_counted_apart_and_go() {
        let mut history = History::starting(Duration::from_secs(50));
        let records = |history: &History| -> Vec<u64> {
            history.over().iter().map(|second| second.records).collect()
        };
        for (at, count) in [(50, 1), (50, 2), (53, 4), (51, 8), (54, 16)] {
            history.at(Duration::from_secs(at)).records += count;
        }
        assert_eq!(records(&history), [3, 0, 0, 12]);
        history.at(Duration::from_secs(54 + 299));
        assert_eq!(records(&history).len(), HISTORY_SECONDS);
        assert_eq!(records(&history)[..2], [12, 16][..]);
        history.at(Duration::MAX);
        assert_eq!(records(&history), [0; HISTORY_SECONDS]);
    }
}
