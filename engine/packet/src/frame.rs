//! What capture hands to decode: the bytes of one packet and what is known of them besides.

use crate::LinkType;

/// Seconds and nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: u64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// One packet as it was captured. Borrows the ring block or the file buffer that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// From the link layer's header on, as far as the snap length goes.
    pub bytes: &'a [u8],
    /// Bytes of the packet on the wire; more than `bytes` has where it was cut.
    pub wire_bytes: u32,
    /// When it was captured.
    pub at: Timestamp,
    /// What the bytes start with.
    pub link: LinkType,
}
