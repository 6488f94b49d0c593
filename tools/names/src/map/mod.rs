//! A map in memory from clients and addresses to names, which learns from records as they come.
//!
//! # What it knows
//!
//! An entry is a *run*: a client was told an address by the same chain of names, from a first look-up to a
//! last one, and no other chain between. It holds from the first look-up to the end of the last TTL and
//! [`Limits::grace`], which is added when a question is asked. Between two look-ups of a run it counts as
//! held: nobody was told anything else. The runs of a pair are in the order of their first look-up, at most
//! [`Limits::runs`], so that "the look-up nearest before a flow" is the first run that began before it. Look-ups that come
//! late are put where they belong by their time; a run is not divided for them.
//!
//! Who looks up the target of an alias by itself, as resolvers and stubs do, means the alias. So the
//! chain of a response for a name that an earlier one led to, for the same client and as long as that one
//! holds, begins with the earlier one. Responses with an alias and no address serve for that as well.
//!
//! For each address the chains that all clients were told are counted, for clients that were told nothing.
//!
//! # How questions are answered
//!
//! 1. Of the client's 16 runs that are nearest to the time asked about, those that began before it and held then: the
//!    newest first. Then
//!    those that began up to 2 seconds later, since the clocks of two machines differ: the oldest first. Then
//!    those that no longer held: the newest first. Each name once.
//! 2. If there are none, what other clients were told: the most frequent name first; those that held
//!    then, or if none did, those that no longer held.
//!
//! The confidence of a client's names is in the ratio 1 : 1/8 : 1/64 and so on, of those that no longer held
//! a fourth of that, and sums up to 0.95. That of others is as the counts, and sums up to 0.7. If
//! none held, all are multiplied by 1 h / (1 h + time since the first one expired).
//!
//! # What it refuses to do
//!
//! It takes more memory than [`Limits::bytes`] for nothing: what was not looked up for the longest time
//! goes first, whoever looked it up, and is counted. All memory is counted as it is allocated. The hash tables
//! are its own ones for that reason (`slab` says more). What one record can
//! add is bounded: 16 names, 64 addresses.
//!
//! It reads no answers but addresses and aliases: the hints of HTTPS records are no addresses that a client
//! was told to use for a name.

mod aliases;
mod compact;
mod find;
mod ids;
#[cfg(test)]
mod model;
mod order;
mod others;
mod runs;
pub mod search;
mod slab;
pub mod snapshot;
mod span;
mod spelling;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use dnsflow_records::record::Record;

use aliases::Aliases;
pub use find::{Found, MAX_CANDIDATES, View};
use ids::{Chains, Ips};
use others::{Counted, Others};
use runs::{Added, Runs};
use span::{MAX_HOLD_MS, Span};

/// Addresses of a record at most; those behind are left out.
pub const MAX_ADDRESSES: usize = 64;

/// Bytes of a map at least, whatever [`Limits::bytes`] says.
pub const MIN_BYTES: usize = 64 << 10;

/// The part of the memory that names, addresses and clients have for themselves: 1 in so many bytes.
const RESERVED: usize = 16;

/// The part of the memory that aliases may take: 1 in so many bytes.
const FOR_ALIASES: usize = 16;

/// Aliases that are forgotten at most for each that is remembered, where they no longer hold.
const FORGOTTEN_AT_ONCE: usize = 4;

/// How much a map keeps, and for how long names hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of memory at most; at least [`MIN_BYTES`].
    pub bytes: usize,
    /// How long an address is used after its TTL: connections outlive it.
    pub grace: Duration,
    /// The TTL of what is told without one: before version 5.
    pub default_ttl: Duration,
    /// Runs of a pair at most, at least 1: with more, its oldest one goes. Each is passed by when one is added,
    /// and when an old one is sought. For questions about now a few are enough.
    pub runs: usize,
}

impl Default for Limits {
    /// 1 GiB, 5 minutes of grace, a TTL of 5 minutes, and 16 runs.
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            grace: Duration::from_secs(300),
            default_ttl: Duration::from_secs(300),
            runs: 16,
        }
    }
}

/// What a map holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries: runs of look-ups.
    pub entries: u64,
    /// Different chains of names.
    pub names: u64,
    /// Addresses that clients were told.
    pub addresses: u64,
    /// Clients.
    pub clients: u64,
    /// Targets of aliases that are remembered for a client.
    pub aliases: u64,
    /// Different chains of all addresses, whoever was told.
    pub told: u64,
    /// Bytes of memory.
    pub bytes: u64,
    /// Look-ups that were learned: an address of a record each.
    pub lookups: u64,
    /// Entries that went because there was no more memory.
    pub evicted: u64,
    /// Entries that went because their pair had too many, and look-ups that came too late to become one.
    pub dropped: u64,
    /// Addresses of records that have more than 64.
    pub left_out: u64,
}

