//! Batches: datagrams as they came, from all streams of one receiver, for all sinks.
//!
//! A batch keeps datagrams and not columns: they are smaller than any columns of the same records, their
//! format is specified and stays readable (docs/protocol.md), and no sink loses what another one
//! does not want. A sink that wants columns makes them.
//!
//! Each batch has a fixed identity: the collector's, and its number there. What it holds of each
//! stream is told by ranges of sequence numbers. A batch is never changed once it is closed, and
//! has the same identity whenever it is sent again.

mod builder;
mod format;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use dnsflow_records::sequence::Sequence;
use dnsflow_wire::datagram::Datagram;
use serde::{Deserialize, Serialize};

pub use builder::Builder;
pub(crate) use format::{FormatError, HEAD_BYTES, Head, decode, encode};

use dnsflow_records::record::records;

use crate::record::Row;

/// What numbers its datagrams: a run of a sensor, or one of its cores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stream {
    /// The sensor: by the name that the collector was given for its address, or that it gives
    /// itself; else its address. As text in which every byte can be told (see
    /// [`dnsflow_wire::text::Sensor`]).
    pub sensor: String,
    /// Where its datagrams come from.
    pub source: SocketAddr,
    /// The core; none before version 5.
    pub core: Option<u16>,
    /// Which run of the sensor it is. Before version 5, when its first datagram came: microseconds
    /// since 1970-01-01 00:00 UTC.
    pub boot: u64,
}

/// Where datagrams come from: what has an account of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// Address and port of the sender.
    pub source: SocketAddr,
    /// The core; none before version 5.
    pub core: Option<u16>,
}

/// What a batch holds of one stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The stream.
    pub stream: Stream,
    /// The smallest sequence number.
    pub first: u64,
    /// The largest one.
    pub last: u64,
    /// How many datagrams, none of them twice.
    pub datagrams: u64,
    /// How many records these have.
    pub records: u64,
    /// The account of its origin when the batch was closed, with which a collector that is started anew
    /// goes on.
    pub account: Sequence,
}

/// Which batch it is: the same one whenever it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchId {
    /// The collector: random, and kept with its spool; without one, new at each start.
    pub collector: u64,
    /// The batch's number there, from 1.
    pub number: u64,
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.collector, self.number)
    }
}

/// Datagrams that were received, closed and numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    id: BatchId,
    content: Content,
}

/// What a batch holds, before it has a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    ranges: Vec<Range>,
    entries: Vec<Entry>,
    /// The datagrams one behind the other.
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    records: u64,
}

/// One datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Microseconds since 1970.
    received: u64,
    /// Index of its range.
    range: u32,
    length: u16,
}

/// A datagram of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The stream that it came in.
    pub stream: &'a Stream,
    /// When it came, since 1970-01-01 00:00 UTC; in microseconds.
    pub time: Duration,
    /// What it says; its records can all be read.
    pub datagram: Datagram<'a>,
}

impl Batch {
    /// Gives `content` its identity.
    #[must_use]
    pub fn new(id: BatchId, content: Content) -> Self {
        Self { id, content }
    }

    /// The same batch of another collector.
    #[must_use]
    pub fn with_collector(&self, collector: u64) -> Self {
        let id = BatchId {
            collector,
            ..self.id
        };
        Self::new(id, self.content.clone())
    }

    /// Which batch it is.
    #[must_use]
    pub fn id(&self) -> BatchId {
        self.id
    }

    /// What it holds of each stream.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.content.ranges
    }

    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.content.records
    }

    /// Bytes of memory that it takes, without what an allocator adds.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.content.memory()
    }

    /// Its datagrams, in the order in which they came; those of statistics too.
    pub fn datagrams(&self) -> impl Iterator<Item = Received<'_>> {
        let mut rest = &self.content.bytes[..];
        self.content.entries.iter().filter_map(move |entry| {
            let (bytes, behind) = rest.split_at_checked(entry.length.into())?;
            rest = behind;
            let range = self
                .content
                .ranges
                .get(usize::try_from(entry.range).ok()?)?;
            Some(Received {
                stream: &range.stream,
                time: Duration::from_micros(entry.received),
                datagram: Datagram::parse(bytes).ok()?,
            })
        })
    }

    /// Gives each record to `take`, in the order in which they came.
    ///
    /// # Errors
    ///
    /// The first error of `take`, which ends it.
    pub fn each_row<E>(&self, mut take: impl FnMut(&Row<'_>) -> Result<(), E>) -> Result<(), E> {
        for received in self.datagrams() {
            let sampling = match &received.datagram {
                Datagram::V4(_) => None,
                Datagram::V5(datagram) => datagram.sampling(),
            };
            for (index, record) in (0..).zip(records(&received.datagram)) {
                take(&Row {
                    stream: received.stream,
                    sequence: received.datagram.sequence(),
                    index,
                    received: received.time,
                    sampling,
                    record,
                })?;
            }
        }
        Ok(())
    }
}

impl Content {
    /// Whether there is no datagram.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Bytes of memory that it takes, without what an allocator adds.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.len()
            + size_of_val(&self.entries[..])
            + size_of_val(&self.ranges[..])
            + size_of::<Batch>()
    }
}
