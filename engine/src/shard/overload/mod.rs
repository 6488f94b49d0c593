//! How many packets a shard that can't keep up has to leave out, as a state machine without side
//! effects or a clock.
//!
//! Each step leaves out half of the packets that the one before kept. A step up, to fewer packets,
//! follows at once from loss or from a ring that stays more than half full. A step down needs a
//! long time in which twice the packets would have fitted: the ring was nearly empty, and the shard
//! worked for at most two fifths of each second. A step down that proves wrong soon makes that time
//! twice as long, so that a load near a boundary does not make the rate swing.

use std::time::{Duration, Instant};

/// Time after a change in which nothing is decided: what is in the ring was captured before.
pub const SETTLE: Duration = Duration::from_millis(200);

/// Time for which a ring has to be more than half full before fewer packets are kept.
pub const FULL_FOR: Duration = Duration::from_millis(100);

/// Time for which more packets have to fit before they are kept.
pub const CALM: Duration = Duration::from_secs(10);

/// Most that steps down which proved wrong make of [`CALM`].
pub const MAX_CALM: Duration = Duration::from_secs(160);

/// Largest share of a second that a shard may work for if twice the packets are to fit: that makes
/// 0.8, and leaves a fifth for bursts.
const FITTING_SHARE: f64 = 0.4;

/// Least time over which the share of work is measured.
const MEASURE: Duration = Duration::from_secs(1);

/// The load of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Blocks that wait in the fullest ring.
    pub waiting: usize,
    /// Blocks of that ring.
    pub blocks: usize,
    /// Packets that the kernel has dropped since the start.
    pub drops: u64,
    /// Time for which the shard has worked since the start.
    pub busy: Duration,
}

/// The step that is in force, and what leads to the next.
#[derive(Clone, Debug)]
pub struct Overload {
    step: usize,
    last_step: usize,
    /// When the step was changed last.
    changed: Option<Instant>,
    /// When packets were added last, if the step has not gone up since.
    relaxed: Option<Instant>,
    /// Time for which more packets have to fit now.
    patience: Duration,
    /// Drops at the last look.
    drops: u64,
    /// Since when the ring has been more than half full, and the blocks that waited then.
    full: Option<(Instant, usize)>,
    calm: Calm,
}

/// A time without pressure.
#[derive(Clone, Copy, Debug)]
struct Calm {
    since: Instant,
    /// Start of the present measurement, and the time worked until then.
    measured: (Instant, Duration),
    /// Largest share of work measured.
    peak: f64,
}

impl Overload {
    /// All packets are kept, which is step 0. `last_step` is the highest step.
    #[must_use]
    pub fn new(last_step: usize, now: Instant) -> Self {
        Self {
            step: 0,
            last_step,
            changed: None,
            relaxed: None,
            patience: CALM,
            drops: 0,
            full: None,
            calm: Calm::start(now, Duration::ZERO),
        }
    }

    /// The step in force: 1 of 2^step packets is kept.
    #[must_use]
    pub fn step(&self) -> usize {
        self.step
    }

    /// Whether there is a choice.
    #[must_use]
    pub fn can_change(&self) -> bool {
        self.last_step > 0
    }

    /// When [`Overload::look`] is due without any packet; `None` while all are kept.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        (self.step > 0).then(|| self.calm.since + self.patience)
    }

    /// Considers the load; returns the new step if it changes.
    pub fn look(&mut self, now: Instant, load: &Load) -> Option<usize> {
        let has_dropped = load.drops > self.drops;
        self.drops = load.drops;
        self.calm.measure(now, load.busy);
        if has_dropped || load.waiting > (load.blocks / 4).max(1) {
            self.calm = Calm::start(now, load.busy);
        }
        if self.changed.is_some_and(|at| now < at + SETTLE) {
            self.full = None;
            return None;
        }
        let step = if has_dropped || self.stays_full(now, load) {
            self.sparser(now)
        } else {
            self.denser(now)
        };
        if step != self.step {
            self.step = step;
            self.changed = Some(now);
            self.full = None;
            self.calm = Calm::start(now, load.busy);
            return Some(step);
        }
        if now >= self.calm.since + self.patience {
            self.calm = Calm::start(now, load.busy);
        }
        None
    }

    /// Stays on a step, because the one that [`Overload::look`] gave could not be put in force.
    pub fn stay(&mut self, step: usize) {
        self.step = step;
    }

    /// Allows other steps; the present one is kept if it is among them.
    pub fn set_last_step(&mut self, last_step: usize) {
        self.last_step = last_step;
        self.step = self.step.min(last_step);
    }

    /// Whether the ring has been more than half full for [`FULL_FOR`] and does not become emptier.
    fn stays_full(&mut self, now: Instant, load: &Load) -> bool {
        if load.waiting * 2 <= load.blocks {
            self.full = None;
            return false;
        }
        let (since, waiting) = *self.full.get_or_insert((now, load.waiting));
        if now < since + FULL_FOR {
            return false;
        }
        self.full = Some((now, load.waiting));
        load.waiting >= waiting
    }

    fn sparser(&mut self, now: Instant) -> usize {
        if self.step == self.last_step {
            return self.step;
        }
        if let Some(at) = self.relaxed.take() {
            self.patience = if now < at + self.patience {
                (self.patience * 2).min(MAX_CALM)
            } else {
                CALM
            };
        }
        self.step + 1
    }

    fn denser(&mut self, now: Instant) -> usize {
        let fits = now >= self.calm.since + self.patience && self.calm.peak <= FITTING_SHARE;
        if !fits || self.step == 0 {
            return self.step;
        }
        if self.relaxed.replace(now).is_some() {
            // The step down before this one was right.
            self.patience = CALM;
        }
        self.step - 1
    }
}

impl Calm {
    fn start(now: Instant, busy: Duration) -> Self {
        Self {
            since: now,
            measured: (now, busy),
            peak: 0.0,
        }
    }

    fn measure(&mut self, now: Instant, busy: Duration) {
        let (at, before) = self.measured;
        let elapsed = now.saturating_duration_since(at);
        if elapsed >= MEASURE {
            let share = busy.saturating_sub(before).as_secs_f64() / elapsed.as_secs_f64();
            self.peak = self.peak.max(share);
            self.measured = (now, busy);
        }
    }
}

#[cfg(test)]
mod tests;
