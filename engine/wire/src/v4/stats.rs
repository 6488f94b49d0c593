//! The stats set, written and read: the counters of a sender.

use super::header::{FLAG_STATS, HEADER_BYTES, Header};
use super::{DecodeError, Version};

/// Bytes of one counter.
const COUNTER_BYTES: usize = 4;

/// Counters before version 2, and from version 2 on.
const OLD_COUNTERS: usize = 4;
const COUNTERS: usize = 5;

/// Bytes of a stats datagram of version 4.
pub const STATS_BYTES: usize = HEADER_BYTES + COUNTERS * COUNTER_BYTES;

/// Counters of a sending process, each counted since it started and wrapping at 2^32.
///
/// ```text
/// +---------------+---------------+---------------+---------------+
/// |                         pkts_captured                         |
/// +---------------+---------------+---------------+---------------+
/// |                         pkts_received                         |
/// +---------------+---------------+---------------+---------------+
/// |                         pkts_dropped                          |
/// +---------------+---------------+---------------+---------------+
/// |                        pkts_ifdropped                         |
/// +---------------+---------------+---------------+---------------+
/// |                 sample_rate (from version 2 on)               |
/// +---------------+---------------+---------------+---------------+
/// ```
///
/// A stats set is alone in its datagram, which is marked with [`FLAG_STATS`]. All counters are in
/// packets and in network byte order.
///
/// ```
/// use dnsflow_wire::v4::{Content, Datagram, Stats};
///
/// let stats = Stats {
///     captured: 1000,
///     received: 1010,
///     dropped: 10,
///     ..Stats::default()
/// };
/// let payload = stats.datagram(7);
/// let datagram = Datagram::parse(&payload)?;
/// assert_eq!(datagram.sequence(), 7);
/// assert!(matches!(datagram.content()?, Content::Stats(read) if read.captured == 1000));
/// # Ok::<(), dnsflow_wire::v4::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets that passed the capture filter and were looked at.
    pub captured: u32,
    /// Packets that the kernel gave to the capture.
    pub received: u32,
    /// Packets that the kernel dropped since its buffer was full.
    pub dropped: u32,
    /// Packets that the interface dropped.
    pub if_dropped: u32,
    /// N if one of N packets is kept, 0 if all are. `None` before version 2, which has no such
    /// field; written as 0.
    pub sample_rate: Option<u32>,
}

impl Stats {
    /// The stats datagram of version 4, complete; `sequence` is its number in the stream.
    #[must_use]
    pub fn datagram(&self, sequence: u32) -> [u8; STATS_BYTES] {
        let header = Header {
            version: Version::V4,
            sets_count: 1,
            flags: FLAG_STATS,
            sequence,
        };
        let counters: [u32; COUNTERS] = [
            self.captured,
            self.received,
            self.dropped,
            self.if_dropped,
            self.sample_rate.unwrap_or(0),
        ];
        let mut out = [0; STATS_BYTES];
        let (head, body) = out.split_at_mut(HEADER_BYTES);
        if let Some(head) = head.first_chunk_mut() {
            header.write(head);
        }
        for (slot, counter) in body.chunks_exact_mut(COUNTER_BYTES).zip(counters) {
            slot.copy_from_slice(&counter.to_be_bytes());
        }
        out
    }

    /// Reads the stats set of a whole datagram.
    pub(super) fn parse(version: Version, datagram: &[u8]) -> Result<Self, DecodeError> {
        let counters = if version >= Version::V2 {
            COUNTERS
        } else {
            OLD_COUNTERS
        };
        let want = HEADER_BYTES + COUNTER_BYTES * counters;
        let length = DecodeError::StatsLength {
            len: datagram.len(),
            want,
        };
        if datagram.len() != want {
            return Err(length);
        }
        let (counters, _) = datagram.get(HEADER_BYTES..).unwrap_or_default().as_chunks();
        let mut counters = counters.iter().map(|&bytes| u32::from_be_bytes(bytes));
        let mut next = || counters.next().ok_or(length);
        Ok(Self {
            captured: next()?,
            received: next()?,
            dropped: next()?,
            if_dropped: next()?,
            sample_rate: counters.next(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATS: Stats = Stats {
        captured: 0x0102_0304,
        received: 5,
        dropped: 6,
        if_dropped: u32::MAX,
        sample_rate: Some(10),
    };

    #[test]
    fn every_byte_of_a_stats_datagram() {
        let wanted = b"\x04\x01\x00\x01\x00\x00\x00\x09\
            \x01\x02\x03\x04\x00\x00\x00\x05\x00\x00\x00\x06\xff\xff\xff\xff\x00\x00\x00\x0a";
        assert_eq!(&STATS.datagram(9), wanted);
    }

    #[test]
    fn no_sample_rate_is_written_as_0() {
        let none = Stats {
            sample_rate: None,
            ..STATS
        };
        let zero = Stats {
            sample_rate: Some(0),
            ..STATS
        };
        assert_eq!(none.datagram(9), zero.datagram(9));
        assert_eq!(none.datagram(9)[24..], [0; 4]);
    }
}
