//! The input of decode: the bytes of one captured packet, with its length, time and link type.

use dnsflow_wire::response::Timestamp;

use crate::LinkType;

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
    /// Identifier of a VLAN tag that was taken out of the frame before it was captured, 0 to 4095.
    pub vlan: Option<u16>,
}
