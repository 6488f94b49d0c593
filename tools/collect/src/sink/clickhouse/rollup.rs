//! Rows of `names` and `clients`: what records of one insert have in common becomes one row.
//!
//! Who sends records chooses the keys, so they are hashed by SipHash with a random key. The order
//! of rows is that of first appearance, whatever the hashes: a batch that comes again makes the
//! same bytes.

use std::hash::{BuildHasher, RandomState};

use super::parts::Parts;
use super::responses::microseconds;
use super::row_binary::{address, nullable, u16, u32, varint};
use crate::record::Row;

/// Microseconds of an hour, and of a day.
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// The bits of a hash that a slot has.
const HIGH: u64 = 0xffff_ffff << 32;

/// Rows that are found by their key.
#[derive(Debug, Default)]
struct Rows {
    hasher: RandomState,
    /// Each 0, or the place of a row plus 1 with the high half of its hash above it: a slot of
    /// another row is passed by without a look at that. A power of two, at most half of them taken.
    slots: Vec<u64>,
    rows: Vec<Entry>,
    /// Keys, as bytes of RowBinary, one behind the other.
    keys: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    /// Its key is in `keys` from here.
    start: usize,
    length: usize,
    first: i64,
    last: i64,
    count: u64,
    ttl: Option<u32>,
}

impl Rows {
    /// Adds one to the row with the key that `write` appends.
    fn add(&mut self, time: i64, ttl: Option<u32>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.keys.len();
        write(&mut self.keys);
        if self.slots.len() <= 2 * self.rows.len() {
            self.grow();
        }
        let key = self.keys.get(start..).unwrap_or_default();
        let hash = self.hasher.hash_one(key);
        let mask = self.slots.len() - 1;
        let mut at = place(hash) & mask;
        while let Some(slot @ 1..) = self.slots.get(at).copied() {
            let found = (slot & HIGH == hash & HIGH).then(|| self.rows.get_mut(row_of(slot)));
            let found = found.flatten();
            let found = found.filter(|row| {
                let end = row.start + row.length;
                row.hash == hash && self.keys.get(row.start..end) == Some(key)
            });
            if let Some(row) = found {
                row.first = row.first.min(time);
                row.last = row.last.max(time);
                row.count += 1;
                row.ttl = row.ttl.max(ttl);
                self.keys.truncate(start);
                return;
            }
            at = (at + 1) & mask;
        }
        let length = self.keys.len() - start;
        self.rows.push(Entry {
            hash,
            start,
            length,
            first: time,
            last: time,
            count: 1,
            ttl,
        });
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = hash & HIGH | self.rows.len() as u64;
        }
    }

    fn grow(&mut self) {
        let size = (4 * self.rows.len()).next_power_of_two().max(1024);
        self.slots.clear();
        self.slots.resize(size, 0);
        for (number, row) in (1..).zip(&self.rows) {
            let mut at = place(row.hash) & (size - 1);
            while self.slots.get(at).is_some_and(|&slot| slot != 0) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = row.hash & HIGH | number;
            }
        }
    }

    /// Appends all rows and forgets them, but not their memory.
    fn take(&mut self, out: &mut Vec<u8>, has_ttl: bool) {
        for row in &self.rows {
            let key = self.keys.get(row.start..row.start + row.length);
            out.extend_from_slice(key.unwrap_or_default());
            out.extend_from_slice(&row.first.to_le_bytes());
            out.extend_from_slice(&row.last.to_le_bytes());
            out.extend_from_slice(&row.count.to_le_bytes());
            if has_ttl {
                nullable(out, row.ttl, u32);
            }
        }
        self.clear();
    }

    /// Forgets all rows. Slots stay, but for those of an insert that was much larger than this one.
    fn clear(&mut self) {
        if self.slots.len() > 16 * self.rows.len().max(1024) {
            self.slots = Vec::new();
        }
        self.slots.fill(0);
        self.rows.clear();
        self.keys.clear();
    }

    fn memory(&self) -> usize {
        self.keys.len() + size_of_val(&self.rows[..])
    }
}

/// The place of a slot's row.
fn row_of(slot: u64) -> usize {
    // Rows are bounded by their bytes, and fewer than 4 Gi.
    usize::try_from((slot & !HIGH).saturating_sub(1)).unwrap_or(usize::MAX)
}

/// Where a hash is looked for.
fn place(hash: u64) -> usize {
    // The low bits are as good as all.
    usize::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}

