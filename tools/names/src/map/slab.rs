//! Items with numbers that stay, and a hash table over them whose memory has no jumps.
//!
//! The table is one of linear hashing (Litwin, "Linear hashing: a new tool for file and table
//! addressing", 1980): it grows by one bucket at a time, and its chains are links in the items. A table
//! that doubles can't be kept within a bound: it needs three times its memory for a moment, holds up
//! questions meanwhile, and grows by what was removed (tombstones) as well. This one takes 4 bytes a
//! bucket and 4 bytes an item, whatever happens.

/// The number of no item.
pub(super) const NONE: u32 = u32::MAX;

/// Items that vectors grow by, at least and at most.
const MIN_STEP: usize = 64;
const MAX_STEP: usize = 1 << 16;

/// How many items a vector of that many grows by: little, so that little is reserved for nothing.
pub(super) fn step(len: usize) -> usize {
    (len / 16).clamp(MIN_STEP, MAX_STEP)
}

/// Bytes that one more item will allocate.
pub(super) fn needed<T>(items: &Vec<T>) -> usize {
    if items.len() < items.capacity() {
        0
    } else if items.len() >= NONE as usize {
        usize::MAX
    } else {
        step(items.len()) * size_of::<T>()
    }
}

/// Adds an item; growth is as [`needed`] says.
pub(super) fn push<T>(items: &mut Vec<T>, item: T) -> u32 {
    if items.len() == items.capacity() {
        items.reserve_exact(step(items.len()));
    }
    let id = u32::try_from(items.len()).unwrap_or(NONE);
    items.push(item);
    id
}

/// Takes out all items but those that `is_used` says. Returns the new numbers by the old ones.
pub(super) fn compact<T>(items: &mut Vec<T>, is_used: impl Fn(&T) -> bool) -> Vec<u32> {
    let mut numbers = vec![NONE; items.len()];
    let (mut to, mut next) = (0, 0);
    for (from, number) in numbers.iter_mut().enumerate() {
        if is_used(&items[from]) {
            items.swap(from, to);
            *number = next;
            to += 1;
            next += 1;
        }
    }
    items.truncate(to);
    items.shrink_to_fit();
    numbers
}

/// Bytes that a vector has allocated.
pub(super) fn allocated<T>(items: &Vec<T>) -> usize {
    items.capacity() * size_of::<T>()
}

/// Items with a hash and a link to the next one of their bucket.
pub(super) trait Chained {
    fn hash(&self, id: u32) -> u32;
    fn next(&self, id: u32) -> u32;
    fn set_next(&mut self, id: u32, next: u32);
}

/// The buckets of a hash table: the first item of each.
#[derive(Debug)]
pub(super) struct Buckets {
    heads: Vec<u32>,
}

impl Buckets {
    pub(super) fn new() -> Self {
        Self { heads: vec![NONE] }
    }

    pub(super) fn bytes(&self) -> usize {
        allocated(&self.heads)
    }

    /// Bytes that one more item will allocate, with `count` there.
    pub(super) fn needed(&self, count: usize) -> usize {
        if count < self.heads.len() {
            0
        } else {
            needed(&self.heads)
        }
    }

    /// Bytes of buckets beyond those that `count` items need.
    pub(super) fn wasted(&self, count: usize) -> usize {
        self.heads.len().saturating_sub(count) * size_of::<u32>()
    }

    /// Makes all buckets anew, since the hashes of the items have changed.
    pub(super) fn rebuild(&mut self, items: &mut impl Chained) {
        let old = std::mem::replace(self, Self::new());
        let mut count = 0;
        for head in old.heads {
            let mut id = head;
            while id != NONE {
                let next = items.next(id);
                count += 1;
                self.insert(items, id, count);
                id = next;
            }
        }
    }

    fn bucket(&self, hash: u32) -> usize {
        let mask = self.heads.len().next_power_of_two() - 1;
        let bucket = hash as usize & mask;
        if bucket < self.heads.len() {
            bucket
        } else {
            bucket & (mask >> 1)
        }
    }

    /// The first item of the bucket of `hash`.
    pub(super) fn first(&self, hash: u32) -> u32 {
        self.heads[self.bucket(hash)]
    }

    /// Adds an item that has its hash; `count` are there with it.
    pub(super) fn insert(&mut self, items: &mut impl Chained, id: u32, count: usize) {
        while self.heads.len() < count {
            self.split(items);
        }
        let bucket = self.bucket(items.hash(id));
        items.set_next(id, self.heads[bucket]);
        self.heads[bucket] = id;
    }

    /// Divides the bucket whose turn it is.
    fn split(&mut self, items: &mut impl Chained) {
        let new = self.heads.len();
        let half = (new + 1).next_power_of_two() / 2;
        let from = new - half;
        let (mut kept, mut moved) = (NONE, NONE);
        let mut id = self.heads[from];
        while id != NONE {
            let next = items.next(id);
            let to = if items.hash(id) as usize & (2 * half - 1) == new {
                &mut moved
            } else {
                &mut kept
            };
            items.set_next(id, *to);
            *to = id;
            id = next;
        }
        self.heads[from] = kept;
        push(&mut self.heads, moved);
    }

