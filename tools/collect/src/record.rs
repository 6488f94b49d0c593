//! A record, and where it came from: what stores get.

use std::time::Duration;

pub use dnsflow_records::record::{Name, Record};

use crate::batch::Stream;

/// A record, and where it came from.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The stream that it came in.
    pub stream: &'a Stream,
    /// The number of its datagram in the stream.
    pub sequence: u64,
    /// Which record of its datagram it is, from 0. With the stream and the number it is unique.
    pub index: u16,
    /// When its datagram came, since 1970-01-01 00:00 UTC; in microseconds.
    pub received: Duration,
    /// N if 1 of N packets was kept; `None` if every packet was, and before version 5.
    pub sampling: Option<u32>,
    /// What it says.
    pub record: Record<'a>,
}

impl Row<'_> {
    /// When the response was captured; see [`Record::time`].
    #[must_use]
    pub fn time(&self) -> Duration {
        self.record.time(self.received)
    }
}
