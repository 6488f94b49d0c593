//! The pieces of one datagram, as far as they have come.
//!
//! The bytes stand in the order in which they came, so that memory grows with what came and not
//! with the offsets that fragments claim. Places are found at logarithmic cost in their number,
//! which is at most that of units of 8 bytes in a datagram (RFC 791, section 3.2). A piece that
//! continues the one that came before it belongs to the same place: in order, there is only one.

use std::collections::BTreeMap;

/// Memory of a place, in bytes: that of a node of the map, half full, divided by its places.
const PLACE_BYTES: usize = 16;

/// Pieces that do not overlap. Offsets are at most 65,535.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    /// By offset in the datagram.
    places: BTreeMap<u16, Place>,
}

/// Where the bytes of a piece are.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u16,
    length: u16,
}

impl Place {
    fn end(self, offset: u16) -> usize {
        usize::from(offset) + usize::from(self.length)
    }

    fn stored_end(self) -> usize {
        usize::from(self.at) + usize::from(self.length)
    }

    fn within(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(usize::from(self.at)..self.stored_end())
            .unwrap_or_default()
    }
}

impl Pieces {
    /// No pieces yet. The memory of `buffer` is reused.
    pub(super) fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self {
            bytes: buffer,
            places: BTreeMap::new(),
        }
    }

    /// Memory held, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.places.len() * PLACE_BYTES
    }

    /// Bytes that have come.
    pub(super) fn filled(&self) -> usize {
        self.bytes.len()
    }

    /// Where the last piece ends, in bytes from the start of the datagram.
    pub(super) fn reach(&self) -> usize {
        let last = self.places.last_key_value();
        last.map_or(0, |(offset, place)| place.end(*offset))
    }

    /// Whether the first bytes of the datagram are there.
    pub(super) fn has_first(&self) -> bool {
        self.places.contains_key(&0)
    }

    /// Adds a piece; false, with nothing changed, if it overlaps another.
    pub(super) fn add(&mut self, offset: u16, payload: &[u8]) -> bool {
        let end = usize::from(offset) + payload.len();
        let behind = self.places.range(offset..).next();
        if behind.is_some_and(|(behind, _)| usize::from(*behind) < end) {
            return false;
        }
        let filled = self.bytes.len();
        let (Ok(at), Ok(length)) = (u16::try_from(filled), u16::try_from(payload.len())) else {
            return false;
        };
        let before = self.places.range_mut(..offset).next_back();
        match before {
            Some((before, place)) if place.end(*before) > usize::from(offset) => return false,
            Some((before, place))
                if place.end(*before) == usize::from(offset) && place.stored_end() == filled =>
            {
                place.length += length;
            }
            _ => {
                self.places.insert(offset, Place { at, length });
            }
        }
        self.bytes.extend_from_slice(payload);
        true
    }

    /// Whether these bytes are there already.
    pub(super) fn hold(&self, offset: u16, mut payload: &[u8]) -> bool {
        let mut reached = usize::from(offset);
        let first = self.places.range(..=offset).next_back();
        let from = first.map_or(offset, |(offset, _)| *offset);
        for (start, place) in self.places.range(from..) {
            let Some(skipped) = reached.checked_sub(usize::from(*start)) else {
                return false;
            };
            let known = place.within(&self.bytes).get(skipped..).unwrap_or_default();
            let compared = known.len().min(payload.len());
            if compared == 0 || known[..compared] != payload[..compared] {
                return false;
            }
            payload = &payload[compared..];
            reached += compared;
            if payload.is_empty() {
                return true;
            }
        }
        false
    }

    /// The bytes of the datagram up to its first hole. If they have to be put together, it is in
    /// memory that `buffer` gives.
    pub(super) fn join(mut self, buffer: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
        if !self.has_first() {
            self.bytes.clear();
        } else if self.places.len() > 1 {
            let mut joined = buffer();
            joined.clear();
            for (offset, place) in &self.places {
                if usize::from(*offset) != joined.len() {
                    break;
                }
                joined.extend_from_slice(place.within(&self.bytes));
            }
            return joined;
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each byte of the datagram by its offset: the plain way.
    #[derive(Default)]
    struct Plain(BTreeMap<usize, u8>);

    impl Plain {
        fn add(&mut self, offset: usize, payload: &[u8]) -> bool {
            let free = (offset..offset + payload.len()).all(|at| !self.0.contains_key(&at));
            if free {
                self.0.extend((offset..).zip(payload.iter().copied()));
            }
            free
        }

        fn hold(&self, offset: usize, payload: &[u8]) -> bool {
            (offset..)
                .zip(payload)
                .all(|(at, byte)| self.0.get(&at) == Some(byte))
        }

        fn join(&self) -> Vec<u8> {
            let from_first = self.0.iter().zip(0..);
            from_first
                .take_while(|((at, _), count)| **at == *count)
                .map(|((_, byte), _)| *byte)
                .collect()
        }
    }

    proptest! {
        /// Any pieces, of bytes that agree mostly, are held as by the plain way.
        #[test]
        fn as_the_plain_way(pieces in prop::collection::vec((0_u16..40, 1_usize..20, 0_u8..20), 0..30)) {
            let (mut held, mut plain) = (Pieces::default(), Plain::default());
            for (offset, length, odd) in pieces {
                let start = usize::from(offset);
                let payload: Vec<u8> = (start..start + length)
                    .map(|at| u8::try_from(at).expect("it is small") + u8::from(odd == 0))
                    .collect();
                prop_assert_eq!(held.hold(offset, &payload), plain.hold(start, &payload));
                prop_assert_eq!(held.add(offset, &payload), plain.add(start, &payload));
                prop_assert_eq!(held.filled(), plain.0.len());
                prop_assert_eq!(held.reach(), plain.0.keys().next_back().map_or(0, |last| last + 1));
                prop_assert_eq!(held.has_first(), plain.0.contains_key(&0));
            }
            prop_assert_eq!(held.join(|| vec![9; 3]), plain.join());
        }
    }

    #[test]
    fn memory_grows_with_what_came() {
        let mut pieces = Pieces::default();
        assert!(pieces.add(65_000, &[1; 8]));
        assert!(pieces.memory() < 200, "{}", pieces.memory());
    }

    #[test]
    fn pieces_in_order_are_one_place() {
        let mut pieces = Pieces::default();
        for offset in (0..800).step_by(8) {
            assert!(pieces.add(offset, &[1; 8]));
        }
        assert_eq!(pieces.places.len(), 1);
    }
}
