use super::*;

/// Time from one look to the next, as in the shard.
const LOOK: Duration = Duration::from_millis(20);

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

const BLOCKS: usize = 64;

/// A shard that can process one block a millisecond, and a ring of [`BLOCKS`] blocks.
struct Simulation {
    overload: Overload,
    start: Instant,
    now: Instant,
    /// Blocks in the ring.
    queue: f64,
    drops: f64,
    busy: Duration,
    /// Times of changes since the start, with the new step.
    changes: Vec<(Duration, usize)>,
}

impl Simulation {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            overload: Overload::new(10, start),
            start,
            now: start,
            queue: 0.0,
            drops: 0.0,
            busy: Duration::ZERO,
            changes: Vec::new(),
        }
    }

    /// Lets `time` go by. `load` gives, for the time since the start, the packets that arrive as a
    /// multiple of what the shard can process, and what part of that it can process then.
    fn run(&mut self, time: Duration, load: impl Fn(Duration) -> (f64, f64)) {
        let end = self.now + time;
        while self.now < end {
            self.now += LOOK;
            let (arriving, able) = load(self.now - self.start);
            let blocks = LOOK.as_secs_f64() * 1000.0;
            let kept = arriving * blocks / f64::from(1 << self.overload.step());
            let able = able * blocks;
            let done = (self.queue + kept).min(able);
            self.queue += kept - done;
            self.busy += LOOK.mul_f64(done / blocks);
            let room = f64::from(u32::try_from(BLOCKS).expect("a few"));
            self.drops += (self.queue - room).max(0.0) * 1000.0;
            self.queue = self.queue.min(room);
            self.look();
        }
    }

    fn constant(&mut self, time: Duration, arriving: f64) {
        self.run(time, |_| (arriving, 1.0));
    }

    fn look(&mut self) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small numbers that are not negative"
        )]
        let load = Load {
            waiting: self.queue as usize,
            blocks: BLOCKS,
            drops: self.drops as u64,
            busy: self.busy,
        };
        let before = self.overload.step();
        let changed = self.overload.look(self.now, &load);
        assert_eq!(changed.is_some(), self.overload.step() != before);
        if let Some(step) = changed {
            assert!(step.abs_diff(before) == 1, "from {before} to {step}");
            self.changes.push((self.now - self.start, step));
        }
    }
}

#[test]
fn what_fits_is_kept() {
    for load in [0.0, 0.1, 0.5, 0.9, 1.0] {
        let mut shard = Simulation::new();
        shard.constant(10 * MINUTE, load);
        assert_eq!(shard.changes, [], "at {load}");
        assert_eq!(shard.overload.deadline(), None, "at {load}");
    }
}

/// A second of too much fits the ring of 64 ms if it is little too much.
#[test]
fn what_the_ring_takes_up_is_kept() {
    let mut shard = Simulation::new();
    shard.run(10 * MINUTE, |at| {
        let is_burst = at.as_millis() % 1000 < 10;
        (if is_burst { 3.0 } else { 0.5 }, 1.0)
    });
    assert_eq!(shard.changes, []);
    assert!(shard.drops == 0.0);
}

#[test]
fn a_constant_load_settles_and_does_not_swing() {
    for load in [
        1.05, 1.2, 1.5, 1.9, 2.0, 2.1, 3.0, 3.9, 5.0, 10.0, 33.0, 100.0, 700.0,
    ] {
        let mut shard = Simulation::new();
        shard.constant(5 * SECOND, load);
        let (dropped, up) = (shard.drops, shard.changes.len());
        assert!(up > 0, "at {load}");
        shard.constant(60 * MINUTE, load);
        assert!(shard.drops <= dropped, "at {load}: {:?}", shard.changes);
        let kept = load / f64::from(1 << shard.overload.step());
        assert!((0.2..1.0).contains(&kept), "at {load}: {kept} of what fits");
        // Whatever was too much of a reaction has been taken back by then.
        let late = shard.changes.iter().filter(|(at, _)| *at > MINUTE);
        assert_eq!(late.count(), 0, "at {load}: {:?}", shard.changes);
    }
}

#[test]
fn it_reacts_at_once_and_recovers_step_by_step() {
    let mut shard = Simulation::new();
    shard.constant(MINUTE, 0.5);
    shard.constant(2 * SECOND, 14.0);
    let (first, _) = shard.changes[0];
    assert!(first <= MINUTE + SECOND / 5, "{:?}", shard.changes);
    let most = shard.overload.step();
    assert!((4..=5).contains(&most), "{:?}", shard.changes);
    let up = shard.changes.len();
    shard.constant(5 * MINUTE, 0.5);
    let down = &shard.changes[up..];
    assert_eq!(down.len(), most, "{down:?}");
    for pair in down.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= CALM, "{down:?}");
        assert!(pair[1].0 - pair[0].0 <= CALM + SECOND, "{down:?}");
    }
    assert_eq!(shard.overload.step(), 0);
    assert_eq!(shard.overload.deadline(), None);
}

