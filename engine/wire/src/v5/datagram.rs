//! Datagrams of version 5, read as borrowed views.
//!
//! What is known is read strictly; what a later version 5 may add is skipped. An error in a record
//! ends the datagram there; the records before it are good.

use core::time::Duration;

use super::header::{FLAG_STATS, Header, Parts};
use super::origin::Origins;
use super::{Counters, DecodeError, Record};
use crate::cursor::Cursor;

/// One datagram: the payload of one UDP packet. Its header is described at
/// [`HEADER_BYTES`](super::HEADER_BYTES).
///
/// ```
/// use dnsflow_wire::v5::{Content, Datagram, DecodeError};
///
/// # let mut payload = vec![5, 8, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
/// # payload.extend([7; 8]);
/// # payload.extend([0; 8]);
/// # payload.extend([0, 33, 0, 24, 0, 198, 51, 100, 7, 0x80, 0, 0, 5, 0, 192, 0, 2, 53]);
/// # payload.extend(b"\x01a\x07example\0");
/// # payload.extend([0x21, 60, 192, 0, 2, 1]);
/// let datagram = Datagram::parse(&payload)?;
/// println!("datagram {} of core {}", datagram.sequence(), datagram.core());
/// match datagram.content() {
///     Content::Records(records) => {
///         for record in records {
///             let record = record?;
///             let addresses: Vec<_> = record.ipv4().collect();
///             println!("{} asked {}: {addresses:?}", record.client, record.origin.address);
/// #           assert_eq!(addresses, [std::net::Ipv4Addr::new(192, 0, 2, 1)]);
///         }
///     }
///     Content::Stats(counters) => {
///         for counter in counters {
///             let counter = counter?;
///             println!("{}: {}", counter.name, counter.value);
///         }
///     }
/// }
/// # assert_eq!((datagram.sequence(), datagram.core()), (9, 1));
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    header: Header,
    parts: Parts<'a>,
    bytes: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads the header of a datagram and its parts; `bytes` is the whole UDP payload.
    ///
    /// # Errors
    ///
    /// Those of [`Header::parse`]; [`DecodeError::Cut`] and [`DecodeError::Value`] for a part.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let header = Header::parse(bytes)?;
        let parts = Parts::parse(bytes.get(..header.len()).unwrap_or_default())?;
        Ok(Self {
            header,
            parts,
            bytes,
        })
    }

    /// The number of this datagram in its stream, which starts at 1 and never wraps.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.header.sequence
    }

    /// Which run of the sensor sent it: the same on all cores until the sensor ends.
    #[must_use]
    pub fn boot(&self) -> u64 {
        self.header.boot
    }

    /// Which core of the sensor sent it, from 0.
    #[must_use]
    pub fn core(&self) -> u16 {
        self.header.core
    }

    /// Time since 1970-01-01 00:00 UTC, to which the times of records are relative; of statistics,
    /// when they were taken. In microseconds.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.header.time)
    }

    /// How many records or counters the header announces.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.header.count
    }

    /// The name of the sensor, 1 to 63 bytes that are meant to be UTF-8, if it has one.
    #[must_use]
    pub fn sensor_name(&self) -> Option<&'a [u8]> {
        self.parts.sensor_name
    }

    /// N if 1 of N packets was kept; `None` if every packet was.
    #[must_use]
    pub fn sampling(&self) -> Option<u32> {
        self.parts.sampling
    }

    /// The version of the sensor's program, at most 255 bytes that are meant to be UTF-8.
    #[must_use]
    pub fn sensor_version(&self) -> Option<&'a [u8]> {
        self.parts.sensor_version
    }

    /// Whether this datagram has statistics.
    #[must_use]
    pub fn is_stats(&self) -> bool {
        self.header.flags & FLAG_STATS != 0
    }

    /// What follows the header. Errors are found by [`Records`] and [`Counters`].
    #[must_use]
    pub fn content(&self) -> Content<'a> {
        let cursor = Cursor {
            bytes: self.bytes,
            at: self.header.len(),
        };
        let left = self.header.count;
        if self.is_stats() {
            return Content::Stats(Counters { cursor, left });
        }
        Content::Records(Records {
            floor: cursor.at,
            cursor,
            left,
            base: self.header.time,
            origins: Origins::default(),
        })
    }
}

/// What a datagram carries.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one is made for each datagram, and the numbers of its origins are in it"
)]
pub enum Content<'a> {
    /// Records: responses, or parts of them.
    Records(Records<'a>),
    /// Counters of the sender.
    Stats(Counters<'a>),
}

/// The records of a datagram, in order; an iterator that ends after the first error.
///
/// What is behind the last record is not looked at: it is padding.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    floor: usize,
    left: u16,
    base: u64,
    origins: Origins,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let count = self.left;
        self.left = count.checked_sub(1)?;
        let record = if self.cursor.is_at_end() {
            let at = self.cursor.at;
            Err(DecodeError::Missing { at, count })
        } else {
            Record::parse(&mut self.cursor, self.floor, self.base, &mut self.origins)
        };
        if record.is_err() {
            self.left = 0;
        }
        Some(record)
    }
}

impl core::iter::FusedIterator for Records<'_> {}
