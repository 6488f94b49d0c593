//! The entries of the map: runs of look-ups of one chain, for one client and address.
//!
//! They are what most memory goes to: 48 bytes each, and 4 bytes for each pair of a client and an
//! address. There is no gap between them: where one goes, the last one comes. So their memory can be given
//! back when names or addresses need more.

use ahash::RandomState;

use super::compact::{Numbers, renumbered};
use super::ids::half;
use super::order::{Links, Order, Ordered};
use super::slab::{self, Buckets, Chained, NONE};
use super::span::Span;

/// A run: `chain` was what `client` was told for `address`, and nothing else between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) client: u32,
    pub(super) address: u32,
    pub(super) chain: u32,
    pub(super) span: Span,
    /// The run of the pair that began before.
    pub(super) older: u32,
    /// The newest run of the next pair in the bucket; of the newest run of a pair only.
    bucket: u32,
    used: Links,
}

#[derive(Debug)]
struct Entries {
    runs: Vec<Run>,
    state: RandomState,
}

impl Entries {
    fn hash_of(&self, client: u32, address: u32) -> u32 {
        let pair = u64::from(client) << 32 | u64::from(address);
        half(self.state.hash_one(pair))
    }
}

impl Chained for Entries {
    fn hash(&self, id: u32) -> u32 {
        let run = &self.runs[id as usize];
        self.hash_of(run.client, run.address)
    }

    fn next(&self, id: u32) -> u32 {
        self.runs[id as usize].bucket
    }

    fn set_next(&mut self, id: u32, next: u32) {
        self.runs[id as usize].bucket = next;
    }
}

impl Ordered for Entries {
    fn links(&mut self, id: u32) -> &mut Links {
        &mut self.runs[id as usize].used
    }
}

/// Where a run belongs among those of its pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    head: u32,
    newer: u32,
    older: u32,
    /// Runs that are newer.
    passed: usize,
}

/// What became of a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Added {
    /// It is there; if it is one too many for the pair, the oldest one is to be removed.
    New { beyond: Option<u32> },
    /// It is older than all runs of the pair, and these are as many as may be.
    TooOld,
}

/// All runs, by pair and by use.
#[derive(Debug)]
pub(super) struct Runs {
    entries: Entries,
    buckets: Buckets,
    pairs: usize,
    order: Order,
}