/// A shard that was stopped for a second, and its ring is full: that is no reason to leave out much.
#[test]
fn after_a_stall() {
    let mut shard = Simulation::new();
    shard.run(2 * MINUTE, |at| {
        let is_stopped = (SECOND..2 * SECOND).contains(&at);
        (0.3, if is_stopped { 0.0 } else { 1.0 })
    });
    let steps: Vec<usize> = shard.changes.iter().map(|(_, step)| *step).collect();
    let most = steps.iter().max().expect("it reacts");
    assert_eq!(steps.len(), 2 * most, "up and down: {:?}", shard.changes);
    assert_eq!(shard.overload.step(), 0);
}

/// Overload of one second in each 15: the time that has to pass before more is kept grows.
#[test]
fn a_load_that_comes_back_makes_it_patient() {
    let mut shard = Simulation::new();
    shard.run(60 * MINUTE, |at| {
        let is_burst = at.as_secs().is_multiple_of(15);
        (if is_burst { 1.9 } else { 0.1 }, 1.0)
    });
    let last = Duration::from_secs(50 * 60);
    let late = shard.changes.iter().filter(|(at, _)| *at > last).count();
    let all = shard.changes.len();
    assert!(late <= 2 * 600 / 160 + 2, "{late} of {:?}", shard.changes);
    assert!(all < 120, "{all} in an hour");
    // When the bursts end it returns to all packets, and to its first patience.
    shard.constant(20 * MINUTE, 0.1);
    assert_eq!(shard.overload.step(), 0);
    let before = shard.changes.len();
    shard.constant(SECOND, 1.9);
    shard.constant(20 * SECOND, 0.1);
    let [(up, 1), (down, 0)] = shard.changes[before..] else {
        panic!("up and down: {:?}", &shard.changes[before..]);
    };
    assert!(down - up < 13 * SECOND, "{up:?} to {down:?}");
}

/// No packet arrives any more: the deadline alone leads back.
#[test]
fn an_idle_shard_looks_at_its_deadline() {
    let mut shard = Simulation::new();
    shard.constant(2 * SECOND, 7.0);
    let most = shard.overload.step();
    assert!(most >= 3);
    shard.queue = 0.0;
    // It has worked in the time up to the first one.
    shard.now = shard.overload.deadline().expect("a step is in force");
    shard.look();
    assert_eq!(shard.overload.step(), most);
    for step in (0..most).rev() {
        shard.now = shard.overload.deadline().expect("a step is in force");
        shard.look();
        assert_eq!(shard.overload.step(), step);
    }
    assert_eq!(shard.overload.deadline(), None);
}

/// With a deadline that is always in the future, a shard never turns without work.
#[test]
fn the_deadline_is_behind_each_look() {
    let mut shard = Simulation::new();
    for (seconds, load) in [(2, 1.7), (60, 0.45), (60, 0.2), (3, 900.0), (200, 0.0)] {
        for _ in 0..seconds * 50 {
            shard.constant(LOOK, load);
            let deadline = shard.overload.deadline();
            assert!(deadline.is_none_or(|at| at > shard.now));
        }
    }
}

#[test]
fn the_last_step_is_the_last() {
    let mut shard = Simulation::new();
    shard.constant(MINUTE, 1e6);
    assert_eq!(shard.overload.step(), 10);
    shard.overload.set_last_step(3);
    assert_eq!(shard.overload.step(), 3);
    shard.constant(MINUTE, 1e6);
    assert_eq!(shard.overload.step(), 3);
    shard.overload.set_last_step(0);
    assert_eq!(shard.overload.step(), 0);
    assert!(!shard.overload.can_change());
    shard.constant(MINUTE, 1e6);
    assert_eq!(shard.overload.step(), 0);
}

/// A step that can't be put in force is asked for again, after a pause.
#[test]
fn a_step_that_was_not_possible() {
    let mut shard = Simulation::new();
    shard.constant(SECOND, 3.0);
    let (at, step) = shard.changes.pop().expect("it reacts");
    shard.changes.clear();
    shard.overload.stay(step - 1);
    shard.constant(5 * SECOND, 3.0);
    let (again, same) = shard.changes[0];
    assert_eq!(same, step);
    assert!(again >= at + SETTLE);
}
