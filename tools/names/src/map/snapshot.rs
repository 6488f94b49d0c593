//! A map as bytes, with which a program that is started anew goes on.
//!
//! ```text
//! "DFNM" | version 1 | 0 0 0 | collector 8 | number 8 | CRC-32 4       then blocks
//! length 4 | CRC-32 4 | content                                        the last one says how much there is
//! ```
//!
//! Numbers are little endian. A CRC-32 (IEEE) is that of the bytes before it, or of the content. The
//! content of version 1 is in the wire format of the crate postcard, version 1. Grace and limits are not
//! part of it: they are those of whoever reads it.
//!
//! What is torn or damaged is not taken, not even the part of it that is whole: half a map gives
//! answers that are wrong instead of none. Where bytes come from and go to is up to the caller.

use std::io::{self, Read, Write};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ids::Ips;
use super::runs::Run;
use super::span::Span;
use super::{Limits, Map};

const MAGIC: [u8; 4] = *b"DFNM";
const VERSION: u8 = 1;

/// Bytes of the head, and of those its CRC covers.
const HEAD_BYTES: usize = 28;
const BEFORE_CRC: usize = HEAD_BYTES - 4;

/// Items of a block at most. A chain has at most 16 KiB, so that a block has at most 64 MiB.
const BLOCK_ITEMS: usize = 4096;

/// Bytes of a block at most.
const MAX_BLOCK_BYTES: u32 = 128 << 20;

/// Up to where the map has learned: the last batch of a collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Which collector it is.
    pub collector: u64,
    /// The number of its last batch that the map has learned.
    pub number: u64,
}

/// Why bytes are not taken as a map.
#[derive(Debug, Error)]
pub enum ReadError {
    /// They can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// They start otherwise.
    #[error("it is no map of names")]
    Foreign,
    /// Of a later version, or of an earlier one that is not known any more.
    #[error("it is a map of version {0}, known is 1")]
    Version(u8),
    /// They end too early, a checksum differs, or what they say can't be.
    #[error("it is cut or damaged")]
    Damaged,
}

/// A part of the map. Items are referred to by their place among all of their kind.
#[derive(Serialize, Deserialize)]
enum Block {
    Clients(Vec<IpAddr>),
    Addresses(Vec<IpAddr>),
    Chains(Vec<String>),
    /// The least recently used ones first.
    Entries(Vec<Entry>),
    Told(Vec<(Entry, u32)>),
    Aliases(Vec<AliasOf>),
    /// How many entries there were.
    End(u64),
}

#[derive(Serialize, Deserialize)]
struct Entry {
    client: u32,
    address: u32,
    chain: u32,
    first: u64,
    /// Microseconds behind `first`.
    last: u64,
    hold_ms: u32,
}

#[derive(Serialize, Deserialize)]
struct AliasOf {
    client: u32,
    chain: u32,
    at: u16,
    until: u64,
}

impl Entry {
    fn new(client: u32, address: u32, chain: u32, span: &Span) -> Self {
        Self {
            client,
            address,
            chain,
            first: span.first(),
            last: span.last() - span.first(),
            hold_ms: span.hold_ms(),
        }
    }

    fn span(&self) -> Span {
        Span::of(
            self.first,
            self.first.saturating_add(self.last),
            self.hold_ms,
        )
    }
}

/// Writes a map. It writes in large pieces.
///
/// # Errors
/// Those of `to`.
pub fn write(map: &Map, mark: Mark, mut to: impl Write) -> io::Result<()> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend(MAGIC);
    head.extend([VERSION, 0, 0, 0]);
    head.extend(mark.collector.to_le_bytes());
    head.extend(mark.number.to_le_bytes());
    head.extend(crc32fast::hash(&head).to_le_bytes());
    to.write_all(&head)?;
    let ips = |ips: &'_ Ips| {
        let addresses = ips.table.places().iter().map(super::ids::Ip::address);
        addresses.collect::<Vec<_>>()
    };
    blocks(&mut to, ips(&map.clients).into_iter(), Block::Clients)?;
    blocks(&mut to, ips(&map.addresses).into_iter(), Block::Addresses)?;
    let texts = map.chains.texts().map(str::to_owned);
    blocks(&mut to, texts, Block::Chains)?;
    let entry = |run: &Run| Entry::new(run.client, run.address, run.chain, &run.span);
    blocks(&mut to, map.runs.by_use().map(entry), Block::Entries)?;
    let places = (0..).zip(map.addresses.table.places());
    let told = places.flat_map(|(address, ip)| {
        let told = map.others.of_address(ip.told);
        told.map(move |(_, told)| (Entry::new(0, address, told.chain, &told.span), told.count))
    });
    blocks(&mut to, told, Block::Told)?;
    let aliases = map.aliases.by_age().map(|alias| AliasOf {
        client: alias.client,
        chain: alias.chain,
        at: alias.at,
        until: alias.until(),
    });
    blocks(&mut to, aliases, Block::Aliases)?;
    block(&mut to, &Block::End(map.runs.len() as u64))
}

