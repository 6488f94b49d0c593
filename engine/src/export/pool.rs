//! A pool of sets from which datagrams are filled to the last byte.
//!
//! Segmentation offload sends many datagrams with one system call only if they have equal sizes.
//! Sets have many sizes, so the pool holds some back, and the last sets of a datagram are chosen to
//! fit exactly: among [`POOL_SETS`] sets, nearly always one, two or three do. The wait of a set is
//! bounded: each datagram starts with the oldest set of the pool.

use dnsflow_wire::encode::MAX_TRANSCRIPT_BYTES;

/// Capacity of the pool, in sets.
const POOL_SETS: usize = 32;

// A larger set bypasses the pool.
const _: () = assert!(MAX_TRANSCRIPT_BYTES / GRAIN_BYTES < SIZES);

/// Sizes of sets are multiples of this many bytes.
const GRAIN_BYTES: usize = 4;

/// Number of sizes that a set in the pool can have, in grains from 0: the bits of [`Sizes`].
const SIZES: usize = 128;

/// A bit for each size, in grains, so that one operation tests all sizes.
type Sizes = u128;

/// Sets in slots, found by their size.
#[derive(Debug)]
pub(super) struct Pool {
    memory: Box<[[u8; MAX_TRANSCRIPT_BYTES]; POOL_SETS]>,
    sizes: [usize; POOL_SETS],
    /// For each slot, the number of sets added before its set.
    arrival: [u64; POOL_SETS],
    /// Sets added since the start.
    arrivals: u64,
    /// A bit for each slot that holds a set.
    occupied: u32,
    /// For each size in grains, a bit for each slot with a set of that size.
    by_size: [u32; SIZES],
    /// Sizes of which the pool has a set.
    present: Sizes,
}

/// The slots of one to three sets.
pub(super) type Slots = [Option<usize>; 3];

impl Default for Pool {
    fn default() -> Self {
        Self {
            memory: Box::new([[0; MAX_TRANSCRIPT_BYTES]; POOL_SETS]),
            sizes: [0; POOL_SETS],
            arrival: [0; POOL_SETS],
            arrivals: 0,
            occupied: 0,
            by_size: [0; SIZES],
            present: 0,
        }
    }
}

impl Pool {
    pub(super) fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.occupied == u32::MAX
    }

    /// Copies a set of at most [`MAX_TRANSCRIPT_BYTES`] into the pool; does nothing if the pool is
    /// full.
    pub(super) fn add(&mut self, set: &[u8]) {
        let slot = usize::try_from(self.occupied.trailing_ones()).unwrap_or(POOL_SETS);
        let memory = self.memory.get_mut(slot);
        if let Some(room) = memory.and_then(|memory| memory.get_mut(..set.len())) {
            room.copy_from_slice(set);
            self.occupy(slot, set.len());
        }
    }

    fn occupy(&mut self, slot: usize, size: usize) {
        self.sizes[slot] = size;
        self.arrival[slot] = self.arrivals;
        self.arrivals += 1;
        self.occupied |= 1 << slot;
        self.by_size[size / GRAIN_BYTES] |= 1 << slot;
        self.present |= bit(size / GRAIN_BYTES);
    }

    /// Removes the set in a slot and returns its bytes, which the next set in that slot overwrites.
    pub(super) fn take(&mut self, slot: usize) -> &[u8] {
        let size = self.sizes[slot];
        self.occupied &= !(1 << slot);
        let grains = size / GRAIN_BYTES;
        self.by_size[grains] &= !(1 << slot);
        if self.by_size[grains] == 0 {
            self.present &= !bit(grains);
        }
        &self.memory[slot][..size]
    }

    /// Size of the set in a slot, in bytes.
    pub(super) fn size(&self, slot: usize) -> usize {
        self.sizes[slot]
    }

    /// The slot of the oldest set.
    pub(super) fn oldest(&self) -> Option<usize> {
        self.slots().min_by_key(|slot| self.arrival[*slot])
    }

    /// Number of sets added since the start.
    pub(super) fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// Number of sets added before the oldest set.
    pub(super) fn oldest_arrival(&self) -> Option<u64> {
        self.oldest().map(|slot| self.arrival[slot])
    }

    /// One, two or three sets of exactly `room` bytes together; `None` if there are none.
    pub(super) fn find_exact_fit(&self, room: usize) -> Option<Slots> {
        if !room.is_multiple_of(GRAIN_BYTES) {
            return None;
        }
        let room = room / GRAIN_BYTES;
        if room < SIZES && self.present & bit(room) != 0 {
            return Some(self.slots_of_sizes([Some(room), None, None]));
        }
        let repeated = |more: u32| {
            move |size: usize| {
                self.by_size
                    .get(size)
                    .is_some_and(|sets| sets.count_ones() > more)
            }
        };
        if let Some((first, second)) = pair(self.present, room, repeated(1)) {
            return Some(self.slots_of_sizes([Some(first), Some(second), None]));
        }
        set_bits(self.present).find_map(|first| {
            let rest = room.checked_sub(first)?;
            // Search each triple by its smallest size.
            let others = self.present & (Sizes::MAX << first);
            let others = if repeated(1)(first) {
                others
            } else {
                others & !bit(first)
            };
            let more = move |size: usize| repeated(1 + u32::from(size == first))(size);
            let (second, third) = pair(others, rest, more)?;
            Some(self.slots_of_sizes([Some(first), Some(second), Some(third)]))
        })
    }

    /// Slots of sets of these sizes, of which the pool has enough.
    fn slots_of_sizes(&self, sizes: [Option<usize>; 3]) -> Slots {
        let mut used = 0_u32;
        sizes.map(|size| {
            let slot = set_bits((self.by_size.get(size?)? & !used).into()).next()?;
            used |= 1 << slot;
            Some(slot)
        })
    }

    fn slots(&self) -> impl Iterator<Item = usize> + use<> {
        set_bits(self.occupied.into())
    }
}

