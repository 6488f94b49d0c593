//! Where the names of a message are, and its addresses, in memory that serves every message.

use super::{HEADER_BYTES, MAX_MESSAGE_BYTES, RECORD_FIXED_BYTES};
use crate::name::NameAt;

/// Records that a message can hold at most: each has a root owner and no RDATA.
const MAX_RECORDS: usize = (MAX_MESSAGE_BYTES - HEADER_BYTES) / (1 + RECORD_FIXED_BYTES);

/// Marks of one kind that there is memory for: a power of two, so that a mask proves a place to be one.
const PLACES: usize = 8192;

// The question's name is one more than there are records.
const _: () = assert!(MAX_RECORDS < PLACES && PLACES.is_power_of_two());

/// What was found in a message, kept from one message to the next so that none is allocated.
#[derive(Debug)]
pub struct Marks {
    pub(super) names: List<NameAt>,
    pub(super) ipv4: List<[u8; 4]>,
    pub(super) ipv6: List<[u8; 16]>,
    /// Bytes of all names in uncompressed wire format.
    pub(super) names_len: usize,
}

impl Default for Marks {
    fn default() -> Self {
        Marks {
            names: List::new(NameAt::ROOT),
            ipv4: List::new([0; 4]),
            ipv6: List::new([0; 16]),
            names_len: 0,
        }
    }
}

impl Marks {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.names.count = 0;
        self.ipv4.count = 0;
        self.ipv6.count = 0;
        self.names_len = 0;
    }

    #[inline]
    pub(super) fn name(&mut self, at: NameAt) {
        self.names_len += at.wire_len();
        self.names.note(at);
    }
}

/// A list that never grows: there is room for all that a message can hold.
#[derive(Debug)]
pub(super) struct List<T> {
    places: Box<[T; PLACES]>,
    count: usize,
}

impl<T: Copy + std::fmt::Debug> List<T> {
    fn new(filling: T) -> Self {
        List {
            places: vec![filling; PLACES]
                .try_into()
                .expect("the length is that"),
            count: 0,
        }
    }

    #[inline]
    pub(super) fn note(&mut self, found: T) {
        self.places[self.count % PLACES] = found;
        self.count += 1;
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The list, and what is behind it in memory.
    #[inline]
    pub(super) fn with_rest(&self) -> (&[T], usize) {
        (self.places.as_slice(), self.count)
    }

    #[inline]
    pub(super) fn all(&self) -> &[T] {
        self.places.get(..self.count).unwrap_or_default()
    }
}
