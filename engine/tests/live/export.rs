//! Reads datagrams of version 4, strictly and without the project's own reader: what the sensor and its reader
//! get wrong together would otherwise agree.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What collectors got, by stream.
#[derive(Debug, Default)]
pub(crate) struct Export {
    /// By source port.
    pub(crate) streams: BTreeMap<u16, Stream>,
}

/// What came from one source port.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) sequence: Vec<u32>,
    pub(crate) sets: Vec<String>,
    /// Captured, received, dropped, dropped by the interface, sample rate; with the place of each among the
    /// datagrams.
    pub(crate) stats: Vec<(usize, [u32; 5])>,
}

impl Export {
    /// Out of datagrams, each with its source port.
    pub(crate) fn from_datagrams<'a>(datagrams: impl Iterator<Item = (u16, &'a [u8])>) -> Self {
        let mut export = Self::default();
        for (source, datagram) in datagrams {
            export.streams.entry(source).or_default().take(datagram);
        }
        export
    }

    /// Out of a file that -w wrote: DLT_NULL, IPv4, UDP to port 5300.
    pub(crate) fn from_file(path: &str) -> Self {
        let blob = fs::read(path).expect("the sensor wrote a file");
        assert_eq!(blob[..4], 0xa1b2_c3d4_u32.to_le_bytes(), "magic of {path}");
        assert_eq!(blob[20..24], [0; 4], "link type of {path}");
        let mut export = Self::default();
        let mut at = 24;
        while at < blob.len() {
            let mut record = Cursor { bytes: &blob[at..] };
            record.skip(8);
            let bytes = record.little_u32() as usize;
            assert_eq!(record.little_u32() as usize, bytes, "a cut record");
            let frame = record.take(bytes);
            assert_eq!(frame[..4], 2_u32.to_le_bytes(), "address family");
            assert_eq!((frame[4], frame[13]), (0x45, 17), "IPv4 with UDP");
            let ports = [frame[24], frame[25], frame[26], frame[27]];
            assert_eq!(ports[2..], 5300_u16.to_be_bytes(), "destination port");
            let source = u16::from_be_bytes([ports[0], ports[1]]);
            export.streams.entry(source).or_default().take(&frame[32..]);
            at += 16 + bytes;
        }
        export
    }

    /// All sets, sorted.
    pub(crate) fn into_sets(self) -> Vec<String> {
        let streams = self.streams.into_values();
        let mut sets: Vec<String> = streams.flat_map(|stream| stream.sets).collect();
        sets.sort_unstable();
        sets
    }

    /// # Panics
    /// Where the numbers of a stream are not 1, 2, 3 and so on, in order.
    pub(crate) fn assert_no_gap(&self) {
        for (source, stream) in &self.streams {
            let wrong = (1..).zip(&stream.sequence).find(|(want, got)| want != *got);
            assert_eq!(
                wrong, None,
                "stream {source}: sequence number wanted, and got"
            );
        }
    }

    /// # Panics
    /// Where the numbers of a stream are not n, n + 1 and so on, in order.
    pub(crate) fn assert_consecutive(&self) {
        for (source, stream) in &self.streams {
            let pairs = stream.sequence.windows(2);
            let gaps: Vec<_> = pairs.filter(|pair| pair[1] != pair[0] + 1).collect();
            assert!(gaps.is_empty(), "stream {source}: {gaps:?}");
        }
    }

    /// # Panics
    /// Where a stream does not end in a stats datagram.
    pub(crate) fn assert_final_stats(&self) {
        for (source, stream) in &self.streams {
            let last = stream.stats.last().map(|(place, _)| place + 1);
            assert_eq!(
                last,
                Some(stream.sequence.len()),
                "stream {source}: final stats"
            );
        }
    }

    /// # Panics
    /// Where fewer than `count` streams carry a fifth of all sets each.
    pub(crate) fn assert_spread(&self, count: usize) {
        let sets: Vec<usize> = self
            .streams
            .values()
            .map(|stream| stream.sets.len())
            .collect();
        let enough = sets.iter().sum::<usize>() / 5;
        assert_eq!(sets.len(), count, "streams: {sets:?}");
        assert!(
            sets.iter().all(|sets| *sets > enough),
            "sets of streams: {sets:?}"
        );
    }
}

impl Stream {
    fn take(&mut self, datagram: &[u8]) {
        assert!(
            datagram.len() <= 1472,
            "a datagram of {} bytes",
            datagram.len()
        );
        let mut cursor = Cursor { bytes: datagram };
        let [version, count] = cursor.array();
        let flags = u16::from_be_bytes(cursor.array());
        assert_eq!(version, 4);
        let place = self.sequence.len();
        self.sequence.push(u32::from_be_bytes(cursor.array()));
        match flags {
            0 => {
                assert!(count > 0, "a datagram without sets");
                for _ in 0..count {
                    self.sets.push(set(&mut cursor));
                }
            }
            1 => {
                assert_eq!(count, 1);
                let stats = [(); 5].map(|()| u32::from_be_bytes(cursor.array()));
                self.stats.push((place, stats));
            }
            other => panic!("flags {other:#06x}"),
        }
        assert_eq!(cursor.bytes, [0_u8; 0], "bytes after the last set");
    }
}

