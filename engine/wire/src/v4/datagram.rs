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

use super::header::{FLAG_STATS, HEADER_BYTES, Header};
use super::{DecodeError, Set, Stats, Version};

/// One dnsflow datagram: the payload of one UDP packet.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    header: Header,
    bytes: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads the header of a datagram; `bytes` is the whole UDP payload.
    ///
    /// # Errors
    ///
    /// [`DecodeError::ShortHeader`] below 8 bytes, [`DecodeError::Version`] for a version after 4,
    /// [`DecodeError::NoSets`] if it announces no set.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let header = Header::parse(bytes)?;
        Ok(Self { header, bytes })
    }

    /// The version of the format.
    #[must_use]
    pub fn version(&self) -> Version {
        self.header.version
    }

    /// How many sets the header announces, 1 to 255.
    #[must_use]
    pub fn sets_count(&self) -> u8 {
        self.header.sets_count
    }

    /// The number of this datagram in its stream; a stream starts at 1 and wraps after 2^32 - 1.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.header.sequence
    }

    /// Whether this is a statistics datagram.
    #[must_use]
    pub fn is_stats(&self) -> bool {
        self.header.flags & FLAG_STATS != 0
    }

    /// What follows the header.
    ///
    /// # Errors
    ///
    /// [`DecodeError::StatsLength`] if a statistics datagram is not exactly as long as its version
    /// says. Errors in data sets are found by [`Sets`].
    pub fn content(&self) -> Result<Content<'a>, DecodeError> {
        if self.is_stats() {
            return Stats::parse(self.header.version, self.bytes).map(Content::Stats);
        }
        Ok(Content::Sets(Sets {
            version: self.header.version,
            bytes: self.bytes,
            at: HEADER_BYTES,
            left: self.header.sets_count,
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

/// The data sets of a datagram, in order.
///
/// Ends after the first error, since nothing scratch where the next set would start. Bytes behind the
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
    type Item = Result<Set<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        if self.left == 0 {
            self.done = true;
            let count = self.bytes.len() - self.at;
            return (count != 0).then_some(Err(DecodeError::Trailing { at: self.at, count }));
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
