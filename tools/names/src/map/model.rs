//! The map against a naive one that keeps every look-up and goes through all of them.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::span::Span;
use super::{Limits, Map};
use crate::answer::Match;
use crate::question::Time;

/// Milliseconds.
const GRACE: u64 = 10_000;
const TOLERANCE: u64 = 2_000;

/// Runs that a question looks at.
const NEAR: usize = 16;

/// A look-up; times are milliseconds.
#[derive(Clone, Debug)]
struct LookUp {
    client: u8,
    address: u8,
    name: u8,
    time: u64,
    ttl: u64,
}

/// Look-ups of a name by someone without another name between.
#[derive(Clone, Debug)]
struct Run {
    name: u8,
    first: u64,
    last: u64,
    expiry: u64,
    count: usize,
}

impl Run {
    fn new(look_up: &LookUp) -> Self {
        Self {
            name: look_up.name,
            first: look_up.time,
            last: look_up.time,
            expiry: look_up.time + look_up.ttl,
            count: 1,
        }
    }

    fn add(&mut self, look_up: &LookUp) {
        self.last = look_up.time;
        self.expiry = self.expiry.max(look_up.time + look_up.ttl);
        self.count += 1;
    }

    /// 0 if it held, 1 if it began slightly later, 2 if it no longer held; none if it began later.
    fn lies(&self, at: u64) -> Option<u8> {
        if self.first > at {
            (self.first <= at + TOLERANCE).then_some(1)
        } else if at <= self.expiry + GRACE {
            Some(0)
        } else {
            Some(2)
        }
    }
}

/// What the answer has to be.
fn expected(
    look_ups: &[LookUp],
    kept: usize,
    (client, address): (u8, u8),
    at: u64,
) -> (Match, Vec<u8>) {
    let of_address = look_ups.iter().filter(|look_up| look_up.address == address);
    let mut runs: Vec<Run> = Vec::new();
    for look_up in of_address
        .clone()
        .filter(|look_up| look_up.client == client)
    {
        match runs.last_mut() {
            Some(run) if run.name == look_up.name => run.add(look_up),
            _ => runs.push(Run::new(look_up)),
        }
    }
    let mut ranked = Vec::new();
    let near = runs
        .iter()
        .rev()
        .take(kept)
        .skip_while(|run| run.lies(at).is_none());
    for run in near.take(NEAR) {
        ranked.extend(
            run.lies(at)
                .map(|lies| (lies, run.first.abs_diff(at), run.name)),
        );
    }
    // The nearest first.
    ranked.sort_by_key(|(lies, distance, _)| (*lies, *distance));
    if let Some((best, ..)) = ranked.first() {
        let matched = if *best < 2 {
            Match::Client
        } else {
            Match::ClientExpired
        };
        let mut names = Vec::new();
        for (.., name) in ranked {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        return (matched, names);
    }
    let mut told: Vec<Run> = Vec::new();
    for look_up in of_address {
        match told.iter_mut().find(|run| run.name == look_up.name) {
            Some(run) => run.add(look_up),
            None => told.push(Run::new(look_up)),
        }
    }
    let best = told.iter().filter_map(|run| run.lies(at)).min();
    told.retain(|run| best.is_some() && run.lies(at) == best);
    told.sort_by_key(|run| std::cmp::Reverse((run.count, run.last)));
    let matched = if told.is_empty() {
        Match::None
    } else {
        Match::Others
    };
    (matched, told.iter().map(|run| run.name).collect())
}

fn ip(kind: u8, number: u8) -> IpAddr {
    IpAddr::from([kind, 0, 2, number])
}

proptest! {
    #[test]
    fn it_answers_as_one_that_keeps_every_look_up(
        steps in prop::collection::vec((0_u8..2, 0_u8..3, 0_u8..6, 1_u64..20_000, 0_u64..60), 0..200),
        questions in prop::collection::vec((0_u8..3, 0_u8..4, 0_u64..2_200_000), 1..60),
        kept in 1_usize..40,
    ) {
        let mut map = Map::new(Limits {
            grace: Duration::from_millis(GRACE),
            runs: kept,
            ..Limits::default()
        });
        let mut time = 0;
        let mut look_ups = Vec::new();
        for (client, address, name, pause, ttl) in steps {
            time += pause;
            let ttl = ttl * 1000;
            look_ups.push(LookUp { client, address, name, time, ttl });
            let span = Span::new(time * 1000, u32::try_from(ttl).unwrap());
            let mut text = format!("{name}");
            map.learn_text(ip(1, client), &mut text, span, [ip(2, address)].into_iter());
        }
        for (client, address, at) in questions {
            let asked = Time(Duration::from_millis(at));
            let found = map.best(Some(ip(1, client)), ip(2, address), asked);
            let names = found.names().iter().map(|view| view.name().parse().unwrap());
            let answer = (found.matched, names.collect::<Vec<u8>>());
            prop_assert_eq!(answer, expected(&look_ups, kept, (client, address), at));
            let sum: f32 = found.names().iter().map(|view| view.confidence).sum();
            prop_assert!(sum <= 1.0);
        }
    }
}
