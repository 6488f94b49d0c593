//! What `-w` wrote, read back strictly: every byte of the file has to be what the format says, every
//! datagram has to be explained, streams have no gaps and end in their stats.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use dnsflow_wire::v4::{Content, Datagram, Set, Stats};

/// An export: what each stream said.
#[derive(Debug, Default)]
pub(crate) struct Export {
    /// By number: the UDP source port.
    pub(crate) streams: BTreeMap<u16, Stream>,
}

/// What one core said.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Bytes and sets of each data datagram, in order.
    pub(crate) datagrams: Vec<(usize, usize)>,
    /// All sets, as lines.
    pub(crate) sets: Vec<String>,
    /// The last one is behind all sets.
    pub(crate) stats: Vec<Stats>,
    ended: bool,
    sequence: u32,
}

impl Export {
    /// The export in a file.
    ///
    /// # Panics
    /// With what is wrong with it.
    pub(crate) fn of(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&bytes).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()))
    }

    /// The export in the bytes of a file, or what is wrong with it.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, String> {
        let mut export = Export::default();
        let mut rest = file
            .strip_prefix(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0\0\0")
            .ok_or("not the header of a -w file")?;
        while !rest.is_empty() {
            let (source_port, datagram, behind) = record(rest)?;
            let stream = export.streams.entry(source_port).or_default();
            stream.take(datagram)?;
            rest = behind;
        }
        match export.streams.iter().find(|(_, stream)| !stream.ended) {
            Some((number, _)) => Err(format!("stream {number} does not end in stats")),
            None => Ok(export),
        }
    }

    /// All sets as lines, sorted: client, resolver, names, IPv4 and IPv6 addresses between tabs.
    pub(crate) fn sets(&self) -> Vec<String> {
        let mut sets: Vec<String> = self
            .streams
            .values()
            .flat_map(|stream| stream.sets.iter().cloned())
            .collect();
        sets.sort_unstable();
        sets
    }
}

/// A record of the file; all integers of the file are little endian, those of the packet big.
///
/// ```text
/// seconds 4 | microseconds 4 | length 4 | length 4 | family 4 | IPv4 20 | UDP 8 | datagram ..
/// ```
fn record(bytes: &[u8]) -> Result<(u16, &[u8], &[u8]), String> {
    const HEADERS_BYTES: usize = 32;
    let (head, rest) = bytes.split_at_checked(16).ok_or("cut record header")?;
    let field =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if field(4) >= 1_000_000 || field(8) != field(12) {
        return Err(format!("record header {head:?}"));
    }
    let length = usize::try_from(field(8)).map_err(|error| error.to_string())?;
    let (packet, behind) = rest.split_at_checked(length).ok_or("cut record")?;
    let (headers, datagram) = packet
        .split_at_checked(HEADERS_BYTES)
        .ok_or("a record without headers")?;
    let ip_bytes = u16::try_from(length - 4).map_err(|error| error.to_string())?;
    let mut wanted = vec![2, 0, 0, 0, 0x45, 0];
    wanted.extend(ip_bytes.to_be_bytes());
    wanted.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    wanted.extend([headers[24], headers[25]]);
    wanted.extend(5300_u16.to_be_bytes());
    wanted.extend((ip_bytes - 20).to_be_bytes());
    wanted.extend([0, 0]);
    if headers != wanted {
        return Err(format!("packet headers {headers:?}, not {wanted:?}"));
    }
    let source_port = u16::from_be_bytes([headers[24], headers[25]]);
    Ok((source_port, datagram, behind))
}

impl Stream {
    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        let datagram = Datagram::parse(bytes).map_err(|error| error.to_string())?;
        self.sequence += 1;
        if datagram.version().number() != 4 || datagram.sequence() != self.sequence {
            return Err(format!("{datagram:?} where {} is next", self.sequence));
        }
        match datagram.content().map_err(|error| error.to_string())? {
            Content::Stats(stats) => {
                self.stats.push(stats);
                self.ended = true;
            }
            Content::Sets(sets) => {
                self.ended = false;
                let before = self.sets.len();
                for set in sets {
                    self.sets
                        .push(line(&set.map_err(|error| error.to_string())?));
                }
                self.datagrams.push((bytes.len(), self.sets.len() - before));
            }
        }
        Ok(())
    }
}

/// A set as a line, as the strict decoders of exports print it.
pub(crate) fn line(set: &Set<'_>) -> String {
    let resolver = set.resolver().expect("version 4 has a resolver");
    let names: Vec<String> = set.names().map(|name| text(name.labels())).collect();
    let ipv4: Vec<String> = set.ipv4().map(|address| address.to_string()).collect();
    let ipv6: Vec<String> = set.ipv6().map(|address| address.to_string()).collect();
    let lists = [names.join(","), ipv4.join(","), ipv6.join(",")].join("\t");
    format!("{}\t{resolver}\t{lists}", set.client())
}

/// Dots, commas and backslashes in a label, and bytes outside 0x21 to 0x7e, as `\DDD`; the root as a dot.
fn text<'a>(labels: impl Iterator<Item = &'a [u8]>) -> String {
    let mut out = String::new();
    for label in labels {
        if !out.is_empty() {
            out.push('.');
        }
        for &byte in label {
            if byte.is_ascii_graphic() && !b".,\\".contains(&byte) {
                out.push(char::from(byte));
            } else {
                write!(out, "\\{byte:03}").expect("a String takes everything");
            }
        }
    }
    if out.is_empty() {
        out.push('.');
    }
    out
}

/// # Panics
/// Where two sorted lists of lines differ, with how many and the first few.
pub(crate) fn assert_same(got: &[String], wanted: &[String], what: &str) {
    let only = |of: &[String], other: &[String]| {
        let mut left: BTreeMap<&str, i64> = BTreeMap::new();
        other
            .iter()
            .for_each(|line| *left.entry(line).or_default() -= 1);
        of.iter()
            .for_each(|line| *left.entry(line).or_default() += 1);
        left.retain(|_, count| *count > 0);
        left.into_keys()
            .take(3)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(
        got == wanted,
        "{what}: {} lines, {} wanted; too many: {:#?}; missing: {:#?}",
        got.len(),
        wanted.len(),
        only(got, wanted),
        only(wanted, got)
    );
}
