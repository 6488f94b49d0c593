//! The most frequent keys of a stream, in memory that does not grow with it.
//!
//! Space-saving of Metwally, Agrawal and El Abbadi, "Efficient Computation of Frequent and Top-k
//! Elements in Data Streams", ICDT 2005, with its stream summary: keys of the same count share a
//! bucket, and buckets are linked in the order of their counts. A key that is counted moves to the
//! next bucket, so that each costs the same, whatever came before.
//!
//! Of `k` keys that are kept and `N` that were counted:
//!
//! - the true count of a key that is kept is at most `count`, and at least `count - error`;
//! - `error` is at most `N / k`;
//! - a key that came more than `N / k` times is kept.
//!
//! It refuses weights: a count is raised by one.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// No item, or no bucket.
const NONE: u32 = u32::MAX;

/// The most keys that can be kept.
pub const MAX_KEYS: usize = 1 << 24;

/// The keys that came most often.
#[derive(Clone, Debug)]
pub struct SpaceSaving {
    /// Keys that are kept at most, at least 1.
    capacity: usize,
    items: Vec<Item>,
    /// Those that are not in use are linked by `next` from `free`.
    buckets: Vec<Bucket>,
    free: u32,
    /// The bucket of the smallest count.
    least: u32,
    /// Places of `items`, by key.
    index: HashTable<u32>,
    hasher: RandomState,
    total: u64,
}

/// A key. All places in it are those of `items` and `buckets` that are in use.
#[derive(Clone, Debug)]
struct Item {
    key: Vec<u8>,
    hash: u64,
    error: u64,
    bucket: u32,
    before: u32,
    next: u32,
}

/// The items of one count; never empty while it is in use.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    count: u64,
    first: u32,
    before: u32,
    next: u32,
}

/// A key and how often it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<'a> {
    /// The key.
    pub key: &'a [u8],
    /// How often it came at most.
    pub count: u64,
    /// By how much that may be too many.
    pub error: u64,
    hash: u64,
}

