//! The input of decode: the bytes of one captured packet, with its length, time and link type.

use crate::LinkType;

/// Seconds and nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: u64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// One captured packet. Borrows the ring block or the file buffer that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The packet from its link layer header on, cut to the snap length.
    pub bytes: &'a [u8],
    /// Length on the wire, in bytes: more than `bytes.len()` if the packet was cut.
    pub wire_bytes: u32,
    /// Time of capture.
    pub at: Timestamp,
    /// What `bytes` starts with.
    pub link: LinkType,
}
