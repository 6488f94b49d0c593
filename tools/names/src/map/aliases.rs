//! Which chain led a client to a name: resolvers and stubs look up the target of an alias by itself
//! afterwards, and what was meant is then the alias.

use ahash::RandomState;

use super::compact::{Numbers, renumbered};
use super::ids::half;
use super::order::{Links, Order, Ordered};
use super::slab::{Item, NONE, Table};
use super::span::Packed;
use super::spelling;

/// A name that a chain led a client to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alias {
    pub(super) client: u32,
    /// [`NONE`] if the place is free.
    pub(super) chain: u32,
    /// When the TTL of the alias ends.
    until: Packed,
    /// Where the name starts in the chain.
    pub(super) at: u16,
    hash: u32,
    next: u32,
    used: Links,
}

impl Alias {
    /// When the TTL of the alias ends, in microseconds since 1970.
    pub(super) fn until(&self) -> u64 {
        self.until.get()
    }
}

impl Item for Alias {
    fn hash(&self) -> u32 {
        self.hash
    }

    fn next(&self) -> u32 {
        self.next
    }

    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

impl Ordered for Table<Alias> {
    fn links(&mut self, id: u32) -> &mut Links {
        &mut self.get_mut(id).used
    }
}

/// All that is remembered.
#[derive(Debug)]
pub(super) struct Aliases {
    pub(super) table: Table<Alias>,
    order: Order,
    state: RandomState,
}

impl Aliases {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(),
            order: Order::new(),
            state: RandomState::new(),
        }
    }

    fn hash(&self, client: u32, name: &str) -> u32 {
        half(self.state.hash_one((client, name)))
    }

    /// What led the client to `name`; `text` gives the text of a chain.
    pub(super) fn find<'t>(
        &self,
        client: u32,
        name: &str,
        text: impl Fn(u32) -> &'t str,
    ) -> Option<u32> {
        let hash = self.hash(client, name);
        self.table.find(hash, |alias| {
            let target = text(alias.chain).get(alias.at.into()..);
            alias.client == client && target.is_some_and(|target| spelling::first(target) == name)
        })
    }

    /// Remembers that a chain leads the client to `name`, which starts in it at `at`.
    pub(super) fn insert(&mut self, client: u32, name: &str, chain: u32, at: u16, until: u64) {
        let id = self.table.insert(Alias {
            client,
            chain,
            until: Packed::of(until),
            at,
            hash: self.hash(client, name),
            next: NONE,
            used: Links::NONE,
        });
        self.order.add(&mut self.table, id);
    }

    /// What was remembered longest ago.
    pub(super) fn oldest(&self) -> Option<(u32, &Alias)> {
        let id = self.order.least();
        (id != NONE).then(|| (id, self.table.get(id)))
    }

    /// All, the oldest first.
    pub(super) fn by_age(&self) -> impl Iterator<Item = &Alias> {
        let mut id = self.order.least();
        std::iter::from_fn(move || {
            let alias = (id != NONE).then(|| self.table.get(id))?;
            id = alias.used.after;
            Some(alias)
        })
    }

    /// Takes over the new numbers of what aliases refer to.
    /// `text` gives that of a chain by its new number.
    pub(super) fn renumber<'t>(
        &mut self,
        clients: &Numbers,
        chains: &Numbers,
        text: impl Fn(u32) -> &'t str,
    ) {
        for alias in self.table.places_mut() {
            alias.client = renumbered(clients, alias.client);
            alias.chain = renumbered(chains, alias.chain);
            if alias.chain != NONE {
                let target = text(alias.chain).get(alias.at.into()..);
                let name = spelling::first(target.unwrap_or_default());
                alias.hash = half(self.state.hash_one((alias.client, name)));
            }
        }
        self.table.rebuild();
    }

    /// Forgets one and returns it.
    pub(super) fn remove(&mut self, id: u32) -> Alias {
        let alias = *self.table.get(id);
        self.order.remove(&mut self.table, id);
        self.table.get_mut(id).chain = NONE;
        self.table.remove(id);
        alias
    }
}