/// One data set as a line: client, resolver, names, IPv4 and IPv6 addresses between tabs.
///
/// ```text
/// version 1 | names 1 | IPv4s 1 | IPv6s 1 | bytes of names 2 | zero 2 | client 16 | resolver 16
/// names, padded to a multiple of 4 | IPv4s 4 each | IPv6s 16 each
/// ```
fn set(cursor: &mut Cursor<'_>) -> String {
    let [version, names, ipv4s, ipv6s] = cursor.array();
    let names_bytes = usize::from(u16::from_be_bytes(cursor.array()));
    assert_eq!(cursor.array(), [0, 0], "zero in a set header");
    assert_eq!(names_bytes % 4, 0, "names are padded");
    assert!(names > 0, "a set without a name");
    let mut line = String::new();
    for _ in 0..2 {
        line += &peer(version, cursor.array());
        line.push('\t');
    }
    let mut block = Cursor {
        bytes: cursor.take(names_bytes),
    };
    let names: Vec<String> = (0..names).map(|_| name(&mut block)).collect();
    assert!(
        block.bytes.len() < 4 && block.bytes.iter().all(|byte| *byte == 0),
        "padding"
    );
    let ipv4s: Vec<String> = (0..ipv4s)
        .map(|_| Ipv4Addr::from(cursor.array::<4>()).to_string())
        .collect();
    let ipv6s: Vec<String> = (0..ipv6s)
        .map(|_| Ipv6Addr::from(cursor.array::<16>()).to_string())
        .collect();
    line + &[names.join(","), ipv4s.join(","), ipv6s.join(",")].join("\t")
}

fn peer(version: u8, field: [u8; 16]) -> String {
    match version {
        4 => {
            assert_eq!(field[4..], [0; 12], "an IPv4 address is zero filled");
            Ipv4Addr::new(field[0], field[1], field[2], field[3]).to_string()
        }
        6 => Ipv6Addr::from(field).to_string(),
        other => panic!("IP version {other}"),
    }
}

fn name(block: &mut Cursor<'_>) -> String {
    let mut text = String::new();
    loop {
        let [length] = block.array();
        assert!(length < 64, "label length {length}");
        if length == 0 {
            break;
        }
        if !text.is_empty() {
            text.push('.');
        }
        for &byte in block.take(usize::from(length)) {
            if byte.is_ascii_graphic() && !b".\\,".contains(&byte) {
                text.push(char::from(byte));
            } else {
                write!(text, "\\{byte:03}").expect("a String takes everything");
            }
        }
    }
    if text.is_empty() {
        ".".to_owned()
    } else {
        text
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        assert!(
            bytes <= self.bytes.len(),
            "{bytes} bytes are wanted, {} left",
            self.bytes.len()
        );
        let (taken, rest) = self.bytes.split_at(bytes);
        self.bytes = rest;
        taken
    }

    fn array<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        self.take(BYTES).try_into().expect("as many as were taken")
    }

    fn skip(&mut self, bytes: usize) {
        self.take(bytes);
    }

    fn little_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }
}

/// Compares two sorted lists as multisets.
///
/// # Panics
/// Where they differ: with how many and the first few.
pub(crate) fn assert_same(expected: &[String], got: &[String]) {
    let (missing, extra) = difference(expected, got);
    assert!(
        missing.is_empty() && extra.is_empty(),
        "of {} expected, {} are missing and {} too many came\nmissing: {:#?}\ntoo many: {:#?}",
        expected.len(),
        missing.len(),
        extra.len(),
        &missing[..missing.len().min(5)],
        &extra[..extra.len().min(5)],
    );
}

/// # Panics
/// Where sorted `got` has something that sorted `expected` has not, or more often.
pub(crate) fn assert_within(expected: &[String], got: &[String]) {
    let (_, extra) = difference(expected, got);
    let first = &extra[..extra.len().min(5)];
    assert!(
        extra.is_empty(),
        "{} too many of {}: {first:#?}",
        extra.len(),
        got.len()
    );
}

/// What is only in the one and only in the other of two sorted lists.
fn difference<'a>(ours: &'a [String], theirs: &'a [String]) -> (Vec<&'a str>, Vec<&'a str>) {
    assert!(ours.is_sorted() && theirs.is_sorted());
    let (mut only_ours, mut only_theirs) = (Vec::new(), Vec::new());
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    loop {
        match (ours.peek(), theirs.peek()) {
            (None, None) => return (only_ours, only_theirs),
            (Some(mine), Some(other)) if mine == other => {
                ours.next();
                theirs.next();
            }
            (Some(mine), other) if other.is_none_or(|other| mine < other) => {
                only_ours.push(mine.as_str());
                ours.next();
            }
            _ => only_theirs.extend(theirs.next().map(String::as_str)),
        }
    }
}

#[test]
fn differences_are_found() {
    let list = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    let compare = |ours: &str, theirs: &str| {
        let (ours, theirs) = (list(ours), list(theirs));
        let (missing, extra) = difference(&ours, &theirs);
        (missing.concat(), extra.concat())
    };
    let found = |missing: &str, extra: &str| (missing.to_owned(), extra.to_owned());
    assert_eq!(compare("abc", "abc"), found("", ""));
    assert_eq!(compare("aabc", "abcc"), found("a", "c"));
    assert_eq!(compare("", "ab"), found("", "ab"));
    assert_eq!(compare("ab", ""), found("ab", ""));
    assert_eq!(compare("adf", "bde"), found("af", "be"));
}
