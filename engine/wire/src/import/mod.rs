//! dnsflow datagrams of versions 0 to 4, read back as borrowed views.
//!
//! A collector meets sensors of every age, so the reader knows every version that was ever sent.
//! [`Datagram::parse`] checks the header, [`Datagram::content`] says whether statistics or data
//! follow, and [`Sets`] walks the data sets one by one. Nothing here allocates, and no bytes,
//! however hostile, make it panic or read outside the datagram.
//!
//! It is strict: a byte that the format does not explain is an error, because a collector that
//! guesses stores garbage. It is fair as well: a broken set costs itself and what follows it, never
//! the sets before it.
//!
//! It refuses to judge what the fields mean: sequence numbers are accounted for by the reader.

mod error;
mod set;
mod stats;

pub use error::ImportError;
pub use set::{Labels, Name, Names, Set};
pub use stats::Stats;

/// Length of the datagram header in bytes, the same in every version.
pub const HEADER_LEN: usize = 8;

/// Bit of the flags field that marks a statistics datagram.
const FLAG_STATS: u16 = 0x0001;

/// One dnsflow datagram: the payload of one UDP packet.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    version    |  sets_count   |             flags           |S|
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        sequence_number                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         sets_count data sets, or with S one stats set ..      |
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    version: Version,
    sets_count: u8,
    flags: u16,
    sequence: u32,
    bytes: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads the header of a datagram; `bytes` is the whole UDP payload.
    ///
    /// # Errors
    ///
    /// [`ImportError::ShortHeader`] below 8 bytes, [`ImportError::Version`] for a version after 4,
    /// [`ImportError::NoSets`] if it announces no set.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let Some(&[version, sets_count, f0, f1, s0, s1, s2, s3]) = bytes.first_chunk() else {
            return Err(ImportError::ShortHeader { len: bytes.len() });
        };
        let version = Version::from_number(version).ok_or(ImportError::Version(version))?;
        if sets_count == 0 {
            return Err(ImportError::NoSets);
        }
        Ok(Self {
            version,
            sets_count,
            flags: u16::from_be_bytes([f0, f1]),
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            bytes,
        })
    }

    /// The version of the format.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// How many sets the header announces, 1 to 255.
    #[must_use]
    pub fn sets_count(&self) -> u8 {
        self.sets_count
    }

    /// The number of this datagram in its stream; a stream starts at 1 and wraps after 2^32 - 1.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Whether this is a statistics datagram.
    #[must_use]
    pub fn is_stats(&self) -> bool {
        self.flags & FLAG_STATS != 0
    }

    /// What follows the header.
    ///
    /// # Errors
    ///
    /// [`ImportError::StatsLength`] if a statistics datagram is not exactly as long as its version
    /// says. Errors in data sets are found by [`Sets`].
    pub fn content(&self) -> Result<Content<'a>, ImportError> {
        if self.is_stats() {
            return Stats::parse(self.version, self.bytes).map(Content::Stats);
        }
        Ok(Content::Sets(Sets {
            version: self.version,
            bytes: self.bytes,
            at: HEADER_LEN,
            left: self.sets_count,
            done: false,
        }))
    }
}

/// What a datagram carries.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// Data sets, one per response.
    Sets(Sets<'a>),
    /// Counters of the sending process.
    Stats(Stats),
}

/// A version of the datagram format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Version {
    /// Names are text that ends with NUL; addresses are IPv4 only; four counters.
    V0 = 0,
    /// Names in wire format from here on.
    V1 = 1,
    /// A fifth counter from here on: the sample rate.
    V2 = 2,
    /// IPv6 from here on.
    V3 = 3,
    /// The resolver's address from here on.
    V4 = 4,
}

impl Version {
    /// The version that a header's first byte names, if it is one of these.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::V0,
            1 => Self::V1,
            2 => Self::V2,
            3 => Self::V3,
            4 => Self::V4,
            _ => return None,
        })
    }

    /// The number that stands in the header.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// The data sets of a datagram, in order.
///
/// Ends after the first error, since nothing marks where the next set would start. Bytes behind the
/// last set are such an error too, given after all the sets.
#[derive(Clone, Debug)]
pub struct Sets<'a> {
    version: Version,
    bytes: &'a [u8],
    at: usize,
    left: u8,
    done: bool,
}

impl<'a> Iterator for Sets<'a> {
    type Item = Result<Set<'a>, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        if self.left == 0 {
            self.done = true;
            let count = self.bytes.len() - self.at;
            return (count != 0).then_some(Err(ImportError::Trailing { at: self.at, count }));
        }
        self.left -= 1;
        match Set::parse_at(self.version, self.bytes, self.at) {
            Ok((set, end)) => {
                self.at = end;
                Some(Ok(set))
            }
            Err(error) => {
                self.done = true;
                Some(Err(error))
            }
        }
    }
}

impl core::iter::FusedIterator for Sets<'_> {}

#[cfg(test)]
mod tests;
