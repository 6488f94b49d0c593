//! How a question is answered; the documentation of [`crate::map`] says by which rules.

use std::net::IpAddr;
use std::time::Duration;

use super::others::{MAX_TOLD, Told};
use super::runs::Run;
use super::span::Span;
use super::{Map, spelling};
use crate::answer::{Answer, Candidate, Match};
use crate::confidence::{self, EXPIRED_FACTOR, NEXT_FACTOR};
use crate::question::Time;

/// Names of an answer at most.
pub const MAX_CANDIDATES: usize = 8;

/// Runs of a client that a question looks at: those nearest to its time.
const MAX_NEAR: usize = 16;

/// A name that an address may have stood for, as the map has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct View<'m> {
    text: &'m str,
    /// When it was first told.
    pub first: Time,
    /// When it was told last.
    pub last: Time,
    /// When that ceases to hold, with the time of grace.
    pub expiry: Time,
    /// How likely it is, from 0 to 1.
    pub confidence: f32,
}

impl<'m> View<'m> {
    /// The name that was asked for first.
    #[must_use]
    pub fn name(&self) -> &'m str {
        spelling::first(self.text)
    }

    /// The way from there to the owner of the address: the name, then the targets of aliases.
    pub fn chain(&self) -> impl Iterator<Item = &'m str> + Clone + use<'m> {
        spelling::names(self.text)
    }
}

/// An answer that is borrowed from the map.
#[derive(Clone, Copy, Debug)]
pub struct Found<'m> {
    /// How it was found.
    pub matched: Match,
    views: [View<'m>; MAX_CANDIDATES],
    count: usize,
}

impl<'m> Found<'m> {
    fn none() -> Self {
        Self {
            matched: Match::None,
            views: [View::default(); MAX_CANDIDATES],
            count: 0,
        }
    }

    /// The names, the likeliest first.
    #[must_use]
    pub fn names(&self) -> &[View<'m>] {
        self.views.get(..self.count).unwrap_or_default()
    }

    /// Adds a name, or its weight if it is there. Until [`Self::weigh`] the confidence is a weight.
    fn add(&mut self, view: View<'m>) {
        let known = self.views.iter_mut().take(self.count);
        for known in known {
            if known.name() == view.name() {
                known.confidence += view.confidence;
                return;
            }
        }
        if let Some(place) = self.views.get_mut(self.count) {
            *place = view;
            self.count += 1;
        }
    }

    /// Makes confidences of weights, which sum up to `sum`.
    fn weigh(&mut self, sum: f32) {
        let weights: f32 = self.names().iter().map(|view| view.confidence).sum();
        for view in self.views.iter_mut().take(self.count) {
            view.confidence *= sum / weights;
        }
    }
}

/// How a span lies to the time asked about; the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lies {
    Held,
    SlightlyLater,
    Expired,
    Later,
}

