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

/// The filters of a shard, and which of them are attached.
#[derive(Debug)]
pub struct Sampling {
    /// Index of the shard, for messages.
    core: usize,
    /// One for each interface, in the order of `-i`.
    filters: Vec<Rates>,
    overload: Overload,
    /// When the next look at the load may be taken.
    look_at: Instant,
    /// Time for which the shard has worked since the start.
    busy: Duration,
    highest: u32,
    changes: u64,
}

impl Sampling {
    /// The sampling of shard number `core`. `filters` has one for each interface, in the order of
    /// `-i`; the first step of each is attached.
    #[must_use]
    pub fn new(core: usize, filters: Vec<Rates>) -> Self {
        let now = Instant::now();
        let mut sampling = Self {
            core,
            overload: Overload::new(last_step(&filters), now),
            filters,
            look_at: now,
            busy: Duration::ZERO,
            highest: 0,
            changes: 0,
        };
        sampling.highest = sampling.rate();
        sampling
    }

    /// The rates so far.
    pub(super) fn sampled(&self) -> Sampled {
        Sampled {
            rate: self.rate(),
            highest: self.highest,
            changes: self.changes,
        }
    }

    /// The rate in force: 1 of this many packets is kept; 0 if sampling is off.
    pub(super) fn rate(&self) -> u32 {
        self.rate_of(self.overload.step())
    }

    fn rate_of(&self, step: usize) -> u32 {
        self.filters.first().map_or(0, |rates| rates.rate(step))
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
        if let Err(error) = attach(&self.filters, step, intakes) {
            // The filters of before were attached once, so that there is memory for them.
            let _ = attach(&self.filters, before, intakes);
            self.overload.stay(before);
            warn!(core; "core {core}: can't change the sample rate: {error}");
            return false;
        }
        self.changes += 1;
        self.highest = self.highest.max(self.rate());
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

    /// Attaches other filters, at the step in force or the last one that they have. If the kernel
    /// rejects one, those of before are to be attached again: some interfaces may have others.
    pub(super) fn replace(&mut self, filters: &[Rates], intakes: &[Intake]) -> io::Result<()> {
        let step = self.overload.step().min(last_step(filters));
        attach(filters, step, intakes)?;
        self.filters = filters.to_vec();
        self.overload.set_last_step(last_step(filters));
        self.highest = self.highest.max(self.rate());
        Ok(())
    }

    /// The interface of this index got another ring, with these filters.
    pub(super) fn replace_one(&mut self, index: usize, filters: Rates, intake: &Intake) {
        let core = self.core;
        if let Err(error) = filters.attach(self.overload.step(), &intake.ring) {
            warn!(core; "core {core}: can't attach the capture filter: {error}; it keeps more packets than the others");
        }
        if let Some(place) = self.filters.get_mut(index) {
            *place = filters;
        }
    }
}

/// The steps of all interfaces are the same.
fn last_step(filters: &[Rates]) -> usize {
    filters.first().map_or(0, Rates::last_step)
}

fn attach(filters: &[Rates], step: usize, intakes: &[Intake]) -> io::Result<()> {
    let mut pairs = intakes.iter().zip(filters);
    pairs.try_for_each(|(intake, rates)| rates.attach(step, &intake.ring))
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
