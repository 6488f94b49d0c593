//! What many entries share, kept once: addresses, and chains of names. Each is there as long as something
//! refers to it.

use std::net::{IpAddr, Ipv6Addr};

use ahash::RandomState;

use super::slab::{Item, NONE, Table};

/// What an allocator adds to a text, and what it rounds up to; in bytes. That of the GNU C library.
const ALLOCATION_EXTRA: usize = 8;
const ALLOCATION_UNIT: usize = 16;
const ALLOCATION_LEAST: usize = 32;

/// The lower half of a hash.
#[allow(
    clippy::cast_possible_truncation,
    reason = "half of a hash is a hash as well"
)]
pub(super) fn half(hash: u64) -> u32 {
    hash as u32
}

/// An address of a client, or one that clients were told.
#[derive(Debug)]
pub(super) struct Ip {
    /// IPv4 as IPv6-mapped (RFC 4291, section 2.5.5.2).
    octets: [u8; 16],
    refs: u32,
    hash: u32,
    next: u32,
    /// The first of what clients were told of it; see [`super::others`].
    pub(super) told: u32,
}

impl Ip {
    pub(super) fn address(&self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(self.octets)).to_canonical()
    }
}

impl Item for Ip {
    fn hash(&self) -> u32 {
        self.hash
    }

    fn next(&self) -> u32 {
        self.next
    }

    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Addresses, each once.
#[derive(Debug)]
pub(super) struct Ips {
    pub(super) table: Table<Ip>,
    state: RandomState,
}

impl Ips {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(),
            state: RandomState::new(),
        }
    }

    /// Whether something refers to an address.
    pub(super) fn is_used(ip: &Ip) -> bool {
        ip.refs > 0
    }

    pub(super) fn find(&self, address: IpAddr) -> Option<u32> {
        let octets = octets(address);
        let hash = half(self.state.hash_one(octets));
        self.table.find(hash, |ip| ip.octets == octets)
    }

    /// Adds one that is not there, without a reference.
    pub(super) fn insert(&mut self, address: IpAddr) -> u32 {
        let octets = octets(address);
        self.table.insert(Ip {
            octets,
            refs: 0,
            hash: half(self.state.hash_one(octets)),
            next: NONE,
            told: NONE,
        })
    }

    pub(super) fn hold(&mut self, id: u32) {
        self.table.get_mut(id).refs += 1;
    }

    /// Gives a reference back. If it was the last one, the address is gone, and what it was told is returned.
    pub(super) fn release(&mut self, id: u32) -> Option<u32> {
        let ip = self.table.get_mut(id);
        ip.refs -= 1;
        if ip.refs > 0 {
            return None;
        }
        let told = std::mem::replace(&mut ip.told, NONE);
        self.table.remove(id);
        Some(told)
    }
}

/// Names as text, from the one that was asked for to the owner of the address, with commas between.
#[derive(Debug)]
pub(super) struct Chain {
    text: Box<str>,
    refs: u32,
    hash: u32,
    next: u32,
}

impl Item for Chain {
    fn hash(&self) -> u32 {
        self.hash
    }

    fn next(&self) -> u32 {
        self.next
    }

    fn set_next(&mut self, next: u32) {
        self.next = next;
    }
}

/// Chains, each once.
#[derive(Debug)]
pub(super) struct Chains {
    pub(super) table: Table<Chain>,
    /// Bytes of all texts, as allocated.
    texts: usize,
    state: RandomState,
}

impl Chains {
    pub(super) fn new() -> Self {
        Self {
            table: Table::new(),
            texts: 0,
            state: RandomState::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.table.bytes() + self.texts
    }

    /// Bytes that a chain of that text will allocate.
    pub(super) fn needed(&self, text: &str) -> usize {
        self.table.needed().saturating_add(allocated(text))
    }

    /// All texts by the number of the chain; those of chains that are gone are empty.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.table.places().iter().map(|chain| &*chain.text)
    }

    pub(super) fn text(&self, id: u32) -> &str {
        &self.table.get(id).text
    }

    /// Whether something refers to a chain.
    pub(super) fn is_used(chain: &Chain) -> bool {
        chain.refs > 0
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        let hash = half(self.state.hash_one(text));
        self.table.find(hash, |chain| *chain.text == *text)
    }

    /// Adds one that is not there, without a reference.
    pub(super) fn insert(&mut self, text: &str) -> u32 {
        self.texts += allocated(text);
        self.table.insert(Chain {
            text: text.into(),
            refs: 0,
            hash: half(self.state.hash_one(text)),
            next: NONE,
        })
    }

    pub(super) fn hold(&mut self, id: u32) {
        self.table.get_mut(id).refs += 1;
    }

    /// Gives a reference back, and forgets the chain if it was the last one.
    pub(super) fn release(&mut self, id: u32) {
        let chain = self.table.get_mut(id);
        chain.refs -= 1;
        if chain.refs == 0 {
            let text = std::mem::take(&mut chain.text);
            self.texts -= allocated(&text);
            self.table.remove(id);
        }
    }
}

/// Bytes that an allocator takes for a text.
fn allocated(text: &str) -> usize {
    let with_extra = (text.len() + ALLOCATION_EXTRA).next_multiple_of(ALLOCATION_UNIT);
    with_extra.max(ALLOCATION_LEAST)
}