impl SpaceSaving {
    /// An empty one that keeps `capacity` keys: at least 1, and at most [`MAX_KEYS`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::with_hasher(capacity, RandomState::new())
    }

    /// The same, whose keys can be compared by their hash with those of others with this `hasher`.
    pub(crate) fn with_hasher(capacity: usize, hasher: RandomState) -> Self {
        Self {
            capacity: capacity.clamp(1, MAX_KEYS),
            items: Vec::new(),
            buckets: Vec::new(),
            free: NONE,
            least: NONE,
            index: HashTable::new(),
            hasher,
            total: 0,
        }
    }

    /// Counts a key once.
    pub fn record(&mut self, key: &[u8]) {
        self.total += 1;
        let hash = self.hasher.hash_one(key);
        let items = &self.items;
        let known = self
            .index
            .find(hash, |&at| items[at as usize].key == key)
            .copied();
        match known {
            Some(at) => self.raise(at),
            None if self.items.len() < self.capacity => self.add(hash, key),
            None => self.replace(hash, key),
        }
    }

    /// How many were counted, of all keys.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How often a key came at most that is not kept: the smallest count once all room is taken.
    #[must_use]
    pub fn unkept(&self) -> u64 {
        if self.items.len() < self.capacity {
            return 0;
        }
        self.buckets
            .get(self.least as usize)
            .map_or(0, |bucket| bucket.count)
    }

    /// The keys that are kept, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Counted<'_>> {
        self.items.iter().map(|item| Counted {
            key: &item.key,
            count: self.buckets[item.bucket as usize].count,
            error: item.error,
            hash: item.hash,
        })
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.items.clear();
        self.buckets.clear();
        self.index.clear();
        (self.free, self.least, self.total) = (NONE, NONE, 0);
    }

    fn add(&mut self, hash: u64, key: &[u8]) {
        // At most MAX_KEYS.
        let at = u32::try_from(self.items.len()).unwrap_or(NONE);
        self.items.push(Item {
            key: key.to_vec(),
            hash,
            error: 0,
            bucket: NONE,
            before: NONE,
            next: NONE,
        });
        let items = &self.items;
        self.index
            .insert_unique(hash, at, |&at| items[at as usize].hash);
        let bucket = self.bucket_of(1, NONE);
        self.put(at, bucket);
    }

    /// Gives the place of the key that came least to another, which may have come as often.
    fn replace(&mut self, hash: u64, key: &[u8]) {
        let Bucket { count, first, .. } = self.buckets[self.least as usize];
        let item = &mut self.items[first as usize];
        let old = std::mem::replace(&mut item.hash, hash);
        item.key.clear();
        item.key.extend_from_slice(key);
        item.error = count;
        if let Ok(entry) = self.index.find_entry(old, |&at| at == first) {
            entry.remove();
        }
        let items = &self.items;
        self.index
            .insert_unique(hash, first, |&at| items[at as usize].hash);
        self.raise(first);
    }

    /// Moves an item to the next count.
    fn raise(&mut self, at: u32) {
        let Item {
            bucket: from, next, ..
        } = self.items[at as usize];
        let Bucket {
            count,
            first,
            next: above,
            ..
        } = self.buckets[from as usize];
        let is_alone = first == at && next == NONE;
        let has_next = above != NONE && self.buckets[above as usize].count == count + 1;
        if is_alone && !has_next {
            self.buckets[from as usize].count = count + 1;
            return;
        }
        let to = self.bucket_of(count + 1, from);
        self.take(at);
        self.put(at, to);
    }

    /// The bucket of `count`, which belongs behind `before`; a new one if there is none.
    fn bucket_of(&mut self, count: u64, before: u32) -> u32 {
        let next = match self.buckets.get(before as usize) {
            Some(bucket) => bucket.next,
            None => self.least,
        };
        if let Some(bucket) = self.buckets.get(next as usize)
            && bucket.count == count
        {
            return next;
        }
        let bucket = Bucket {
            count,
            first: NONE,
            before,
            next,
        };
        let at = self.free;
        let at = if let Some(free) = self.buckets.get_mut(at as usize) {
            self.free = free.next;
            *free = bucket;
            at
        } else {
            self.buckets.push(bucket);
            // One more than there are items, at most.
            u32::try_from(self.buckets.len() - 1).unwrap_or(NONE)
        };
        match self.buckets.get_mut(before as usize) {
            Some(bucket) => bucket.next = at,
            None => self.least = at,
        }
        if let Some(bucket) = self.buckets.get_mut(next as usize) {
            bucket.before = at;
        }
        at
    }

    /// Puts an item that is in no bucket into one.
    fn put(&mut self, at: u32, bucket: u32) {
        let first = std::mem::replace(&mut self.buckets[bucket as usize].first, at);
        let item = &mut self.items[at as usize];
        (item.bucket, item.before, item.next) = (bucket, NONE, first);
        if let Some(item) = self.items.get_mut(first as usize) {
            item.before = at;
        }
    }

    /// Takes an item out of its bucket, which is given up if that leaves it empty.
    fn take(&mut self, at: u32) {
        let Item {
            bucket,
            before,
            next,
            ..
        } = self.items[at as usize];
        match self.items.get_mut(before as usize) {
            Some(item) => item.next = next,
            None => self.buckets[bucket as usize].first = next,
        }
        if let Some(item) = self.items.get_mut(next as usize) {
            item.before = before;
        }
        if self.buckets[bucket as usize].first == NONE {
            self.give_up(bucket);
        }
    }

    fn give_up(&mut self, at: u32) {
        let Bucket { before, next, .. } = self.buckets[at as usize];
        match self.buckets.get_mut(before as usize) {
            Some(bucket) => bucket.next = next,
            None => self.least = next,
        }
        if let Some(bucket) = self.buckets.get_mut(next as usize) {
            bucket.before = before;
        }
        self.buckets[at as usize].next = self.free;
        self.free = at;
    }
}