/// Writes items as blocks.
fn blocks<T>(
    to: &mut impl Write,
    mut items: impl Iterator<Item = T>,
    kind: impl Fn(Vec<T>) -> Block,
) -> io::Result<()> {
    loop {
        let some: Vec<T> = items.by_ref().take(BLOCK_ITEMS).collect();
        if some.is_empty() {
            return Ok(());
        }
        block(to, &kind(some))?;
    }
}

fn block(to: &mut impl Write, block: &Block) -> io::Result<()> {
    let content = postcard::to_stdvec(block).map_err(io::Error::other)?;
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&crc32fast::hash(&content).to_le_bytes())?;
    to.write_all(&content)
}

/// Reads a map. What is beyond the limits is forgotten, the least recently used first.
///
/// # Errors
/// [`ReadError`], and then nothing was read that could be used.
pub fn read(mut from: impl Read, limits: Limits) -> Result<(Map, Mark), ReadError> {
    let mark = head(&mut from)?;
    let mut content = Vec::new();
    let mut reading = Reading {
        map: Map::new(limits),
        clients: Vec::new(),
        addresses: Vec::new(),
        chains: Vec::new(),
        entries: 0,
    };
    loop {
        if let Some(entries) = reading.take(next(&mut from, &mut content)?)? {
            if entries != reading.entries {
                return Err(ReadError::Damaged);
            }
            return Ok((reading.map, mark));
        }
    }
}

fn head(from: &mut impl Read) -> Result<Mark, ReadError> {
    let mut head = [0; HEAD_BYTES];
    exact(from, &mut head)?;
    let number = |at: usize| {
        let bytes = head.get(at..).and_then(<[u8]>::first_chunk);
        u64::from_le_bytes(bytes.copied().unwrap_or_default())
    };
    if !head.starts_with(&MAGIC) {
        return Err(ReadError::Foreign);
    }
    if head[MAGIC.len()] != VERSION {
        return Err(ReadError::Version(head[MAGIC.len()]));
    }
    if !head.ends_with(&crc32fast::hash(&head[..BEFORE_CRC]).to_le_bytes()) {
        return Err(ReadError::Damaged);
    }
    Ok(Mark {
        collector: number(8),
        number: number(16),
    })
}

/// Reads the next block.
fn next(from: &mut impl Read, content: &mut Vec<u8>) -> Result<Block, ReadError> {
    let [mut length, mut crc] = [[0; 4]; 2];
    exact(from, &mut length)?;
    exact(from, &mut crc)?;
    let length = u32::from_le_bytes(length);
    if length > MAX_BLOCK_BYTES {
        return Err(ReadError::Damaged);
    }
    content.clear();
    // No memory is taken for a length that is a lie.
    from.take(length.into()).read_to_end(content)?;
    let is_whole = content.len() == length as usize;
    if !is_whole || crc32fast::hash(content) != u32::from_le_bytes(crc) {
        return Err(ReadError::Damaged);
    }
    postcard::from_bytes(content).map_err(|_| ReadError::Damaged)
}

fn exact(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), ReadError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::Damaged,
        _ => error.into(),
    })
}

/// A map that is being read.
struct Reading {
    map: Map,
    clients: Vec<IpAddr>,
    addresses: Vec<IpAddr>,
    chains: Vec<String>,
    entries: u64,
}

impl Reading {
    /// Takes a block; returns how many entries there have to be if it is the last one.
    fn take(&mut self, block: Block) -> Result<Option<u64>, ReadError> {
        match block {
            Block::Clients(clients) => self.clients.extend(clients),
            Block::Addresses(addresses) => self.addresses.extend(addresses),
            Block::Chains(chains) => self.chains.extend(chains),
            Block::Entries(entries) => {
                self.entries += entries.len() as u64;
                for entry in &entries {
                    self.entry(entry).ok_or(ReadError::Damaged)?;
                }
            }
            Block::Told(told) => {
                for (entry, count) in &told {
                    self.told(entry, *count).ok_or(ReadError::Damaged)?;
                }
            }
            Block::Aliases(aliases) => {
                for alias in &aliases {
                    self.alias(alias).ok_or(ReadError::Damaged)?;
                }
            }
            Block::End(entries) => return Ok(Some(entries)),
        }
        Ok(None)
    }

    fn entry(&mut self, entry: &Entry) -> Option<()> {
        let client = *self.clients.get(entry.client as usize)?;
        let address = *self.addresses.get(entry.address as usize)?;
        let text = self.chains.get(entry.chain as usize)?;
        let map = &mut self.map;
        let client = map.hold_client(client);
        let address = map.hold_address(address);
        let chain = map.hold_chain(text);
        map.add(client, address, chain, entry.span());
        map.clients.release(client);
        map.release_address(address);
        map.chains.release(chain);
        Some(())
    }

    fn told(&mut self, entry: &Entry, count: u32) -> Option<()> {
        let address = *self.addresses.get(entry.address as usize)?;
        let text = self.chains.get(entry.chain as usize)?;
        let map = &mut self.map;
        // Where all entries of an address had no room, it is not there.
        if map.addresses.find(address).is_some() {
            let address = map.hold_address(address);
            let chain = map.hold_chain(text);
            map.tell(address, chain, count, entry.span());
            map.chains.release(chain);
            map.release_address(address);
        }
        Some(())
    }

