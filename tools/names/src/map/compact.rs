//! Gives back the memory of places that are free, where they have become many: numbers change for that, so
//! everything that refers to them is gone through.
//!
//! What is looked up changes over months: at one time clients are many, at another one names. Without this,
//! each kind would keep the memory of its best time, and entries would have what is left. It takes time in
//! proportion to the map, and happens after at least as many entries have gone. For that time it takes 4
//! bytes for each place more.

use super::Map;
use super::ids::{Chains, Ips};
use super::slab::NONE;

/// Free places are given back when they have 1 in so many bytes of the limit.
const WASTED: usize = 4;

/// New numbers by the old ones.
pub(super) type Numbers = [u32];

/// The new number of what had number `old`.
pub(super) fn renumbered(numbers: &Numbers, old: u32) -> u32 {
    numbers.get(old as usize).copied().unwrap_or(NONE)
}

impl Map {
    /// Gives free places back if that is worth it. No number may be in use elsewhere.
    pub(super) fn compact_if_wasteful(&mut self) {
        let wasted = self.clients.table.wasted()
            + self.addresses.table.wasted()
            + self.chains.table.wasted()
            + self.others.wasted();
        if wasted > self.limits.bytes / WASTED {
            self.compact();
        }
    }

    pub(super) fn compact(&mut self) {
        self.compactions += 1;
        let chains = self.chains.table.compact(Chains::is_used);
        let clients = self.clients.table.compact(Ips::is_used);
        let addresses = self.addresses.table.compact(Ips::is_used);
        let told = self.others.compact(&chains);
        for ip in self.addresses.table.places_mut() {
            ip.told = renumbered(&told, ip.told);
        }
        self.runs.renumber(&clients, &addresses, &chains);
        let text = |chain| self.chains.text(chain);
        self.aliases.renumber(&clients, &chains, text);
    }
}