impl Map {
    /// Which names `address` stood for, for `client`, at that time.
    #[must_use]
    pub fn ask(&self, client: Option<IpAddr>, address: IpAddr, at: Time) -> Answer {
        let found = self.best(client, address, at);
        let candidate = |view: &View<'_>| Candidate {
            name: view.name().to_owned(),
            chain: view.chain().map(str::to_owned).collect(),
            first: view.first,
            last: view.last,
            expiry: view.expiry,
            confidence: view.confidence,
        };
        Answer {
            client,
            address,
            at,
            matched: found.matched,
            names: found.names().iter().map(candidate).collect(),
        }
    }

    /// The same without an allocation.
    #[must_use]
    pub fn best(&self, client: Option<IpAddr>, address: IpAddr, at: Time) -> Found<'_> {
        let Some(address) = self.addresses.find(address) else {
            return Found::none();
        };
        let at = super::micros(at.0);
        let client = client.and_then(|client| self.clients.find(client));
        let found = client.map(|client| self.of_client(client, address, at));
        match found {
            Some(found) if found.count > 0 => found,
            _ => self.of_others(address, at),
        }
    }

    fn of_client(&self, client: u32, address: u32, at: u64) -> Found<'_> {
        let mut found = Found::none();
        let mut runs: [Option<(Lies, &Run)>; MAX_NEAR] = [None; MAX_NEAR];
        let all = self.runs.of_pair(client, address);
        let all = all.map(|run| (self.lies(&run.span, at), run));
        let near = all.skip_while(|(lies, _)| *lies == Lies::Later);
        for (place, run) in runs.iter_mut().zip(near) {
            *place = Some(run);
        }
        // The nearest first: runs are in the order of the newest.
        let of = |wanted| move |(lies, _): &&(Lies, &Run)| *lies == wanted;
        let all = || runs.iter().flatten();
        let held = all().filter(of(Lies::Held));
        let later = all().rev().filter(of(Lies::SlightlyLater));
        let gone = all().filter(of(Lies::Expired));
        let mut weight = 1.0;
        let mut expired = None;
        for &(lies, run) in held.chain(later).chain(gone) {
            if lies == Lies::Expired && expired.is_none() {
                weight *= EXPIRED_FACTOR;
                expired = Some(run.span);
            }
            let before = found.count;
            found.add(self.view(run.chain, &run.span, weight));
            if before == 0 {
                found.matched = match lies {
                    Lies::Expired => Match::ClientExpired,
                    _ => Match::Client,
                };
            }
            if found.count > before {
                weight *= NEXT_FACTOR;
            }
        }
        let expired = expired.filter(|_| found.matched == Match::ClientExpired);
        found.weigh(confidence::CLIENT * self.decay(expired, at));
        found
    }

    fn of_others(&self, address: u32, at: u64) -> Found<'_> {
        let first = self.addresses.table.get(address).told;
        let mut told: [Option<(Lies, &Told)>; MAX_TOLD] = [None; MAX_TOLD];
        for (place, (_, each)) in told.iter_mut().zip(self.others.of_address(first)) {
            *place = Some((self.lies(&each.span, at), each));
        }
        let has = |wanted| told.iter().flatten().any(|(lies, _)| *lies == wanted);
        let kinds = [Lies::Held, Lies::SlightlyLater, Lies::Expired];
        let Some(wanted) = kinds.into_iter().find(|kind| has(*kind)) else {
            return Found::none();
        };
        let mut found = Found::none();
        found.matched = Match::Others;
        for (_, told) in told.iter().flatten().filter(|(lies, _)| *lies == wanted) {
            #[allow(clippy::cast_precision_loss, reason = "a share needs no more digits")]
            let weight = told.count as f32;
            found.add(self.view(told.chain, &told.span, weight));
        }
        let views = found.views.get_mut(..found.count).unwrap_or_default();
        views.sort_by(|one, other| {
            let weights = other.confidence.total_cmp(&one.confidence);
            weights.then(other.last.cmp(&one.last))
        });
        let newest = told.iter().flatten().map(|(_, told)| told.span);
        let expired = (wanted == Lies::Expired)
            .then(|| newest.max_by_key(Span::expiry))
            .flatten();
        found.weigh(confidence::OTHERS * self.decay(expired, at));
        found
    }

    fn lies(&self, span: &Span, at: u64) -> Lies {
        if span.first() > at.saturating_add(super::micros(confidence::TOLERANCE)) {
            Lies::Later
        } else if span.first() > at {
            Lies::SlightlyLater
        } else if span.expiry().saturating_add(self.grace()) >= at {
            Lies::Held
        } else {
            Lies::Expired
        }
    }

    /// By how much the confidence is less because a name no longer held.
    fn decay(&self, expired: Option<Span>, at: u64) -> f32 {
        let Some(span) = expired else {
            return 1.0;
        };
        let age = at.saturating_sub(span.expiry().saturating_add(self.grace()));
        confidence::decay(Duration::from_micros(age))
    }

    fn view(&self, chain: u32, span: &Span, weight: f32) -> View<'_> {
        let time = |micros| Time(Duration::from_micros(micros));
        View {
            text: self.chains.text(chain),
            first: time(span.first()),
            last: time(span.last()),
            expiry: time(span.expiry().saturating_add(self.grace())),
            confidence: weight,
        }
    }
}