    /// Lets what leads to `old`, an item that is there, lead to `new`.
    pub(super) fn replace(&mut self, items: &mut impl Chained, old: u32, new: u32) {
        let bucket = self.bucket(items.hash(old));
        let mut id = self.heads[bucket];
        if id == old {
            self.heads[bucket] = new;
            return;
        }
        while id != NONE {
            let next = items.next(id);
            if next == old {
                items.set_next(id, new);
                return;
            }
            id = next;
        }
    }

    /// Takes out an item that is there.
    pub(super) fn remove(&mut self, items: &mut impl Chained, id: u32) {
        let next = items.next(id);
        self.replace(items, id, next);
    }
}

/// An item of a [`Table`].
pub(super) trait Item {
    fn hash(&self) -> u32;
    fn next(&self) -> u32;
    fn set_next(&mut self, next: u32);
}

impl<T: Item> Chained for Vec<T> {
    fn hash(&self, id: u32) -> u32 {
        self[id as usize].hash()
    }

    fn next(&self, id: u32) -> u32 {
        self[id as usize].next()
    }

    fn set_next(&mut self, id: u32, next: u32) {
        self[id as usize].set_next(next);
    }
}

/// Items that are found by what they say, and keep their number as long as they are there.
#[derive(Debug)]
pub(super) struct Table<T> {
    items: Vec<T>,
    /// The first number that is free; the link of each leads to the next.
    free: u32,
    count: usize,
    buckets: Buckets,
}

impl<T: Item> Table<T> {
    pub(super) fn new() -> Self {
        Self {
            items: Vec::new(),
            free: NONE,
            count: 0,
            buckets: Buckets::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn bytes(&self) -> usize {
        allocated(&self.items) + self.buckets.bytes()
    }

    /// Bytes that one more item will allocate.
    pub(super) fn needed(&self) -> usize {
        let items = if self.free == NONE {
            needed(&self.items)
        } else {
            0
        };
        items.saturating_add(self.buckets.needed(self.count))
    }

    pub(super) fn get(&self, id: u32) -> &T {
        &self.items[id as usize]
    }

    pub(super) fn get_mut(&mut self, id: u32) -> &mut T {
        &mut self.items[id as usize]
    }

    /// All items by their number, and what is in the places of those that are gone.
    pub(super) fn places(&self) -> &[T] {
        &self.items
    }

    pub(super) fn places_mut(&mut self) -> &mut [T] {
        &mut self.items
    }

    /// Finds each item by its hash as it is now.
    pub(super) fn rebuild(&mut self) {
        self.buckets.rebuild(&mut self.items);
    }

    /// Bytes of places that are free.
    pub(super) fn wasted(&self) -> usize {
        (self.items.len() - self.count) * size_of::<T>() + self.buckets.wasted(self.count)
    }

    /// Gives free places back: all but those that `is_used` says. Returns the new numbers.
    pub(super) fn compact(&mut self, is_used: impl Fn(&T) -> bool) -> Vec<u32> {
        let numbers = compact(&mut self.items, is_used);
        self.free = NONE;
        self.buckets = Buckets::new();
        for (id, count) in (0..).zip(1..=self.items.len()) {
            self.buckets.insert(&mut self.items, id, count);
        }
        numbers
    }

    /// The item of that hash that `is` the one.
    pub(super) fn find(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<u32> {
        let mut id = self.buckets.first(hash);
        while id != NONE {
            let item = self.get(id);
            if item.hash() == hash && is(item) {
                return Some(id);
            }
            id = item.next();
        }
        None
    }

    pub(super) fn insert(&mut self, item: T) -> u32 {
        let id = if self.free == NONE {
            push(&mut self.items, item)
        } else {
            let id = self.free;
            self.free = self.get(id).next();
            *self.get_mut(id) = item;
            id
        };
        self.count += 1;
        self.buckets.insert(&mut self.items, id, self.count);
        id
    }

    /// Takes an item out; its number is given to another one.
    pub(super) fn remove(&mut self, id: u32) {
        self.buckets.remove(&mut self.items, id);
        self.count -= 1;
        let free = self.free;
        self.get_mut(id).set_next(free);
        self.free = id;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    struct Number {
        value: u32,
        next: u32,
    }

    impl Item for Number {
        fn hash(&self) -> u32 {
            // Many collide.
            (self.value / 3).wrapping_mul(0x9E37_79B1)
        }

        fn next(&self) -> u32 {
            self.next
        }

        fn set_next(&mut self, next: u32) {
            self.next = next;
        }
    }

    fn number(value: u32) -> Number {
        Number { value, next: NONE }
    }

    proptest! {
        /// What was put in is found until it is taken out, under the same number.
        #[test]
        fn a_table_finds_what_it_has(steps in prop::collection::vec((0_u32..200, any::<bool>()), 0..2000)) {
            let mut table = Table::new();
            let mut model = BTreeMap::new();
            for (value, is_put) in steps {
                let found = table.find(number(value).hash(), |item: &Number| item.value == value);
                prop_assert_eq!(found, model.get(&value).copied());
                match found {
                    None if is_put => {
                        model.insert(value, table.insert(number(value)));
                    }
                    Some(id) if !is_put => {
                        model.remove(&value);
                        table.remove(id);
                    }
                    _ => {}
                }
                prop_assert_eq!(table.len(), model.len());
            }
        }
    }
}