/// Rows of `names`.
#[derive(Debug, Default)]
pub(super) struct Names {
    rows: Rows,
}

impl Names {
    pub(super) fn add(&mut self, row: &Row<'_>, parts: &Parts) {
        let client = row.record.client();
        for found in &parts.addresses {
            self.rows.add(microseconds(row.time()), found.ttl, |key| {
                address(key, found.address);
                address(key, client);
                lower_case(key, parts.text(&found.name));
                lower_case(key, parts.query());
                hour_and_day(key, row);
            });
        }
    }

    pub(super) fn take(&mut self, out: &mut Vec<u8>) {
        self.rows.take(out, true);
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    pub(super) fn memory(&self) -> usize {
        self.rows.memory()
    }
}

/// Rows of `clients`.
#[derive(Debug, Default)]
pub(super) struct Clients {
    rows: Rows,
}

impl Clients {
    pub(super) fn add(&mut self, row: &Row<'_>, parts: &Parts) {
        let client = row.record.client();
        for place in &parts.names {
            self.rows.add(microseconds(row.time()), None, |key| {
                reversed(key, parts.text(place));
                address(key, client);
                hour_and_day(key, row);
            });
        }
    }

    pub(super) fn take(&mut self, out: &mut Vec<u8>) {
        self.rows.take(out, false);
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    pub(super) fn memory(&self) -> usize {
        self.rows.memory()
    }
}

/// Writes a name as text in lower case: resolvers mix the case of what they ask for.
fn lower_case(out: &mut Vec<u8>, text: &[u8]) {
    varint(out, text.len());
    let start = out.len();
    out.extend_from_slice(text);
    out.get_mut(start..)
        .unwrap_or_default()
        .make_ascii_lowercase();
}

/// Writes a name with its labels from right to left, in lower case. A dot in a label is escaped.
fn reversed(out: &mut Vec<u8>, text: &[u8]) {
    if text == b"." {
        lower_case(out, text);
        return;
    }
    varint(out, text.len());
    let start = out.len();
    for (number, label) in text.rsplit(|&byte| byte == b'.').enumerate() {
        if number > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(label);
    }
    out.get_mut(start..)
        .unwrap_or_default()
        .make_ascii_lowercase();
}

/// Writes the hour of a record's time, and the day of its receipt.
fn hour_and_day(out: &mut Vec<u8>, row: &Row<'_>) {
    const LAST_HOUR: u32 = u32::MAX / 3600 * 3600;
    let hour = microseconds(row.time()) / HOUR * 3600;
    u32(out, u32::try_from(hour).unwrap_or(LAST_HOUR));
    let day = microseconds(row.received) / DAY;
    u16(out, u16::try_from(day).unwrap_or(u16::MAX));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reversed_names_are_in_lower_case() {
        for (text, wanted) in [
            ("WWW.Example.org", "org.example.www"),
            ("a\\046B.org", "org.a\\046b"),
            ("org", "org"),
            (".", "."),
        ] {
            let mut out = Vec::new();
            reversed(&mut out, text.as_bytes());
            assert_eq!(out.get(1..), Some(wanted.as_bytes()));
        }
    }

    proptest! {
        /// One row for each key, in the order of first appearance, with what all of them said.
        #[test]
        fn what_has_a_key_in_common_is_one_row(
            added in prop::collection::vec((0_u16..700, 0_i64..99, any::<Option<u32>>()), 0..3000),
        ) {
            let mut wanted: Vec<(u16, i64, i64, u64, Option<u32>)> = Vec::new();
            let mut rows = Rows::default();
            for (key, time, ttl) in added {
                rows.add(time, ttl, |out| u16(out, key));
                match wanted.iter_mut().find(|row| row.0 == key) {
                    Some((_, first, last, count, most)) => {
                        *first = time.min(*first);
                        *last = time.max(*last);
                        *count += 1;
                        *most = ttl.max(*most);
                    }
                    None => wanted.push((key, time, time, 1, ttl)),
                }
            }
            let mut bytes = Vec::new();
            for (key, first, last, count, ttl) in wanted {
                u16(&mut bytes, key);
                bytes.extend(first.to_le_bytes());
                bytes.extend(last.to_le_bytes());
                bytes.extend(count.to_le_bytes());
                nullable(&mut bytes, ttl, u32);
            }
            let mut out = Vec::new();
            rows.take(&mut out, true);
            prop_assert_eq!(out, bytes);
            prop_assert!(rows.rows.is_empty() && rows.keys.is_empty());
        }
    }
}
