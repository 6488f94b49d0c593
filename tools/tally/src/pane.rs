//! Panes: a window is divided into pieces of time, of which the oldest goes as a whole.
//!
//! So counts of a window stay counts of what came, which a decay would not leave them.

use std::time::Duration;

/// Panes of a window. It covers this many of them once the newest one is full, and one less when
/// that has just begun.
pub(crate) const PANES: u32 = 6;

/// One value for each pane, the newest among them.
#[derive(Clone, Debug)]
pub(crate) struct Ring<T> {
    panes: Vec<T>,
    newest: usize,
}

impl<T> Ring<T> {
    /// One of `count` panes, each made by `make`.
    pub(crate) fn new(count: usize, make: impl FnMut() -> T) -> Self {
        Self {
            panes: std::iter::repeat_with(make).take(count.max(1)).collect(),
            newest: 0,
        }
    }

    /// The pane that counts now.
    pub(crate) fn newest(&mut self) -> &mut T {
        // Always below the length.
        &mut self.panes[self.newest]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.panes.iter()
    }

    /// The panes, the newest first.
    pub(crate) fn by_age(&mut self) -> impl Iterator<Item = &mut T> {
        // At most the length.
        let (newer, older) = self.panes.split_at_mut(self.newest + 1);
        newer.iter_mut().rev().chain(older.iter_mut().rev())
    }

    /// Begins `steps` panes, each in the place of the oldest one, which `clear` empties.
    pub(crate) fn advance(&mut self, steps: u64, mut clear: impl FnMut(&mut T)) {
        for _ in 0..steps.min(self.panes.len() as u64) {
            self.newest = (self.newest + 1) % self.panes.len();
            clear(self.newest());
        }
    }
}

/// Which pane a time is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panes {
    /// How long each lasts; `None` is one pane for ever.
    length: Option<Duration>,
    since: Duration,
    /// Panes that are over.
    over: u64,
}

impl Panes {
    /// Those of a window that starts at `since`; `None` is a window that keeps everything.
    pub(crate) fn starting(since: Duration, window: Option<Duration>) -> Self {
        let pane = |window: Duration| (window / PANES).max(Duration::from_millis(1));
        Self {
            length: window.map(pane),
            since,
            over: 0,
        }
    }

    /// How many values a ring needs.
    pub(crate) fn count(window: Option<Duration>) -> usize {
        if window.is_some() { PANES as usize } else { 1 }
    }

    /// How many panes begin when it becomes `time`.
    pub(crate) fn steps(&mut self, time: Duration) -> u64 {
        let Some(length) = self.length else { return 0 };
        let over = time.saturating_sub(self.since).as_nanos() / length.as_nanos();
        let over = u64::try_from(over).unwrap_or(u64::MAX).max(self.over);
        let steps = over - self.over;
        self.over = over;
        steps
    }

    /// From when on is counted what the panes hold.
    pub(crate) fn from(&self) -> Duration {
        let gone = (self.over + 1).saturating_sub(PANES.into());
        match self.length {
            None => self.since,
            Some(length) => {
                let nanoseconds = length.as_nanos().saturating_mul(gone.into());
                let seconds = u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX);
                // Below 10^9.
                let rest = u32::try_from(nanoseconds % 1_000_000_000).unwrap_or(0);
                self.since.saturating_add(Duration::new(seconds, rest))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_keeps_its_newest_panes() {
        let seconds = Duration::from_secs;
        let mut panes = Panes::starting(seconds(100), Some(seconds(60)));
        let mut ring = Ring::new(PANES as usize, || 0);
        let mut steps = |ring: &mut Ring<u32>, at| {
            ring.advance(panes.steps(seconds(at)), |pane| *pane = 0);
            *ring.newest() += 1;
            (panes.from().as_secs(), ring.iter().sum::<u32>())
        };
        assert_eq!(steps(&mut ring, 100), (100, 1));
        assert_eq!(steps(&mut ring, 109), (100, 2));
        assert_eq!(steps(&mut ring, 159), (100, 3));
        assert_eq!(steps(&mut ring, 160), (110, 2));
        // A clock that goes back counts in the newest pane.
        assert_eq!(steps(&mut ring, 5), (110, 3));
        assert_eq!(steps(&mut ring, 1_000_000), (999_940 + 10, 1));
        assert_eq!(steps(&mut ring, u64::MAX).1, 1);
    }

    #[test]
    fn without_a_window_everything_is_kept() {
        let mut panes = Panes::starting(Duration::from_secs(7), None);
        assert_eq!(panes.steps(Duration::MAX), 0);
        assert_eq!((panes.from().as_secs(), Panes::count(None)), (7, 1));
    }
}
