//! Who was told what: all entries of an address, a client or a name.
//!
//! A map finds names by a client and an address; nothing leads from a name to its addresses, or from an
//! address to its clients, since that would take memory for each entry. So a search looks at all entries,
//! a bounded number at a time: whoever has the map behind a lock can give it back between two
//! [`step`](Search::step)s. Entries that come meanwhile may be missing. It refuses to look at more than
//! [`MAX_LOOKED`] of them, and says so.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::runs::Run;
use super::{Map, spelling};
use crate::question::Time;

/// Entries that are kept of a search at most, whatever is asked for.
pub const MAX_ENTRIES: usize = 500;

/// Runs, and chains of names, that a search looks at in all.
pub const MAX_LOOKED: u64 = 1 << 25;

/// Runs of a step. They lie one behind the other.
const RUNS_AT_ONCE: usize = 1 << 16;

/// Chains of a step. Their texts lie anywhere.
const CHAINS_AT_ONCE: usize = 1 << 13;

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// What entries have in common.
    pub what: What,
    /// Only what this client was told.
    pub client: Option<IpAddr>,
    /// Only what was looked up at this time or later.
    pub since: Option<Time>,
    /// Only what was looked up at this time or before.
    pub until: Option<Time>,
}

/// What entries have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An address that clients were told.
    Address(IpAddr),
    /// An address, of a client or one that clients were told.
    Either(IpAddr),
    /// A name of the chain, as [`name_as_stored`](crate::question::name_as_stored) has it.
    Name(String),
    /// A name or one below it.
    Suffix(String),
    /// Nothing: all of a client.
    Anything,
}

/// A client was told an address by a chain of names, from a first look-up to a last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The address.
    pub address: IpAddr,
    /// Who asked.
    pub client: IpAddr,
    /// Owner of the address: the end of the chain.
    pub name: String,
    /// The name asked for.
    pub question: String,
    /// The way from the name asked for to the owner of the address.
    pub chain: Vec<String>,
    /// The first look-up.
    pub first: Time,
    /// The last one.
    pub last: Time,
    /// When that ceases to hold: the TTL and the time of grace later.
    pub expiry: Time,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// What was found, the latest first.
    pub rows: Vec<Entry>,
    /// How many more were found.
    pub more: u64,
    /// How many runs were looked at.
    pub looked: u64,
    /// Whether that is not all of them.
    pub partial: bool,
}

/// A search that goes on.
#[derive(Debug)]
pub struct Search {
    sought: Sought,
    most: usize,
    chains: Chosen,
    /// Runs below this number are left; none before the first one.
    left: Option<usize>,
    looked: u64,
    /// Chains among them.
    looked_chains: u64,
    matches: u64,
    /// The latest ones.
    kept: BinaryHeap<Reverse<Kept>>,
}

/// A run that was found. In the order of its last look-up.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    last: u64,
    first: u64,
    client: IpAddr,
    address: IpAddr,
    text: Box<str>,
    expiry: u64,
}

/// The chains that have the name: a bit each, by their number.
#[derive(Debug, Default)]
struct Chosen {
    bits: Vec<u64>,
    /// The next one to look at; none once all were looked at.
    next: Option<usize>,
    /// How often numbers had changed when these were given.
    compactions: u64,
}

impl Chosen {
    fn set(&mut self, number: usize) {
        let word = number / 64;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if let Some(word) = self.bits.get_mut(word) {
            *word |= 1 << (number % 64);
        }
    }

