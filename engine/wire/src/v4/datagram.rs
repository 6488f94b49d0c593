//! Datagrams of versions 0 to 4, read as borrowed views.
//!
//! Reading is strict: a byte that the format does not explain is an error, since a collector that
//! guesses stores garbage. An error in a set ends the datagram there; the sets before it are good.
//! Nothing is allocated, and no bytes, however hostile, cause a panic or a read outside the
//! datagram.
//!
//! The module refuses to judge the fields: the reader accounts for sequence numbers.

use super::header::{FLAG_STATS, HEADER_BYTES, Header};
use super::{DecodeError, Set, Stats, Version};

/// One datagram: the payload of one UDP packet. Its header is described at
/// [`HEADER_BYTES`].
///
/// ```
/// use dnsflow_wire::v4::{Content, Datagram, DecodeError};
///
/// # let mut payload = vec![4, 1, 0, 0, 0, 0, 0, 9, 4, 1, 1, 0, 0, 4, 0, 0];
/// # payload.extend([198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/// # payload.extend([192, 0, 2, 53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/// # payload.extend([2, b'a', b'b', 0, 192, 0, 2, 1]);
/// let datagram = Datagram::parse(&payload)?;
/// println!("datagram {} of {} sets", datagram.sequence(), datagram.sets_count());
/// match datagram.content()? {
///     Content::Sets(sets) => {
///         for set in sets {
///             let set = set?;
///             let addresses: Vec<_> = set.ipv4().collect();
///             println!("{} asked {:?}: {addresses:?}", set.client(), set.resolver());
///         }
///     }
///     Content::Stats(stats) => println!("{} packets captured", stats.captured),
/// }
/// # assert_eq!((datagram.sequence(), datagram.sets_count()), (9, 1));
/// # Ok::<(), DecodeError>(())
/// ```
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
    /// [`DecodeError::ShortHeader`] below 8 bytes, [`DecodeError::Version`] for a version above 4,
    /// [`DecodeError::NoSets`] if `sets_count` is 0.
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

    /// The number of this datagram in its stream, which starts at 1 and wraps after 2^32 - 1.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.header.sequence
    }

    /// Whether this is a stats datagram.
    #[must_use]
    pub fn is_stats(&self) -> bool {
        self.header.flags & FLAG_STATS != 0
    }

    /// What follows the header.
    ///
    /// # Errors
    ///
    /// [`DecodeError::StatsLength`] if a stats datagram is not exactly as long as its version calls
    /// for. Errors in data sets are found by [`Sets`].
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
    /// Data sets: responses, or parts of them.
    Sets(Sets<'a>),
    /// The counters of the sending process.
    Stats(Stats),
}

/// The data sets of a datagram, in order.
///
/// The iterator ends after the first error, since nothing marks where the next set would start.
/// Bytes after the last set are an error too, [`DecodeError::Trailing`], given after all sets.
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