/// The keys of several summaries of one hasher, as if all had been counted by one: what holds for
/// each holds for the sums, with the errors added up. In no order.
pub(crate) fn merged<'a>(parts: impl Iterator<Item = &'a SpaceSaving> + Clone) -> Vec<Counted<'a>> {
    // A key that a part has not kept may have come there as often as that part allows.
    let unkept: u64 = parts.clone().map(SpaceSaving::unkept).sum();
    let mut found: Vec<Counted<'a>> = Vec::new();
    let mut index: HashTable<usize> = HashTable::new();
    for part in parts {
        let of_part = part.unkept();
        for item in part.iter() {
            let known = index.find(item.hash, |&at| found[at].key == item.key);
            let at = if let Some(&at) = known {
                at
            } else {
                let at = found.len();
                found.push(Counted {
                    count: unkept,
                    error: unkept,
                    ..item
                });
                index.insert_unique(item.hash, at, |&at| found[at].hash);
                at
            };
            // The count is at least that of the part: it is its smallest. The error may be less.
            found[at].count = found[at].count - of_part + item.count;
            found[at].error = found[at].error - of_part + item.error;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Everything that the links have to hold.
    fn check(summary: &SpaceSaving) {
        let (mut at, mut before, mut last, mut seen) = (summary.least, NONE, 0, 0);
        while at != NONE {
            let bucket = summary.buckets[at as usize];
            assert!(bucket.count > last && bucket.before == before && bucket.first != NONE);
            let (mut item, mut left) = (bucket.first, NONE);
            while item != NONE {
                let found = &summary.items[item as usize];
                assert_eq!((found.bucket, found.before), (at, left));
                (left, item) = (item, found.next);
                seen += 1;
            }
            (before, last, at) = (at, bucket.count, bucket.next);
        }
        assert_eq!((seen, summary.index.len()), (summary.items.len(), seen));
        assert!(summary.items.len() <= summary.capacity);
        assert!(summary.buckets.len() <= summary.capacity + 1);
        let sum: u64 = summary.iter().map(|item| item.count).sum();
        assert_eq!(sum, summary.total());
    }

    /// What the summaries promise of the keys that were counted.
    fn hold(found: &[Counted<'_>], keys: &[u16], capacity: usize) {
        let mut exact: HashMap<&[u8], u64> = HashMap::new();
        let bytes: Vec<[u8; 2]> = keys.iter().map(|key| key.to_be_bytes()).collect();
        for key in &bytes {
            *exact.entry(key).or_default() += 1;
        }
        let limit = keys.len() as u64 / capacity as u64;
        for item in found {
            let truth = exact.get(item.key).copied().unwrap_or(0);
            assert!(truth <= item.count, "{item:?} came {truth} times");
            assert!(
                item.count - item.error <= truth,
                "{item:?} came {truth} times"
            );
            assert!(item.error <= limit, "{item:?} is off by more than {limit}");
        }
        for (key, truth) in exact {
            let is_kept = found.iter().any(|item| item.key == key);
            assert!(is_kept || truth <= limit, "{key:?} came {truth} times");
        }
    }

    /// Few keys that come often and many that come rarely.
    fn keys() -> impl Strategy<Value = Vec<u16>> {
        let key = prop_oneof![3 => 0..4_u16, 2 => 0..40_u16, 1 => any::<u16>()];
        proptest::collection::vec(key, 0..600)
    }

    proptest! {
        #[test]
        fn guarantees_hold(keys in keys(), capacity in 1..40_usize) {
            let mut summary = SpaceSaving::new(capacity);
            for key in &keys {
                summary.record(&key.to_be_bytes());
                check(&summary);
            }
            hold(&summary.iter().collect::<Vec<_>>(), &keys, capacity);
        }

        #[test]
        fn guarantees_hold_for_sums(keys in keys(), capacity in 1..40_usize, cuts in 1..6_usize) {
            let hasher = RandomState::new();
            let mut parts = Vec::new();
            for piece in keys.chunks(keys.len() / cuts + 1) {
                let mut part = SpaceSaving::with_hasher(capacity, hasher.clone());
                piece.iter().for_each(|key| part.record(&key.to_be_bytes()));
                parts.push(part);
            }
            hold(&merged(parts.iter()), &keys, capacity);
        }
    }

    #[test]
    fn few_keys_are_exact() {
        let mut summary = SpaceSaving::new(3);
        for key in ["a", "b", "a", "c", "a", "b"] {
            summary.record(key.as_bytes());
        }
        let mut found: Vec<_> = summary
            .iter()
            .map(|item| (item.key, item.count, item.error))
            .collect();
        found.sort_unstable();
        let want: [(&[u8], u64, u64); 3] = [(b"a", 3, 0), (b"b", 2, 0), (b"c", 1, 0)];
        assert_eq!(found, want);
        summary.clear();
        assert_eq!(
            (summary.total(), summary.unkept(), summary.iter().count()),
            (0, 0, 0)
        );
        summary.record(b"d");
        check(&summary);
    }
}