/// A map from clients and addresses to names.
#[derive(Debug)]
pub struct Map {
    limits: Limits,
    runs: Runs,
    clients: Ips,
    addresses: Ips,
    chains: Chains,
    others: Others,
    aliases: Aliases,
    done: Counts,
    /// How often numbers were given anew, which a search holds.
    compactions: u64,
    /// Memory for the chain of a record.
    text: String,
}

impl Map {
    /// An empty map.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits: Limits {
                bytes: limits.bytes.max(MIN_BYTES),
                runs: limits.runs.max(1),
                ..limits
            },
            runs: Runs::new(),
            clients: Ips::new(),
            addresses: Ips::new(),
            chains: Chains::new(),
            others: Others::new(),
            aliases: Aliases::new(),
            done: Counts::default(),
            compactions: 0,
            text: String::new(),
        }
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Learns what one record says. `time` is when the response was captured, since 1970-01-01 UTC.
    pub fn learn(&mut self, time: Duration, record: &Record<'_>) {
        let mut text = std::mem::take(&mut self.text);
        spelling::write(&mut text, record.names());
        let ttl = record.ttl().map(|ttl| Duration::from_secs(ttl.into()));
        let hold_ms = ttl.unwrap_or(self.limits.default_ttl).as_millis();
        let hold_ms = u32::try_from(hold_ms).map_or(MAX_HOLD_MS, |hold| hold.min(MAX_HOLD_MS));
        let span = Span::new(micros(time), hold_ms);
        self.learn_text(record.client(), &mut text, span, record.addresses());
        self.text = text;
    }

    /// Learns a look-up of the chain that `text` is, which is lengthened if another one led to it.
    fn learn_text(
        &mut self,
        client: IpAddr,
        text: &mut String,
        span: Span,
        addresses: impl Iterator<Item = IpAddr> + Clone,
    ) {
        let has_targets = spelling::targets(text).next().is_some();
        if !has_targets && addresses.clone().next().is_none() {
            return;
        }
        self.compact_if_wasteful();
        let client = self.hold_client(client);
        let own = self.lead(client, text, span.first());
        let chain = self.hold_chain(text);
        let mut addresses = addresses;
        for address in addresses.by_ref().take(MAX_ADDRESSES) {
            self.done.lookups += 1;
            let address = self.hold_address(address);
            self.place(client, address, chain, span);
            self.tell(address, chain, 1, span);
            self.release_address(address);
        }
        self.done.left_out += addresses.count() as u64;
        self.remember(client, chain, text, own, span);
        self.chains.release(chain);
        self.clients.release(client);
    }

    /// What it holds and has done.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            entries: self.runs.len() as u64,
            names: self.chains.table.len() as u64,
            addresses: self.addresses.table.len() as u64,
            clients: self.clients.table.len() as u64,
            aliases: self.aliases.table.len() as u64,
            told: self.others.len() as u64,
            bytes: self.bytes() as u64,
            ..self.done
        }
    }

    /// Bytes of memory, as allocated.
    fn bytes(&self) -> usize {
        self.runs.bytes()
            + self.clients.table.bytes()
            + self.addresses.table.bytes()
            + self.chains.bytes()
            + self.others.bytes()
            + self.aliases.table.bytes()
    }

    /// Makes a run of a look-up, or makes one longer.
    fn place(&mut self, client: u32, address: u32, chain: u32, span: Span) {
        let spot = self.runs.spot(client, address, span.first());
        if !self.runs.extend(&spot, chain, span) {
            self.add(client, address, chain, span);
        }
    }

    /// Adds a run.
    fn add(&mut self, client: u32, address: u32, chain: u32, span: Span) {
        let bound = self.limits.bytes - self.limits.bytes / RESERVED;
        self.make_room(bound, |map| map.runs.needed());
        let spot = self.runs.spot(client, address, span.first());
        match self
            .runs
            .add(&spot, (client, address), chain, span, self.limits.runs)
        {
            Added::TooOld => self.done.dropped += 1,
            Added::New { beyond } => {
                self.clients.hold(client);
                self.addresses.hold(address);
                self.chains.hold(chain);
                if let Some(beyond) = beyond {
                    self.done.dropped += 1;
                    self.forget_run(beyond);
                }
            }
        }
    }

    /// Counts a chain of an address, whoever was told.
    fn tell(&mut self, address: u32, chain: u32, count: u32, span: Span) {
        self.make_room(self.limits.bytes, |map| map.others.needed());
        let ip = self.addresses.table.get_mut(address);
        match self.others.count(ip.told, chain, count, span) {
            Counted::Known => {}
            Counted::Added(first) => {
                ip.told = first;
                self.chains.hold(chain);
            }
            Counted::Replaced(gone) => {
                self.chains.hold(chain);
                self.chains.release(gone);
            }
        }
    }

    /// Puts before a chain what led the client to it. Returns where its own names start.
    fn lead(&self, client: u32, text: &mut String, time: u64) -> usize {
        let Some(id) = self.find_alias(client, spelling::first(text)) else {
            return 0;
        };
        let alias = self.aliases.table.get(id);
        if alias.until().saturating_add(self.grace()) < time {
            return 0;
        }
        let led = self.chains.text(alias.chain).get(..alias.at.into());
        led.map_or(0, |led| spelling::lead(text, led))
    }

    fn find_alias(&self, client: u32, name: &str) -> Option<u32> {
        let text = |chain| self.chains.text(chain);
        self.aliases.find(client, name, text)
    }

    /// Remembers which names the aliases of a response lead to: those behind the first one from `own` on.
    fn remember(&mut self, client: u32, chain: u32, text: &str, own: usize, span: Span) {
        let Some(own_text) = text.get(own..) else {
            return;
        };
        for at in spelling::targets(own_text) {
            let at = own + at;
            let (Some((led, target)), Ok(short)) = (text.split_at_checked(at), u16::try_from(at))
            else {
                return;
            };
            let name = spelling::first(target);
            if spelling::names(led).any(|before| before == name) {
                continue;
            }
            self.remember_one(client, name, chain, short, span.expiry());
            self.forget_aliases(span.first());
        }
    }

    fn remember_one(&mut self, client: u32, name: &str, chain: u32, at: u16, until: u64) {
        if let Some(id) = self.find_alias(client, name) {
            self.forget_alias(id);
        }
        let needed = self.aliases.table.needed();
        let bytes = self.aliases.table.bytes().saturating_add(needed);
        if needed > 0 && bytes > self.limits.bytes / FOR_ALIASES {
            self.forget_oldest_alias();
        }
        self.make_room(self.limits.bytes, |map| map.aliases.table.needed());
        self.aliases.insert(client, name, chain, at, until);
        self.chains.hold(chain);
        self.clients.hold(client);
    }

    /// Forgets some of the aliases that held no longer at that time.
    fn forget_aliases(&mut self, time: u64) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            match self.aliases.oldest() {
                Some((id, alias)) if alias.until().saturating_add(self.grace()) < time => {
                    self.forget_alias(id);
                }
                _ => return,
            }
        }
    }

    fn forget_oldest_alias(&mut self) -> bool {
        let oldest = self.aliases.oldest().map(|(id, _)| id);
        oldest.map(|id| self.forget_alias(id)).is_some()
    }

    fn forget_alias(&mut self, id: u32) {
        let alias = self.aliases.remove(id);
        self.chains.release(alias.chain);
        self.clients.release(alias.client);
    }

    fn forget_run(&mut self, id: u32) {
        let run = self.runs.remove(id);
        self.chains.release(run.chain);
        self.clients.release(run.client);
        self.release_address(run.address);
    }

    /// Evicts until what is needed has room within `bound` bytes, or nothing is left.
    fn make_room(&mut self, bound: usize, needed: impl Fn(&Self) -> usize) {
        loop {
            let needed = needed(self);
            if needed == 0 || self.bytes().saturating_add(needed) <= bound {
                return;
            }
            if let Some(id) = self.runs.least_recent() {
                self.forget_run(id);
                self.runs.shrink();
                self.done.evicted += 1;
            } else if !self.forget_oldest_alias() {
                return;
            }
        }
    }

    fn hold_client(&mut self, client: IpAddr) -> u32 {
        let id = self.clients.find(client).unwrap_or_else(|| {
            self.make_room(self.limits.bytes, |map| map.clients.table.needed());
            self.clients.insert(client)
        });
        self.clients.hold(id);
        id
    }

    fn hold_address(&mut self, address: IpAddr) -> u32 {
        let id = self.addresses.find(address).unwrap_or_else(|| {
            self.make_room(self.limits.bytes, |map| map.addresses.table.needed());
            self.addresses.insert(address)
        });
        self.addresses.hold(id);
        id
    }

    fn hold_chain(&mut self, text: &str) -> u32 {
        let id = self.chains.find(text).unwrap_or_else(|| {
            self.make_room(self.limits.bytes, |map| map.chains.needed(text));
            self.chains.insert(text)
        });
        self.chains.hold(id);
        id
    }

    /// Gives a reference to an address back. What clients were told of it goes with it.
    fn release_address(&mut self, id: u32) {
        if let Some(told) = self.addresses.release(id) {
            let chains = &mut self.chains;
            self.others.remove_all(told, |chain| chains.release(chain));
        }
    }

    fn grace(&self) -> u64 {
        micros(self.limits.grace)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
