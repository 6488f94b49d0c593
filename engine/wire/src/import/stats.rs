//! The statistics set.

use super::{HEADER_LEN, ImportError, Version};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Packets that passed the capture filter and were looked at.
    pub captured: u32,
    /// Packets that the kernel gave to the capture.
    pub received: u32,
    /// Packets that the kernel dropped for want of buffer.
    pub dropped: u32,
    /// Packets that the interface dropped.
    pub if_dropped: u32,
    /// One of how many packets is kept, 0 when all are; none before version 2.
    pub sample_rate: Option<u32>,
}

impl Stats {
    /// Reads the statistics set of a whole datagram.
    pub(super) fn parse(version: Version, datagram: &[u8]) -> Result<Self, ImportError> {
        let counters = if version >= Version::V2 { 5 } else { 4 };
        let want = HEADER_LEN + 4 * counters;
        let length = ImportError::StatsLength {
            len: datagram.len(),
            want,
        };
        if datagram.len() != want {
            return Err(length);
        }
        let (counters, _) = datagram.get(HEADER_LEN..).unwrap_or_default().as_chunks();
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