/// Two of `sizes` that make up `room`, all in grains. A size is used twice only if it is
/// `repeated`.
fn pair(sizes: Sizes, room: usize, repeated: impl Fn(usize) -> bool) -> Option<(usize, usize)> {
    // Reversed and shifted, the bit of each size is at `room - size`: its complement to the room.
    let reversed = sizes.reverse_bits();
    let left = if room < SIZES {
        reversed >> (SIZES - 1 - room)
    } else if room - (SIZES - 1) < SIZES {
        reversed << (room - (SIZES - 1))
    } else {
        return None;
    };
    let half = room / 2;
    let alone = room == 2 * half && !repeated(half);
    let first = set_bits(sizes & left & !if alone { bit(half) } else { 0 }).next()?;
    Some((first, room - first))
}

fn bit(size: usize) -> Sizes {
    1 << size
}

/// Indices of the bits that are set, ascending.
fn set_bits(mut set: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = usize::try_from(set.trailing_zeros())
            .ok()
            .filter(|_| set != 0)?;
        set &= set - 1;
        Some(lowest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pool with sets of these sizes, in slots from 0.
    fn pool(sizes: &[usize]) -> Pool {
        let mut pool = Pool::default();
        for (slot, size) in sizes.iter().enumerate() {
            pool.occupy(slot, *size);
        }
        pool
    }

    fn sum(pool: &Pool, slots: &Slots) -> usize {
        slots.iter().flatten().map(|slot| pool.size(*slot)).sum()
    }

    #[test]
    fn one_two_or_three_sets_fit_exactly() {
        let pool = pool(&[60, 64, 100, 100, 300]);
        for room in [60, 300, 124, 200, 224, 260, 460, 424] {
            let found = pool.find_exact_fit(room).map(|slots| sum(&pool, &slots));
            assert_eq!(found, Some(room));
        }
        for room in [0, 4, 61, 120, 300 + 300, 10_000] {
            assert_eq!(pool.find_exact_fit(room), None, "{room}");
        }
    }

    #[test]
    fn a_set_is_not_used_twice() {
        assert_eq!(pool(&[60]).find_exact_fit(120), None);
        assert_eq!(pool(&[60, 64]).find_exact_fit(180), None);
        assert_eq!(pool(&[60, 60]).find_exact_fit(180), None);
    }

    #[test]
    fn the_oldest_goes_first() {
        let mut pool = pool(&[60, 64, 68]);
        assert_eq!(pool.oldest(), Some(0));
        assert_eq!(pool.take(0).len(), 60);
        assert_eq!(pool.oldest(), Some(1));
        assert_eq!(pool.find_exact_fit(60), None);
    }

    proptest::proptest! {
        #[test]
        fn an_exact_fit_is_found_if_there_is_one(
            sizes in proptest::collection::vec(proptest::prop_oneof![15_usize..=20, 15_usize..=127], 0..=32),
            room in 0_usize..400,
        ) {
            let sizes: Vec<_> = sizes.iter().map(|grains| grains * GRAIN_BYTES).collect();
            let room = room * GRAIN_BYTES;
            let pool = pool(&sizes);
            let exists = (0..sizes.len()).any(|a| {
                sizes[a] == room
                    || (0..a).any(|b| {
                        sizes[a] + sizes[b] == room
                            || (0..b).any(|c| sizes[a] + sizes[b] + sizes[c] == room)
                    })
            });
            let found = pool.find_exact_fit(room);
            proptest::prop_assert_eq!(found.is_some(), exists);
            if let Some(slots) = found {
                proptest::prop_assert_eq!(sum(&pool, &slots), room);
                let mut used: Vec<_> = slots.iter().flatten().collect();
                used.sort();
                used.dedup();
                proptest::prop_assert_eq!(used.len(), slots.iter().flatten().count());
            }
        }
    }
}