impl Runs {
    pub(super) fn new() -> Self {
        Self {
            entries: Entries {
                runs: Vec::new(),
                state: RandomState::new(),
            },
            buckets: Buckets::new(),
            pairs: 0,
            order: Order::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.runs.len()
    }

    pub(super) fn bytes(&self) -> usize {
        slab::allocated(&self.entries.runs) + self.buckets.bytes()
    }

    /// Bytes that one more run will allocate.
    pub(super) fn needed(&self) -> usize {
        let runs = slab::needed(&self.entries.runs);
        runs.saturating_add(self.buckets.needed(self.pairs))
    }

    pub(super) fn get(&self, id: u32) -> &Run {
        &self.entries.runs[id as usize]
    }

    /// Those of these numbers.
    pub(super) fn range(&self, numbers: std::ops::Range<usize>) -> &[Run] {
        self.entries.runs.get(numbers).unwrap_or_default()
    }

    fn get_mut(&mut self, id: u32) -> &mut Run {
        &mut self.entries.runs[id as usize]
    }

    /// The newest run of a pair.
    pub(super) fn newest(&self, client: u32, address: u32) -> u32 {
        let hash = self.entries.hash_of(client, address);
        let mut id = self.buckets.first(hash);
        while id != NONE {
            let run = self.get(id);
            if run.client == client && run.address == address {
                break;
            }
            id = run.bucket;
        }
        id
    }

    /// The runs of a pair, the newest first.
    pub(super) fn of_pair(&self, client: u32, address: u32) -> impl Iterator<Item = &Run> {
        let mut id = self.newest(client, address);
        std::iter::from_fn(move || {
            let run = (id != NONE).then(|| self.get(id))?;
            id = run.older;
            Some(run)
        })
    }

    /// All runs, the least recently used first.
    pub(super) fn by_use(&self) -> impl Iterator<Item = &Run> {
        let mut id = self.order.least();
        std::iter::from_fn(move || {
            let run = (id != NONE).then(|| self.get(id))?;
            id = run.used.after;
            Some(run)
        })
    }

    /// Where a look-up belongs by its time.
    pub(super) fn spot(&self, client: u32, address: u32, time: u64) -> Spot {
        let head = self.newest(client, address);
        let (mut newer, mut older, mut passed) = (NONE, head, 0);
        while older != NONE && self.get(older).span.first() > time {
            newer = older;
            older = self.get(older).older;
            passed += 1;
        }
        Spot {
            head,
            newer,
            older,
            passed,
        }
    }

    /// Makes the run before or behind the spot longer, if it is one of that chain.
    pub(super) fn extend(&mut self, spot: &Spot, chain: u32, span: Span) -> bool {
        for id in [spot.older, spot.newer] {
            if id != NONE && self.get(id).chain == chain {
                self.get_mut(id).span.extend(span);
                self.order.remove(&mut self.entries, id);
                self.order.add(&mut self.entries, id);
                return true;
            }
        }
        false
    }

    /// Puts a new run at its spot, of a pair that has `most` runs at most.
    pub(super) fn add(
        &mut self,
        spot: &Spot,
        (client, address): (u32, u32),
        chain: u32,
        span: Span,
        most: usize,
    ) -> Added {
        let Spot {
            head,
            newer,
            older,
            passed,
        } = *spot;
        if passed >= most {
            return Added::TooOld;
        }
        let run = Run {
            client,
            address,
            chain,
            span,
            older,
            bucket: NONE,
            used: Links::NONE,
        };
        let id = slab::push(&mut self.entries.runs, run);
        self.order.add(&mut self.entries, id);
        if newer != NONE {
            self.get_mut(newer).older = id;
        } else if head != NONE {
            self.get_mut(id).bucket = self.get(head).bucket;
            self.buckets.replace(&mut self.entries, head, id);
        } else {
            self.pairs += 1;
            self.buckets.insert(&mut self.entries, id, self.pairs);
        }
        let beyond = self.nth_older(id, most - passed);
        Added::New { beyond }
    }

    /// The run that is `count` runs older.
    fn nth_older(&self, mut id: u32, count: usize) -> Option<u32> {
        for _ in 0..count {
            if id == NONE {
                return None;
            }
            id = self.get(id).older;
        }
        (id != NONE).then_some(id)
    }

    /// The run that was extended longest ago.
    pub(super) fn least_recent(&self) -> Option<u32> {
        let id = self.order.least();
        (id != NONE).then_some(id)
    }

    /// Takes a run out and returns it.
    pub(super) fn remove(&mut self, id: u32) -> Run {
        self.unlink_pair(id);
        self.order.remove(&mut self.entries, id);
        let last = u32::try_from(self.len() - 1).unwrap_or(NONE);
        if last != id {
            self.lead_to(last, id);
        }
        self.entries.runs.swap_remove(id as usize)
    }

    /// Gives memory back where much is free.
    pub(super) fn shrink(&mut self) {
        let runs = &mut self.entries.runs;
        if runs.capacity() - runs.len() > slab::step(runs.len()) {
            runs.shrink_to(runs.len());
        }
    }

    /// Takes over the new numbers of what the runs refer to.
    pub(super) fn renumber(&mut self, clients: &Numbers, addresses: &Numbers, chains: &Numbers) {
        for run in &mut self.entries.runs {
            run.client = renumbered(clients, run.client);
            run.address = renumbered(addresses, run.address);
            run.chain = renumbered(chains, run.chain);
        }
        self.buckets.rebuild(&mut self.entries);
    }

    fn unlink_pair(&mut self, id: u32) {
        let run = *self.get(id);
        let head = self.newest(run.client, run.address);
        if head != id {
            let newer = self.newer_than(head, id);
            self.get_mut(newer).older = run.older;
        } else if run.older == NONE {
            self.buckets.remove(&mut self.entries, id);
            self.pairs -= 1;
        } else {
            self.get_mut(run.older).bucket = run.bucket;
            self.buckets.replace(&mut self.entries, id, run.older);
        }
    }

    /// The run of the pair before `id`, from `head` on, which is another one.
    fn newer_than(&self, head: u32, id: u32) -> u32 {
        let mut newer = head;
        while self.get(newer).older != id {
            newer = self.get(newer).older;
        }
        newer
    }

    /// Lets all that leads to `id` lead to `place`, where it will be.
    fn lead_to(&mut self, id: u32, place: u32) {
        let run = *self.get(id);
        let head = self.newest(run.client, run.address);
        if head == id {
            self.buckets.replace(&mut self.entries, id, place);
        } else {
            let newer = self.newer_than(head, id);
            self.get_mut(newer).older = place;
        }
        self.order.lead_to(&mut self.entries, id, place);
    }
}
