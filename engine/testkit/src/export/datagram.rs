//! Datagrams of version 4, read without the project's own reader.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Flags of a datagram with sets, and of one with statistics.
const SETS: u16 = 0;
const STATS: u16 = 1;

/// A datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    pub(super) sequence: u32,
    pub(super) content: Content,
}

/// What is in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Sets(Vec<String>),
    Stats(Stats),
}

/// Counters, as the sensor sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Packets that passed the filter.
    pub captured: u32,
    /// Packets that were looked at.
    pub received: u32,
    /// Packets that the kernel had no room for.
    pub dropped: u32,
    /// Packets that the interface dropped.
    pub if_dropped: u32,
    /// One of how many packets is taken; 0 for all.
    pub sample_rate: u32,
}

impl Datagram {
    /// ```text
    /// version 1 | sets 1 | flags 2 | sequence 4 | sets, or five counters of 4
    /// ```
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut cursor = Cursor { bytes };
        let [version, count] = cursor.array()?;
        let flags = u16::from_be_bytes(cursor.array()?);
        let sequence = u32::from_be_bytes(cursor.array()?);
        let content = match (version, flags, count) {
            (4, SETS, 1..) => {
                let sets: Result<_, String> = (0..count).map(|_| set(&mut cursor)).collect();
                Content::Sets(sets?)
            }
            (4, STATS, 1) => Content::Stats(stats(&mut cursor)?),
            other => return Err(format!("version, flags and count {other:?}")),
        };
        if cursor.bytes.is_empty() {
            Ok(Self { sequence, content })
        } else {
            Err(format!("{} bytes too many", cursor.bytes.len()))
        }
    }
}

fn stats(cursor: &mut Cursor<'_>) -> Result<Stats, String> {
    let mut next = || Ok::<_, String>(u32::from_be_bytes(cursor.array()?));
    Ok(Stats {
        captured: next()?,
        received: next()?,
        dropped: next()?,
        if_dropped: next()?,
        sample_rate: next()?,
    })
}

/// One data set as a line: client, resolver, names, IPv4 and IPv6 addresses between tabs.
///
/// ```text
/// version 1 | names 1 | IPv4s 1 | IPv6s 1 | bytes of names 2 | zero 2 | client 16 | resolver 16
/// names, padded to a multiple of 4 | IPv4s 4 each | IPv6s 16 each
/// ```
fn set(cursor: &mut Cursor<'_>) -> Result<String, String> {
    let [version, names, ipv4s, ipv6s] = cursor.array()?;
    let names_bytes = usize::from(u16::from_be_bytes(cursor.array()?));
    let zero = cursor.array()?;
    if zero != [0, 0] || names_bytes % 4 != 0 || names == 0 {
        return Err(format!("{names} names in {names_bytes} bytes, {zero:?}"));
    }
    let client = address(version, cursor.array()?)?;
    let resolver = address(version, cursor.array()?)?;
    let mut block = Cursor {
        bytes: cursor.take(names_bytes)?,
    };
    let names: Result<Vec<String>, String> = (0..names).map(|_| name(&mut block)).collect();
    if block.bytes.len() >= 4 || block.bytes.iter().any(|byte| *byte != 0) {
        return Err(format!("padding {:?}", block.bytes));
    }
    let ipv4s: Result<Vec<String>, String> = (0..ipv4s)
        .map(|_| Ok(Ipv4Addr::from(cursor.array::<4>()?).to_string()))
        .collect();
    let ipv6s: Result<Vec<String>, String> = (0..ipv6s)
        .map(|_| Ok(Ipv6Addr::from(cursor.array::<16>()?).to_string()))
        .collect();
    let lists = [names?.join(","), ipv4s?.join(","), ipv6s?.join(",")].join("\t");
    Ok(format!("{client}\t{resolver}\t{lists}"))
}

/// An IPv4 address is filled up with zeros.
fn address(version: u8, field: [u8; 16]) -> Result<String, String> {
    match (version, field) {
        (4, [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) => {
            Ok(Ipv4Addr::new(a, b, c, d).to_string())
        }
        (6, field) => Ok(Ipv6Addr::from(field).to_string()),
        other => Err(format!("IP version and address {other:?}")),
    }
}

fn name(block: &mut Cursor<'_>) -> Result<String, String> {
    let mut labels = Vec::new();
    loop {
        match block.array()? {
            [0] => return Ok(text(labels.into_iter())),
            [length @ 1..64] => labels.push(block.take(usize::from(length))?),
            [length] => return Err(format!("label length {length}")),
        }
    }
}

/// Dots, commas and backslashes in a label, and bytes outside 0x21 to 0x7e, as `\DDD`; the root as a dot.
pub(super) fn text<'a>(labels: impl Iterator<Item = &'a [u8]>) -> String {
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

struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], String> {
        let left = self.bytes.len();
        let split = self.bytes.split_at_checked(bytes);
        let (taken, rest) = split.ok_or(format!("{bytes} bytes are wanted, {left} left"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const BYTES: usize>(&mut self) -> Result<[u8; BYTES], String> {
        let taken = self.take(BYTES)?;
        Ok(taken.try_into().expect("as many as were taken"))
    }
}
