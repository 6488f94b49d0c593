//! Each text once, and a number for it.
//!
//! The texts of DNS repeat: names, addresses, types. A row that waits holds their numbers, which are
//! small, and equal texts are made and compared once.

use std::fmt::{self, Display, Write};
use std::net::IpAddr;

use ahash::RandomState;
use bytes::Bytes;
use dnsflow_wire::text::NameText;
use hashbrown::{HashMap, HashTable};

/// The number of a text.
pub(super) type Id = u32;

/// No text: the value is absent.
pub(super) const NONE: Id = Id::MAX;

/// Texts and their numbers.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashTable<Id>,
    addresses: HashMap<IpAddr, Id, RandomState>,
    hasher: RandomState,
    bytes: Vec<u8>,
    /// Where each text ends.
    ends: Vec<usize>,
    scratch: String,
}

/// Which bytes a text has.
fn place(ends: &[usize], id: Id) -> std::ops::Range<usize> {
    let at = id as usize;
    let start = at.checked_sub(1).and_then(|before| ends.get(before));
    let end = ends.get(at).copied().unwrap_or(0);
    start.copied().unwrap_or(0).min(end)..end
}

impl Texts {
    /// The number of a text.
    pub(super) fn text(&mut self, text: &str) -> Id {
        let Self {
            numbers,
            hasher,
            bytes,
            ends,
            ..
        } = self;
        let hash = hasher.hash_one(text.as_bytes());
        let is_same = |id: &Id| bytes.get(place(ends, *id)) == Some(text.as_bytes());
        if let Some(id) = numbers.find(hash, is_same) {
            return *id;
        }
        let id = Id::try_from(ends.len()).unwrap_or(NONE);
        bytes.extend_from_slice(text.as_bytes());
        ends.push(bytes.len());
        numbers.insert_unique(hash, id, |id| {
            hasher.hash_one(bytes.get(place(ends, *id)).unwrap_or_default())
        });
        id
    }

    /// The number of what is displayed.
    pub(super) fn shown(&mut self, what: impl Display) -> Id {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let written = write!(scratch, "{what}");
        let id = match written {
            Ok(()) => self.text(&scratch),
            Err(fmt::Error) => NONE,
        };
        self.scratch = scratch;
        id
    }

    /// The number of an address.
    pub(super) fn address(&mut self, address: IpAddr) -> Id {
        if let Some(id) = self.addresses.get(&address) {
            return *id;
        }
        let id = self.shown(address.to_canonical());
        self.addresses.insert(address, id);
        id
    }

    /// The number of a name as text.
    pub(super) fn name<'n, N>(&mut self, name: N) -> Id
    where
        N: IntoIterator<Item = &'n [u8]> + Clone,
    {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let id = if write_plain(&mut scratch, name.clone()) {
            self.text(&scratch)
        } else {
            NONE
        };
        self.scratch = scratch;
        if id == NONE {
            self.shown(NameText(name))
        } else {
            id
        }
    }

    #[cfg(test)]
    fn get(&self, id: Id) -> &[u8] {
        self.bytes.get(place(&self.ends, id)).unwrap_or_default()
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        // A table has a byte of control for each slot.
        self.bytes.capacity()
            + self.ends.capacity() * size_of::<usize>()
            + self.numbers.capacity() * (size_of::<Id>() + 1)
            + self.addresses.capacity() * (size_of::<(IpAddr, Id)>() + 1)
    }

    /// Lends all texts as one piece of memory, until [`Texts::take_back`].
    pub(super) fn lend(&mut self) -> Lent {
        Lent {
            bytes: Bytes::from(std::mem::take(&mut self.bytes)),
            ends: std::mem::take(&mut self.ends),
        }
    }

    /// Takes back what was lent.
    pub(super) fn take_back(&mut self, lent: Lent) {
        self.bytes = lent.bytes.into();
        self.ends = lent.ends;
    }
}

/// Writes a name in which nothing has to be escaped. Returns whether it is one.
fn write_plain<'n>(out: &mut String, name: impl IntoIterator<Item = &'n [u8]>) -> bool {
    for label in name {
        if !out.is_empty() {
            out.push('.');
        }
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        match std::str::from_utf8(label) {
            Ok(text) if label.iter().all(is_plain) => out.push_str(text),
            _ => return false,
        }
    }
    !out.is_empty()
}

/// All texts, while they are written.
#[derive(Debug)]
pub(super) struct Lent {
    bytes: Bytes,
    ends: Vec<usize>,
}

impl Lent {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A text that shares the memory.
    pub(super) fn share(&self, id: Id) -> Bytes {
        let place = place(&self.ends, id);
        if place.end <= self.bytes.len() {
            self.bytes.slice(place)
        } else {
            Bytes::new()
        }
    }

    /// A text.
    pub(super) fn get(&self, id: Id) -> &[u8] {
        self.bytes.get(place(&self.ends, id)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number() {
        let mut texts = Texts::default();
        let ids: Vec<_> = (0..10_000).map(|n| texts.shown(n % 1000)).collect();
        assert_eq!(texts.ends.len(), 1000);
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(texts.get(*id), (n % 1000).to_string().as_bytes());
        }
        assert_eq!(texts.text(""), texts.text(""));
        let lent = texts.lend();
        assert_eq!(&lent.share(ids[7])[..], b"7");
        texts.take_back(lent);
        assert_eq!(texts.shown(7), ids[7]);
        assert_eq!(texts.get(NONE), b"");
    }

    #[test]
    fn names_are_escaped_as_everywhere() {
        let mut texts = Texts::default();
        let names: [&[&[u8]]; 6] = [
            &[b"www", b"Example", b"org"],
            &[],
            &[b"a.b", b"c"],
            &[b"\xff\0"],
            &[b"_dmarc", b"x-1"],
            &[b"*", b"|", b"\\"],
        ];
        for name in names {
            let id = texts.name(name.iter().copied());
            let text = NameText(name.iter().copied()).to_string();
            assert_eq!(texts.get(id), text.as_bytes());
        }
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mut texts = Texts::default();
        let mapped = texts.address("::ffff:192.0.2.1".parse().unwrap());
        assert_eq!(texts.get(mapped), b"192.0.2.1");
    }
}
