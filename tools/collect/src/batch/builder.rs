//! Fills a batch.

use std::collections::HashMap;
use std::time::Duration;

use dnsflow_records::sequence::Sequence;

use super::{Content, Entry, Range, Stream};

/// Collects datagrams until they are taken as the content of a batch.
#[derive(Debug, Default)]
pub struct Builder {
    content: Content,
    /// Index of the range of a stream, by a key that the caller chooses.
    by_key: HashMap<u64, u32>,
}

impl Builder {
    /// Adds a datagram, at most 65,535 bytes, that has `records` records and came at `received`.
    ///
    /// `key` stands for the stream: the same one for the same stream until the content is taken.
    /// `stream` is asked for it where the content has nothing of it yet.
    pub fn push(
        &mut self,
        key: u64,
        stream: impl FnOnce() -> Stream,
        received: Duration,
        sequence: u64,
        records: u64,
        datagram: &[u8],
    ) {
        let Ok(length) = u16::try_from(datagram.len()) else {
            return;
        };
        let content = &mut self.content;
        let range = *self.by_key.entry(key).or_insert_with(|| {
            content.ranges.push(Range {
                stream: stream(),
                first: sequence,
                last: sequence,
                datagrams: 0,
                records: 0,
                account: Sequence::default(),
            });
            u32::try_from(content.ranges.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(range) = content.ranges.get_mut(range as usize) {
            range.first = range.first.min(sequence);
            range.last = range.last.max(sequence);
            range.datagrams += 1;
            range.records += records;
        }
        content.records += records;
        content.entries.push(Entry {
            received: u64::try_from(received.as_micros()).unwrap_or(u64::MAX),
            range,
            length,
        });
        content.bytes.extend_from_slice(datagram);
    }

    /// What was collected, with empty accounts; afterwards there is nothing.
    pub fn take(&mut self) -> Content {
        self.take_with(|_| Sequence::default())
    }

    /// What was collected; afterwards there is nothing. `account` is asked for that of each stream.
    pub fn take_with(&mut self, mut account: impl FnMut(&Stream) -> Sequence) -> Content {
        self.by_key.clear();
        for range in &mut self.content.ranges {
            range.account = account(&range.stream);
        }
        std::mem::take(&mut self.content)
    }

    /// Whether nothing was collected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.content.is_empty()
    }

    /// Bytes of memory that the content takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.content.memory()
    }
}
