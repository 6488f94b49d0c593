//! How long a stream waits for collectors that have no room.
//!
//! A network that is busy makes room within milliseconds, and what waits for that is not lost. But while a stream waits,
//! its ring fills up, for all collectors: so all waiting together is only a part of the time.

use std::time::{Duration, Instant};

/// Longest single wait.
const MOST: Duration = Duration::from_millis(10);

/// 1 of how many parts of the time may be spent waiting.
const SHARE: u32 = 4;

/// What may still be waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    left: Duration,
    since: Instant,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            left: MOST,
            since: Instant::now(),
        }
    }
}

impl Patience {
    /// How long may be waited at `now`.
    pub(super) fn left(&mut self, now: Instant) -> Duration {
        let more = now.saturating_duration_since(self.since) / SHARE;
        self.left = MOST.min(self.left + more);
        self.since = now;
        self.left
    }

    /// So long was waited, until `now`.
    pub(super) fn spend(&mut self, waited: Duration, now: Instant) {
        self.left = self.left.saturating_sub(waited);
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_time() {
        let start = Instant::now();
        let mut patience = Patience::default();
        let mut waited = Duration::ZERO;
        let mut now = start;
        while now < start + Duration::from_secs(10) {
            let wait = patience.left(now);
            assert!(wait <= MOST);
            now += wait;
            patience.spend(wait, now);
            waited += wait;
            now += Duration::from_millis(3);
        }
        // What may be waited at first comes on top; what is waited earns nothing.
        let most = (now - start) / SHARE + MOST;
        assert!(waited <= most, "{waited:?}");
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}
