//! Rows of several files and hours, added.

use std::collections::HashMap;
use std::net::IpAddr;

use dnsflow_names::Time;

use crate::sought::RowRef;
use crate::visit::Gather;

/// Most rows that are kept of a search: some 200 bytes each.
const MAX_ROWS: usize = 1_000_000;

/// Which names a client had an address from, of the time that was asked about.
///
/// Names are as the store has them, but in lower case: resolvers mix the case of what they ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamesRow {
    /// The address.
    pub address: IpAddr,
    /// Who asked.
    pub client: IpAddr,
    /// Owner of the address: the end of the chain of aliases.
    pub name: String,
    /// The name asked for.
    pub question: Option<String>,
    /// The first time, of those in the store.
    pub first: Time,
    /// The last time, of those in the store.
    pub last: Time,
    /// How many responses.
    pub count: u64,
    /// The smallest TTL, in seconds.
    pub ttl: Option<u32>,
}

impl NamesRow {
    /// The name asked for; if the store does not say it, the owner of the address.
    #[must_use]
    pub fn asked(&self) -> &str {
        self.question.as_deref().unwrap_or(&self.name)
    }
}

/// What rows have in common that are added.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    address: IpAddr,
    client: IpAddr,
    name: String,
    question: Option<String>,
}

/// What is added.
#[derive(Clone, Copy, Debug)]
struct Sum {
    first: i64,
    last: i64,
    count: u64,
    ttl: Option<u32>,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.count = self.count.saturating_add(other.count);
        self.ttl = self.ttl.into_iter().chain(other.ttl).min();
    }
}

/// Rows by what they have in common.
#[derive(Debug, Default)]
pub(crate) struct Roll(HashMap<Key, Sum>);

/// Text in lower case; bytes that no text of a collector has are replaced.
pub(crate) fn lower(text: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(text).into_owned();
    text.make_ascii_lowercase();
    text
}

/// An address of a row. A file may say anything.
pub(crate) fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl Roll {
    /// Returns whether there was room for it.
    fn put(&mut self, key: Key, sum: &Sum) -> bool {
        if let Some(known) = self.0.get_mut(&key) {
            known.add(sum);
            return true;
        }
        let has_room = self.0.len() < MAX_ROWS;
        if has_room {
            self.0.insert(key, *sum);
        }
        has_room
    }

    /// Adds another one. Returns how many rows there was no room for.
    pub(crate) fn add(&mut self, other: Self) -> u64 {
        let mut left_out = 0;
        for (key, sum) in other.0 {
            left_out += u64::from(!self.put(key, &sum));
        }
        left_out
    }

    /// The rows, the latest first.
    pub(crate) fn rows(self) -> Vec<NamesRow> {
        let rows = self.0.into_iter().map(|(key, sum)| NamesRow {
            address: key.address,
            client: key.client,
            name: key.name,
            question: key.question,
            first: Time::from_micros(sum.first),
            last: Time::from_micros(sum.last),
            count: sum.count,
            ttl: sum.ttl,
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|one, other| other.last.cmp(&one.last).then_with(|| one.cmp(other)));
        rows
    }
}

impl Gather for Roll {
    fn take(&mut self, row: &RowRef<'_>) -> bool {
        let (Some(address), Some(client)) = (address(row.address), address(row.client)) else {
            return false;
        };
        let key = Key {
            address,
            client,
            name: lower(row.name),
            question: row.question.map(lower),
        };
        let sum = Sum {
            first: row.first,
            last: row.last,
            count: row.count,
            ttl: row.ttl,
        };
        self.put(key, &sum)
    }
}
