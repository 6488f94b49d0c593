//! Bounds the time that a stream waits for room in socket buffers.
//!
//! A busy network makes room within milliseconds, and a datagram that waits for it is not lost. But
//! while a stream waits, the ring of its shard fills, and records for all collectors are lost. So
//! each wait is short, and all waits together take only a share of the time.

use std::time::{Duration, Instant};

/// Longest single wait.
const MAX_WAIT: Duration = Duration::from_millis(10);

/// At most 1/[`SHARE`] of the time is spent waiting.
const SHARE: u32 = 4;

/// The time that may be spent waiting. It grows with the time that passes, up to [`MAX_WAIT`].
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitBudget {
    available: Duration,
    /// When `available` was last brought up to date.
    updated_at: Instant,
}

impl Default for WaitBudget {
    fn default() -> Self {
        Self {
            available: MAX_WAIT,
            updated_at: Instant::now(),
        }
    }
}

impl WaitBudget {
    /// The longest wait that may start at `now`.
    pub(super) fn available(&mut self, now: Instant) -> Duration {
        let earned = now.saturating_duration_since(self.updated_at) / SHARE;
        self.available = MAX_WAIT.min(self.available + earned);
        self.updated_at = now;
        self.available
    }

    /// Subtracts a wait that ended at `now`. Time spent waiting earns nothing.
    pub(super) fn spend(&mut self, waited: Duration, now: Instant) {
        self.available = self.available.saturating_sub(waited);
        self.updated_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_take_a_share_of_the_time() {
        let start = Instant::now();
        let mut budget = WaitBudget::default();
        let mut waited = Duration::ZERO;
        let mut now = start;
        while now < start + Duration::from_secs(10) {
            let wait = budget.available(now);
            assert!(wait <= MAX_WAIT);
            now += wait;
            budget.spend(wait, now);
            waited += wait;
            now += Duration::from_millis(3);
        }
        // The initial budget comes on top.
        let most = (now - start) / SHARE + MAX_WAIT;
        assert!(waited <= most, "{waited:?}");
        assert!(waited >= Duration::from_secs(1), "{waited:?}");
    }
}
