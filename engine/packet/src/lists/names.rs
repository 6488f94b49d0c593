//! A set of names, each of which stands for itself and everything below it.
//!
//! ```text
//! text   7 example 3 com 0 | 3 www 7 example 3 net 0 | ..       each name of the list, once
//! table  offsets of names in it, found by the hash of their labels; a bit says whether listed
//! depths a bit for each number of labels in the table
//! ```
//!
//! A name is looked up from its last labels on, once for each bit. The table also has the last two
//! labels of each longer name, and the last three: where these are missing, nothing below them is
//! listed, and the look-up ends. Names below one zone thus find the same few places of a large
//! table, which then are in the cache.
//!
//! An entry takes the bytes of its name on the wire, and 10 to 21 of the table.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::ops::RangeInclusive;

use dnsflow_wire::dns::Asked;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::presentation::{self, NameTextError};

/// Numbers of labels at which the table has the ends of all longer names.
const WAYPOINTS: RangeInclusive<usize> = 2..=3;

/// A set of names and of all that is below them. Equal if made of the same names in the same order.
#[derive(Clone, Default)]
pub struct NameSet {
    text: Vec<u8>,
    table: HashTable<Place>,
    depths: u128,
    listed: usize,
    /// With a key of its own: nobody can choose names that collide.
    hash: RandomState,
}

/// Where a name is in the text: twice the offset, and one more if the name is listed.
#[derive(Clone, Copy)]
struct Place(u32);

impl Place {
    /// `None` for an offset that has no room.
    fn new(at: usize, is_listed: bool) -> Option<Self> {
        let doubled = at.checked_mul(2)?;
        let place = u32::try_from(doubled).ok()?;
        Some(Self(place | u32::from(is_listed)))
    }

    #[inline(always)]
    fn is_listed(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether these labels are here, with the root behind them.
    #[inline(always)]
    fn is(self, labels: &[u8], text: &[u8]) -> bool {
        let rest = self.rest(text);
        rest.get(labels.len()) == Some(&0) && rest.starts_with(labels)
    }

    fn rest(self, text: &[u8]) -> &[u8] {
        let at = usize::try_from(self.0 >> 1).unwrap_or(usize::MAX);
        text.get(at..).unwrap_or_default()
    }

    /// The labels here, as far as the root.
    fn labels(self, text: &[u8]) -> &[u8] {
        let rest = self.rest(text);
        let mut end = 0;
        while let Some(&length @ 1..) = rest.get(end) {
            end += 1 + usize::from(length);
        }
        rest.get(..end).unwrap_or_default()
    }
}

impl NameSet {
    /// Adds a name in presentation format: labels separated by dots, `\DDD` and `\X` for bytes that
    /// mean something else (RFC 1035, section 5.1), upper or lower case, with or without a dot at
    /// the end. A single dot is the root, and everything is below it.
    ///
    /// Returns false if the set had it.
    ///
    /// # Errors
    /// What is wrong with it; the set stays as it was.
    pub fn insert(&mut self, name: &[u8]) -> Result<bool, NameTextError> {
        let start = self.text.len();
        let added = presentation::labels(name, &mut self.text).and_then(|count| {
            let place = Place::new(start, true).ok_or(NameTextError::Many)?;
            self.text.push(0);
            Ok((count, place))
        });
        let (count, place) = match added {
            Ok(added) => added,
            Err(error) => {
                self.text.truncate(start);
                return Err(error);
            }
        };
        if !self.place(place, count) {
            self.text.truncate(start);
            return Ok(false);
        }
        self.listed += 1;
        self.place_ends(start, count);
        Ok(true)
    }

    /// Adds the ends of a name of `count` labels whose text starts at `start`.
    fn place_ends(&mut self, start: usize, count: usize) {
        let mut at = start;
        for left in (0..count).rev() {
            at += 1 + usize::from(self.text[at]);
            if WAYPOINTS.contains(&left)
                && let Some(place) = Place::new(at, false)
            {
                self.place(place, left);
            }
        }
    }

    /// Adds a place of `count` labels to the table; false if it was there, as the same or as more.
    fn place(&mut self, place: Place, count: usize) -> bool {
        let (text, hash) = (&self.text, &self.hash);
        let labels = place.labels(text);
        let hashed = hash_of(hash, labels);
        self.depths |= 1 << count;
        match self.table.find_mut(hashed, |known| known.is(labels, text)) {
            Some(known) if place.is_listed() && !known.is_listed() => {
                *known = place;
                true
            }
            Some(_) => false,
            None => {
                let rehash = |place: &Place| hash_of(hash, place.labels(text));
                self.table.insert_unique(hashed, place, rehash);
                true
            }
        }
    }

    /// Gives back memory that was kept for more names.
    pub fn shrink(&mut self) {
        let (text, hash) = (&mut self.text, &self.hash);
        text.shrink_to_fit();
        self.table
            .shrink_to_fit(|place| hash_of(hash, place.labels(text)));
    }

    /// Names that were added, each counted once.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listed
    }

    /// Whether no name was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed == 0
    }

    /// Whether the name or one that it is below was added.
    #[inline]
    #[must_use]
    pub fn contains(&self, name: &Asked) -> bool {
        let most = u32::try_from(name.labels()).unwrap_or(u32::MAX);
        let mut depths = self.depths & (u128::MAX >> u128::BITS.saturating_sub(most + 1));
        while depths != 0 {
            let count = usize::try_from(depths.trailing_zeros()).unwrap_or(usize::MAX);
            depths &= depths - 1;
            let labels = name.suffix(count).unwrap_or_default();
            let hash = hash_of(&self.hash, labels);
            match self.table.find(hash, |place| place.is(labels, &self.text)) {
                Some(place) if place.is_listed() => return true,
                None if WAYPOINTS.contains(&count) => return false,
                _ => {}
            }
        }
        false
    }
}

#[inline(always)]
fn hash_of(hash: &RandomState, labels: &[u8]) -> u64 {
    let mut hasher = hash.build_hasher();
    hasher.write(labels);
    hasher.finish()
}

impl PartialEq for NameSet {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for NameSet {}

/// Without the names, of which there may be a million.
impl fmt::Debug for NameSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "NameSet({} names)", self.len())
    }
}
