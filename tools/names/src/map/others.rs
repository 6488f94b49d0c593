//! What all clients were told of an address: a few chains, with how often.
//!
//! Of more chains than are kept, the ones told most often stay (Metwally, Agrawal and El Abbadi,
//! "Efficient computation of frequent and top-k elements in data streams", 2005: space-saving), and
//! those that still hold before those that don't.

use super::compact::{Numbers, renumbered};
use super::slab::{self, NONE};
use super::span::Span;

/// Chains of an address at most.
pub(super) const MAX_TOLD: usize = 8;

/// A chain that clients were told for an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// [`NONE`] if the place is free.
    pub(super) chain: u32,
    /// The next one of the address, or the next one that is free.
    next: u32,
    /// Look-ups; with more chains than are kept, at most so many.
    pub(super) count: u32,
    pub(super) span: Span,
}

/// The chains of all addresses.
#[derive(Debug)]
pub(super) struct Others {
    told: Vec<Told>,
    free: u32,
    count: usize,
}

impl Others {
    pub(super) fn new() -> Self {
        Self {
            told: Vec::new(),
            free: NONE,
            count: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn bytes(&self) -> usize {
        slab::allocated(&self.told)
    }

    /// Bytes that one more chain of an address will allocate.
    pub(super) fn needed(&self) -> usize {
        if self.free == NONE {
            slab::needed(&self.told)
        } else {
            0
        }
    }

    /// Bytes of places that are free.
    pub(super) fn wasted(&self) -> usize {
        (self.told.len() - self.count) * size_of::<Told>()
    }

    /// Gives free places back, with the new numbers of chains. Returns those of what was told.
    pub(super) fn compact(&mut self, chains: &Numbers) -> Vec<u32> {
        let numbers = slab::compact(&mut self.told, |told| told.chain != NONE);
        self.free = NONE;
        for told in &mut self.told {
            told.next = renumbered(&numbers, told.next);
            told.chain = renumbered(chains, told.chain);
        }
        numbers
    }

    fn get_mut(&mut self, id: u32) -> &mut Told {
        &mut self.told[id as usize]
    }

    /// The chains of an address, from its first one on.
    pub(super) fn of_address(&self, first: u32) -> impl Iterator<Item = (u32, &Told)> {
        let mut id = first;
        std::iter::from_fn(move || {
            let told = (id != NONE).then(|| &self.told[id as usize])?;
            let this = (id, told);
            id = told.next;
            Some(this)
        })
    }

    /// Counts a chain of the address whose first one is `first`. Unless it was known, the caller refers to
    /// `chain` from now on.
    pub(super) fn count(&mut self, first: u32, chain: u32, count: u32, span: Span) -> Counted {
        let mut kept = 0;
        let mut least: Option<(bool, u32, u32)> = None;
        let mut found = None;
        for (id, told) in self.of_address(first) {
            if told.chain == chain {
                found = Some(id);
                break;
            }
            kept += 1;
            let rank = (told.span.expiry() >= span.first(), told.count, id);
            least = Some(least.map_or(rank, |least| least.min(rank)));
        }
        if let Some(id) = found {
            let told = self.get_mut(id);
            told.count = told.count.saturating_add(count);
            told.span.extend(span);
            return Counted::Known;
        }
        match least {
            Some((_, before, id)) if kept >= MAX_TOLD => {
                let told = self.get_mut(id);
                let gone = told.chain;
                told.chain = chain;
                told.count = before.saturating_add(count);
                told.span = span;
                Counted::Replaced(gone)
            }
            _ => Counted::Added(self.insert(Told {
                chain,
                next: first,
                count,
                span,
            })),
        }
    }

    fn insert(&mut self, told: Told) -> u32 {
        self.count += 1;
        if self.free == NONE {
            return slab::push(&mut self.told, told);
        }
        let id = self.free;
        let place = self.get_mut(id);
        let next = place.next;
        *place = told;
        self.free = next;
        id
    }

    /// Forgets the chains of an address, from its first one on, and gives each to `release`.
    pub(super) fn remove_all(&mut self, first: u32, mut release: impl FnMut(u32)) {
        let mut id = first;
        while id != NONE {
            let free = self.free;
            let told = self.get_mut(id);
            let next = told.next;
            told.next = free;
            release(std::mem::replace(&mut told.chain, NONE));
            self.free = id;
            self.count -= 1;
            id = next;
        }
    }
}

/// What became of a chain that was counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    /// The address has it already.
    Known,
    /// It is the first one of the address now, under that number.
    Added(u32),
    /// It is in the place of another one.
    Replaced(u32),
}