    fn alias(&mut self, alias: &AliasOf) -> Option<()> {
        let client = *self.clients.get(alias.client as usize)?;
        let text = self.chains.get(alias.chain as usize)?;
        let name = super::spelling::first(text.get(alias.at.into()..)?);
        let map = &mut self.map;
        let client = map.hold_client(client);
        let chain = map.hold_chain(text);
        map.remember_one(client, name, chain, alias.at, alias.until);
        map.chains.release(chain);
        map.clients.release(client);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::question::Time;

    const MARK: Mark = Mark {
        collector: 77,
        number: 5,
    };

    /// A map with some of everything.
    fn map() -> Map {
        let mut map = Map::new(Limits::default());
        for number in 0..500_u16 {
            let [high, low] = number.to_be_bytes();
            let client = IpAddr::from([198, 51, 100, low % 7]);
            let address = IpAddr::from([203, 0, high, low % 32]);
            let mut text = format!("n{}.example,edge{}.example", number % 50, number % 5);
            let span = Span::new(u64::from(number) * 500_000, 60_000);
            map.learn_text(client, &mut text, span, [address].into_iter());
        }
        map
    }

    fn bytes(map: &Map) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(map, MARK, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_map_comes_back_as_it_was() {
        let map = map();
        let written = bytes(&map);
        let (read, mark) = read(&written[..], Limits::default()).unwrap();
        assert_eq!(mark, MARK);
        let counts = |map: &Map| {
            let counts = map.counts();
            [counts.entries, counts.names, counts.told, counts.aliases]
        };
        assert_eq!(counts(&read), counts(&map));
        assert_same(&read, &map);
        // The order is the same as well, so that the same ones go first.
        let order = |map: &Map| map.runs.by_use().map(|run| run.span).collect::<Vec<_>>();
        assert_eq!(order(&read), order(&map));
    }

    /// Compares answers to many questions.
    fn assert_same(read: &Map, map: &Map) {
        for last in 0..32 {
            for client in 0..8 {
                for second in [0, 60, 120, 250, 1000] {
                    let client = (client < 7).then(|| IpAddr::from([198, 51, 100, client]));
                    let address = IpAddr::from([203, 0, 0, last]);
                    let at = Time(Duration::from_secs(second));
                    assert_eq!(read.ask(client, address, at), map.ask(client, address, at));
                }
            }
        }
    }

    #[test]
    fn compaction_changes_no_answer() {
        let mut compacted = map();
        // Half of it goes.
        for _ in 0..compacted.runs.len() / 2 {
            let id = compacted.runs.least_recent().unwrap();
            compacted.forget_run(id);
        }
        let (before, _) = read(&bytes(&compacted)[..], Limits::default()).unwrap();
        compacted.compact();
        let (after, _) = read(&bytes(&compacted)[..], Limits::default()).unwrap();
        assert_same(&before, &compacted);
        assert_same(&before, &after);
        let lead = |map: &Map| {
            let client = map.clients.find(IpAddr::from([198, 51, 100, 1])).unwrap();
            let mut text = "edge3.example".to_owned();
            map.lead(client, &mut text, 250_000_000);
            text
        };
        assert_eq!(lead(&before), lead(&compacted));
        assert!(lead(&compacted).ends_with(".example,edge3.example"));
    }

    #[test]
    fn a_smaller_map_takes_what_was_used_last() {
        let mut large = Map::new(Limits::default());
        for number in 0..20_000_u16 {
            let [high, low] = number.to_be_bytes();
            let client = IpAddr::from([198, 51, high, low]);
            let mut text = format!("n{number}.example");
            let span = Span::new(u64::from(number), 60_000);
            let address = IpAddr::from([203, 0, high, low]);
            large.learn_text(client, &mut text, span, [address].into_iter());
        }
        let limits = Limits {
            bytes: 256 << 10,
            ..Limits::default()
        };
        let (small, _) = read(&bytes(&large)[..], limits).unwrap();
        let counts = small.counts();
        assert!(
            counts.bytes <= 256 << 10 && counts.entries > 500,
            "{counts:?}"
        );
        let newest = small.runs.by_use().last().map(|run| run.span.first());
        assert_eq!(newest, Some(19_999));
    }

    #[test]
    fn what_is_no_map_is_told() {
        let read = |bytes: &[u8]| read(bytes, Limits::default()).unwrap_err();
        let foreign = [b'x'; 64];
        assert!(matches!(read(&foreign), ReadError::Foreign));
        let mut later = bytes(&map());
        later[4] = 2;
        assert!(matches!(read(&later), ReadError::Version(2)));
        assert!(matches!(read(b""), ReadError::Damaged));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever byte is changed or wherever it is cut, a map is refused.
        #[test]
        fn damage_is_seen(at: prop::sample::Index, change in 1_u8.., cut: prop::sample::Index) {
            let mut bytes = bytes(&map());
            prop_assert!(read(&bytes[..cut.index(bytes.len())], Limits::default()).is_err());
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert!(read(&bytes[..], Limits::default()).is_err());
        }
    }
}
