//! The sampling rate of a live shard: that of `-s`, and with `--overload sample` as much less as
//! its load demands.
//!
//! The kernel samples, in the capture filter, before it copies a packet. [`Overload`] decides;
//! this measures the load and attaches the filters.

use std::io;
use std::time::{Duration, Instant};

use log::{info, warn};

use super::intake::Intake;
use super::overload::{Load, Overload};
use crate::capture::rates::Rates;

/// Least time between two looks at the load: each takes a system call for each ring.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The rates that were in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// The present rate: 1 of this many packets is kept; 0 if sampling is off.
    pub rate: u32,
    /// The highest rate so far.
    pub highest: u32,
    /// How often load changed the rate.
    pub changes: u64,
}

/// The load of a shard, and the step of its capture filters that follows from it.
#[derive(Debug)]
pub struct Sampling {
    /// Index of the shard, for messages.
    core: usize,
    overload: Overload,
    /// When the next look at the load may be taken.
    look_at: Instant,
    /// Time for which the shard has worked since the start.
    busy: Duration,
    sampled: Sampled,
}

impl Sampling {
    /// The sampling of shard number `core`. The first filter of each intake is attached.
    #[must_use]
    pub fn new(core: usize, intakes: &[Intake]) -> Self {
        let now = Instant::now();
        let first = intakes.first().map(|intake| &intake.filters);
        let rate = first.map_or(0, |filters| filters.rate(0));
        Self {
            core,
            overload: Overload::new(first.map_or(0, Rates::last_step), now),
            look_at: now,
            busy: Duration::ZERO,
            sampled: Sampled {
                rate,
                highest: rate,
                changes: 0,
            },
        }
    }

    /// The rates so far.
    pub(super) fn sampled(&self) -> Sampled {
        self.sampled
    }

    /// The rate in force: 1 of this many packets is kept; 0 if sampling is off.
    pub(super) fn rate(&self) -> u32 {
        self.sampled.rate
    }

    /// Whether load may change the rate.
    pub(super) fn can_change(&self) -> bool {
        self.overload.can_change()
    }

    /// When a look at the load is due even if no packet arrives.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.overload.deadline().map(|at| at.max(self.look_at))
    }

    /// The shard has worked from `start` until `now`, and not waited. Takes a look at the load, if
    /// it is time, and attaches other filters if need be; returns whether the rate has changed.
    pub(super) fn worked(&mut self, start: Instant, now: Instant, intakes: &mut [Intake]) -> bool {
        if !self.overload.can_change() {
            return false;
        }
        self.busy += now.saturating_duration_since(start);
        if now < self.look_at {
            return false;
        }
        self.look_at = now + LOOK_INTERVAL;
        let load = self.load(intakes);
        let before = self.overload.step();
        let Some(step) = self.overload.look(now, &load) else {
            return false;
        };
        let core = self.core;
        if let Err(error) = attach(step, intakes) {
            // The filters of before were attached once, so that there is memory for them.
            let _ = attach(before, intakes);
            self.overload.stay(before);
            warn!(core; "core {core}: can't change the sample rate: {error}");
            return false;
        }
        self.sampled.changes += 1;
        self.set_rate(intakes);
        let kept = Kept(self.rate());
        if step > before {
            warn!(core; "core {core} is overloaded: keeping {kept} from now on");
        } else {
            info!(core; "core {core} has room again: keeping {kept} from now on");
        }
        true
    }

    fn load(&self, intakes: &mut [Intake]) -> Load {
        let mut load = Load {
            busy: self.busy,
            ..Load::default()
        };
        for intake in intakes {
            let (waiting, blocks) = intake.ring.filling();
            // Rings of one shard have the same size.
            load.waiting = load.waiting.max(waiting);
            load.blocks = blocks;
            load.drops += intake.kernel_counts().drops;
        }
        load
    }

    /// Gives the intakes other filters, and attaches those of the step in force, or of the last one
    /// that there is. If the kernel rejects one, the intakes keep theirs, and those are to be
    /// attached again.
    pub(super) fn replace(&mut self, filters: &[Rates], intakes: &mut [Intake]) -> io::Result<()> {
        let step = self.overload.step();
        for (intake, filters) in intakes.iter().zip(filters) {
            filters.attach(step, &intake.ring)?;
        }
        for (intake, filters) in intakes.iter_mut().zip(filters) {
            intake.filters = filters.clone();
        }
        let last_step = filters.first().map_or(0, Rates::last_step);
        self.overload.set_last_step(last_step);
        self.set_rate(intakes);
        Ok(())
    }

    /// An intake has another ring, to which its first filter is attached.
    pub(super) fn join(&self, intake: &Intake) {
        let core = self.core;
        if let Err(error) = intake.filters.attach(self.overload.step(), &intake.ring) {
            warn!(core; "core {core}: can't attach the capture filter: {error}; it keeps more packets than the others");
        }
    }

    /// All intakes have the same rates.
    fn set_rate(&mut self, intakes: &[Intake]) {
        let step = self.overload.step();
        let first = intakes.first();
        self.sampled.rate = first.map_or(0, |intake| intake.filters.rate(step));
        self.sampled.highest = self.sampled.highest.max(self.sampled.rate);
    }
}

fn attach(step: usize, intakes: &[Intake]) -> io::Result<()> {
    let mut intakes = intakes.iter();
    intakes.try_for_each(|intake| intake.filters.attach(step, &intake.ring))
}

/// Formats a sampling rate.
#[derive(Clone, Copy, Debug)]
pub struct Kept(
    /// 1 of this many packets is kept; 0 stands for 1.
    pub u32,
);

impl std::fmt::Display for Kept {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 | 1 => write!(out, "all packets"),
            rate => write!(out, "1 of {rate} packets"),
        }
    }
}
