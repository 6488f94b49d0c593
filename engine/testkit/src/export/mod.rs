//! What the sensor exports, read back strictly: every byte has to be what the format says.
//!
//! Each datagram is read twice, by code of the tests' own and by the project's reader, and both have to find the same:
//! what the sensor and its reader get wrong together would otherwise agree.

mod compare;
mod datagram;
mod file;
mod reader;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub use self::compare::{assert_same, assert_same_of, assert_within};
pub use self::datagram::Stats;
use self::datagram::{Content, Datagram};

/// What collectors got, by stream.
#[derive(Debug, Default)]
pub struct Export {
    /// By source port, which in a file is the number of the core.
    pub streams: BTreeMap<u16, Stream>,
}

/// What came from one source port.
#[derive(Debug, Default)]
pub struct Stream {
    /// The sequence number of each datagram.
    pub sequence: Vec<u32>,
    /// Bytes and sets of each datagram that has sets.
    pub datagrams: Vec<(usize, usize)>,
    /// All sets as lines: client, resolver, names, IPv4 and IPv6 addresses between tabs.
    pub sets: Vec<String>,
    /// Statistics, each with its place among the datagrams.
    pub stats: Vec<(usize, Stats)>,
}

impl Export {
    /// Out of datagrams, each with its source port.
    ///
    /// # Panics
    /// With what is wrong with one of them.
    pub fn from_datagrams<'a>(datagrams: impl Iterator<Item = (u16, &'a [u8])>) -> Self {
        let mut export = Self::default();
        for (source, datagram) in datagrams {
            if let Err(wrong) = export.take(source, datagram) {
                panic!("from port {source}: {wrong}");
            }
        }
        export
    }

    /// Out of a file that `-w` wrote.
    ///
    /// # Panics
    /// As [`Export::parse`] fails.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&bytes).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()))
    }

    /// Out of the bytes of such a file, in which no stream has a gap and each ends in its statistics.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let export = Self::parse_start(bytes)?;
        for (number, stream) in &export.streams {
            if !stream.has_no_gap() {
                return Err(format!("stream {number} is numbered {:?}", stream.sequence));
            }
            if !stream.ends_in_stats() {
                return Err(format!("stream {number} does not end in stats"));
            }
        }
        Ok(export)
    }

    /// Out of the bytes of such a file that was given up: whole records, and no more.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse_start(bytes: &[u8]) -> Result<Self, String> {
        let mut export = Self::default();
        for record in file::records(bytes)? {
            let (source, datagram) = record?;
            export.take(source, datagram)?;
        }
        Ok(export)
    }

    /// How many datagrams there are, those of stats included.
    #[must_use]
    pub fn datagrams(&self) -> usize {
        let streams = self.streams.values();
        streams.map(|stream| stream.sequence.len()).sum()
    }

    fn take(&mut self, source: u16, bytes: &[u8]) -> Result<(), String> {
        let datagram = Datagram::parse(bytes)?;
        let read = reader::read(bytes)?;
        if datagram != read {
            return Err(format!("the reader reads {read:?}, and not {datagram:?}"));
        }
        let stream = self.streams.entry(source).or_default();
        let place = stream.sequence.len();
        stream.sequence.push(datagram.sequence);
        match datagram.content {
            Content::Stats(stats) => stream.stats.push((place, stats)),
            Content::Sets(sets) => {
                stream.datagrams.push((bytes.len(), sets.len()));
                stream.sets.extend(sets);
            }
        }
        Ok(())
    }

    /// Adds what came later.
    pub fn append(&mut self, later: Self) {
        for (source, stream) in later.streams {
            let all = self.streams.entry(source).or_default();
            let before = all.sequence.len();
            all.sequence.extend(stream.sequence);
            all.datagrams.extend(stream.datagrams);
            all.sets.extend(stream.sets);
            let stats = stream.stats.into_iter();
            all.stats
                .extend(stats.map(|(place, stats)| (before + place, stats)));
        }
    }

    /// All sets, sorted.
    #[must_use]
    pub fn sets(&self) -> Vec<String> {
        let streams = self.streams.values();
        let mut sets: Vec<String> = streams.flat_map(|stream| stream.sets.clone()).collect();
        sets.sort_unstable();
        sets
    }

    /// # Panics
    /// If a datagram has more than `most` bytes.
    pub fn assert_at_most(&self, most: usize) {
        let datagrams = self.streams.values().flat_map(|stream| &stream.datagrams);
        let largest = datagrams.map(|(bytes, _)| *bytes).max();
        assert!(largest.is_none_or(|bytes| bytes <= most), "{largest:?}");
    }

    /// # Panics
    /// If the numbers of a stream are not 1, 2, 3 and so on, in order.
    pub fn assert_no_gap(&self) {
        for (source, stream) in &self.streams {
            let wrong = (1..).zip(&stream.sequence).find(|(want, got)| want != *got);
            assert_eq!(
                wrong, None,
                "stream {source}: sequence number wanted, and got"
            );
        }
    }

    /// # Panics
    /// If the numbers of a stream are not n, n + 1 and so on, in order.
    pub fn assert_consecutive(&self) {
        for (source, stream) in &self.streams {
            let pairs = stream.sequence.windows(2);
            let gaps: Vec<_> = pairs.filter(|pair| pair[1] != pair[0] + 1).collect();
            assert!(gaps.is_empty(), "stream {source}: {gaps:?}");
        }
    }

    /// # Panics
    /// If a number of a stream is not larger than the one before.
    pub fn assert_ascending(&self) {
        for (source, stream) in &self.streams {
            let pairs = stream.sequence.windows(2);
            let wrong: Vec<_> = pairs.filter(|pair| pair[1] <= pair[0]).collect();
            assert!(wrong.is_empty(), "stream {source}: {wrong:?}");
        }
    }

    /// # Panics
    /// If a stream does not end in a stats datagram.
    pub fn assert_final_stats(&self) {
        for (source, stream) in &self.streams {
            assert!(stream.ends_in_stats(), "stream {source}: final stats");
        }
    }

    /// # Panics
    /// If there are not `count` streams, each with more than a fifth of all sets.
    pub fn assert_spread(&self, count: usize) {
        let streams = self.streams.values();
        let sets: Vec<usize> = streams.map(|stream| stream.sets.len()).collect();
        let enough = sets.iter().sum::<usize>() / 5;
        assert_eq!(sets.len(), count, "streams: {sets:?}");
        assert!(
            sets.iter().all(|sets| *sets > enough),
            "sets of streams: {sets:?}"
        );
    }
}

impl Stream {
    fn has_no_gap(&self) -> bool {
        (1..).zip(&self.sequence).all(|(want, got)| want == *got)
    }

    fn ends_in_stats(&self) -> bool {
        let last = self.stats.last().map(|(place, _)| place + 1);
        last == Some(self.sequence.len())
    }
}