    fn has(&self, number: usize) -> bool {
        let word = self.bits.get(number / 64);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

impl Sought {
    /// Whether a chain has the name, if one is sought.
    fn has_name(&self, chain: &str) -> bool {
        let is_below = |name: &str, suffix: &str| {
            // The dot is one between labels: those within labels are escaped.
            let led = name.strip_suffix(suffix);
            led.is_some_and(|led| led.is_empty() || led.ends_with('.') || suffix == ".")
        };
        match &self.what {
            What::Name(wanted) => spelling::names(chain).any(|name| name == wanted),
            What::Suffix(wanted) => {
                wanted == "." || spelling::names(chain).any(|name| is_below(name, wanted))
            }
            _ => true,
        }
    }

    fn is_of_name(&self) -> bool {
        matches!(self.what, What::Name(_) | What::Suffix(_))
    }
}

impl Search {
    /// A search for the latest entries: at most `most`, and [`MAX_ENTRIES`].
    #[must_use]
    pub fn new(sought: Sought, most: usize) -> Self {
        let is_of_name = sought.is_of_name();
        Self {
            sought,
            most: most.min(MAX_ENTRIES),
            chains: Chosen {
                next: is_of_name.then_some(0),
                ..Chosen::default()
            },
            left: None,
            looked: 0,
            looked_chains: 0,
            matches: 0,
            kept: BinaryHeap::new(),
        }
    }

    /// Looks at some more. Returns whether it is over.
    pub fn step(&mut self, map: &Map) -> bool {
        if self.sought.is_of_name() && self.chains.compactions != map.compactions {
            self.chains = Chosen {
                next: Some(0),
                compactions: map.compactions,
                ..Chosen::default()
            };
        }
        if let Some(next) = self.chains.next {
            self.choose_chains(map, next);
        } else if self.look_at_runs(map) {
            return true;
        }
        self.looked + self.looked_chains >= MAX_LOOKED
    }

    fn choose_chains(&mut self, map: &Map, next: usize) {
        let chains = map.chains.texts().enumerate().skip(next);
        let mut count = 0;
        for (number, text) in chains.take(CHAINS_AT_ONCE) {
            count += 1;
            if !text.is_empty() && self.sought.has_name(text) {
                self.chains.set(number);
            }
        }
        self.looked_chains += count as u64;
        self.chains.next = (count == CHAINS_AT_ONCE).then_some(next + count);
    }

    /// From the last number to the first one: where a run goes, the last one comes, which was looked at
    /// by then. It may be looked at twice, but none is passed over.
    fn look_at_runs(&mut self, map: &Map) -> bool {
        let all = map.runs.len();
        let end = self.left.map_or(all, |left| left.min(all));
        let start = end.saturating_sub(RUNS_AT_ONCE);
        self.left = Some(start);
        self.looked += (end - start) as u64;
        let number = |ips: &super::Ips, address: Option<IpAddr>| {
            address.map(|address| ips.find(address).unwrap_or(super::slab::NONE))
        };
        let (told, either) = match self.sought.what {
            What::Address(address) => (Some(address), None),
            What::Either(address) => (None, Some(address)),
            _ => (None, None),
        };
        let client = number(&map.clients, self.sought.client);
        let told = number(&map.addresses, told);
        let either = either.map(|address| {
            let address = Some(address);
            (
                number(&map.clients, address),
                number(&map.addresses, address),
            )
        });
        for run in map.runs.range(start..end).iter().rev() {
            let is_told = told.is_none_or(|told| told == run.address);
            let is_clients = client.is_none_or(|client| client == run.client);
            let is_either = either.is_none_or(|(client, address)| {
                client == Some(run.client) || address == Some(run.address)
            });
            if is_told && is_clients && is_either {
                self.look(map, run);
            }
        }
        start == 0
    }

    fn look(&mut self, map: &Map, run: &Run) {
        let (first, last) = (run.span.first(), run.span.last());
        let micros = |time: Option<Time>| time.map(|time| super::micros(time.0));
        if micros(self.sought.since).is_some_and(|since| last < since)
            || micros(self.sought.until).is_some_and(|until| first > until)
        {
            return;
        }
        if self.sought.is_of_name() && !self.chains.has(run.chain as usize) {
            return;
        }
        let text = map.chains.text(run.chain);
        // Its number may be that of another one since.
        if !self.sought.has_name(text) {
            return;
        }
        self.matches += 1;
        if self.kept.len() >= self.most {
            match self.kept.peek() {
                Some(Reverse(least)) if least.last < last => self.kept.pop(),
                _ => return,
            };
        }
        self.kept.push(Reverse(Kept {
            last,
            first,
            client: map.clients.table.get(run.client).address(),
            address: map.addresses.table.get(run.address).address(),
            text: text.into(),
            expiry: run.span.expiry().saturating_add(map.grace()),
        }));
    }

    /// What was found so far.
    #[must_use]
    pub fn finish(self) -> Entries {
        let mut seen = HashSet::new();
        let mut rows = Vec::with_capacity(self.kept.len());
        let mut twice = 0;
        for Reverse(kept) in self.kept.into_sorted_vec() {
            let row = kept.entry();
            if seen.insert((kept.client, kept.address, kept.first, kept.text)) {
                rows.push(row);
            } else {
                twice += 1;
            }
        }
        let found = rows.len() as u64;
        Entries {
            rows,
            more: self.matches.saturating_sub(found + twice),
            looked: self.looked,
            partial: self.left != Some(0),
        }
    }
}

impl Kept {
    fn entry(&self) -> Entry {
        let time = |micros| Time(Duration::from_micros(micros));
        let chain: Vec<_> = spelling::names(&self.text).map(str::to_owned).collect();
        Entry {
            address: self.address,
            client: self.client,
            name: chain.last().cloned().unwrap_or_default(),
            question: chain.first().cloned().unwrap_or_default(),
            chain,
            first: time(self.first),
            last: time(self.last),
            expiry: time(self.expiry),
        }
    }
}
