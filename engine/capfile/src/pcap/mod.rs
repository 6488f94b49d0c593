//! The classic format, pcap (pcap-savefile(5), draft-ietf-opsawg-pcap): its headers, a reader and a
//! writer.
//!
//! This module is the one definition of pcap's headers. Programs that need only the bytes of a
//! header, to write it with their own system calls, take arrays from [`Encoding`]; [`Writer`]
//! writes whole files.
//!
//! ```text
//! file header, 24 bytes:   magic 4 | major 2 | minor 2 | 0 4 | 0 4 | snap length 4 | link type 4
//! record header, 16 bytes: seconds 4 | fraction 4 | captured length 4 | length on the wire 4 | packet ..
//! ```
//!
//! The fraction of a second is in microseconds or nanoseconds, as the magic says. Link types are
//! LINKTYPE_ numbers (pcap-linktype(7)). A modified format has 8 more bytes in each record header;
//! it is read, and never written.

mod read;
mod write;

use dnsflow_packet::{LinkType, Timestamp};

pub use write::Writer;

use crate::ByteOrder;

/// Bytes of the file header.
pub const FILE_HEADER_BYTES: usize = 24;

/// Bytes of a record header.
pub const RECORD_HEADER_BYTES: usize = 16;

/// Snap length that a file states unless its writer cuts packets: the largest IP packet, as tcpdump
/// and others wrote it for long.
pub const SNAP_LENGTH: u32 = 65_535;

/// Largest packet that a reader accepts, in bytes: libpcap's largest snap length.
pub const MAX_PACKET_BYTES: usize = 262_144;

const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Microseconds, and record headers of [`MODIFIED_RECORD_HEADER_BYTES`].
const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;
const MODIFIED_RECORD_HEADER_BYTES: usize = 24;

/// Version 2.4, which all files have had since 1996.
const VERSION: [u16; 2] = [2, 4];

/// Bits of the link type field that hold the link type; the others describe frame check sequences.
const LINK_TYPE_BITS: u32 = 0x03ff_ffff;

/// Unit of the fraction of a second in record headers. The value is its length in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Resolution {
    /// 1,000 nanoseconds.
    #[default]
    Microseconds = 1000,
    /// 1 nanosecond.
    Nanoseconds = 1,
}

impl Resolution {
    /// Nanoseconds in a unit.
    #[inline]
    const fn nanoseconds(self) -> u32 {
        self as u32
    }
}

/// How a file encodes integers and time stamps. The default is little endian with microseconds,
/// which every reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Encoding {
    /// Byte order of all integers.
    pub order: ByteOrder,
    /// Unit of time stamps.
    pub resolution: Resolution,
}

impl Encoding {
    /// The file header of a capture. `link_type` is a LINKTYPE_ number (pcap-linktype(7)),
    /// `snap_length` the most bytes of a packet that a record holds.
    #[must_use]
    pub fn file_header(self, link_type: u32, snap_length: u32) -> [u8; FILE_HEADER_BYTES] {
        let magic = match self.resolution {
            Resolution::Microseconds => MAGIC_MICROSECONDS,
            Resolution::Nanoseconds => MAGIC_NANOSECONDS,
        };
        let [major, minor] = VERSION;
        let mut out = [0; FILE_HEADER_BYTES];
        out[..4].copy_from_slice(&self.order.u32_bytes(magic));
        out[4..6].copy_from_slice(&self.order.u16_bytes(major));
        out[6..8].copy_from_slice(&self.order.u16_bytes(minor));
        out[16..20].copy_from_slice(&self.order.u32_bytes(snap_length));
        out[20..].copy_from_slice(&self.order.u32_bytes(link_type));
        out
    }

    /// The header of a record that holds `captured_bytes` of a packet that had `wire_bytes`.
    /// Seconds past 2106-02-07, which the format can't state, are written as that day's.
    #[inline]
    #[must_use]
    pub fn record_header(
        self,
        at: Timestamp,
        captured_bytes: u32,
        wire_bytes: u32,
    ) -> [u8; RECORD_HEADER_BYTES] {
        let seconds = u32::try_from(at.seconds).unwrap_or(u32::MAX);
        let fraction = at.nanoseconds / self.resolution.nanoseconds();
        let mut out = [0; RECORD_HEADER_BYTES];
        out[..4].copy_from_slice(&self.order.u32_bytes(seconds));
        out[4..8].copy_from_slice(&self.order.u32_bytes(fraction));
        out[8..12].copy_from_slice(&self.order.u32_bytes(captured_bytes));
        out[12..].copy_from_slice(&self.order.u32_bytes(wire_bytes));
        out
    }

    /// The encoding that a file's first bytes state, and the bytes of its record headers.
    fn from_magic(magic: [u8; 4]) -> Option<(Self, usize)> {
        [ByteOrder::Little, ByteOrder::Big]
            .into_iter()
            .find_map(|order| {
                let (resolution, record_bytes) = match order.u32(magic) {
                    MAGIC_MICROSECONDS => (Resolution::Microseconds, RECORD_HEADER_BYTES),
                    MAGIC_NANOSECONDS => (Resolution::Nanoseconds, RECORD_HEADER_BYTES),
                    MAGIC_MODIFIED => (Resolution::Microseconds, MODIFIED_RECORD_HEADER_BYTES),
                    _ => return None,
                };
                Some((Self { order, resolution }, record_bytes))
            })
    }
}

/// What the file header of a capture states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    encoding: Encoding,
    /// Bytes of a record before its packet.
    record_bytes: usize,
    link: LinkType,
    snap_length: u32,
}

impl Header {
    /// Whether a file that starts with `magic` is a classic capture.
    pub(crate) fn starts(magic: [u8; 4]) -> bool {
        Encoding::from_magic(magic).is_some()
    }

    /// Reads a file header; `None` if the magic is of another format.
    #[must_use]
    pub fn parse(bytes: &[u8; FILE_HEADER_BYTES]) -> Option<Self> {
        let (encoding, record_bytes) = Encoding::from_magic(*bytes.first_chunk()?)?;
        let number = encoding.order.u32_at(bytes, 20) & LINK_TYPE_BITS;
        Some(Self {
            encoding,
            record_bytes,
            link: LinkType::from_number(number),
            snap_length: encoding.order.u32_at(bytes, 16),
        })
    }

    /// Byte order and unit of time stamps.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Link type of all packets; [`LinkType::Unsupported`] if no packet can be decoded.
    #[must_use]
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// Most bytes of a packet that a record holds, as the writer states; readers don't rely on it.
    #[must_use]
    pub fn snap_length(&self) -> u32 {
        self.snap_length
    }
}

/// The LINKTYPE_ number under which a file states `link`; `None` for [`LinkType::Network`], which
/// is no link type of files.
fn link_number(link: LinkType) -> Option<u32> {
    /// LINKTYPE_RAW; DLT_RAW has other numbers on other systems.
    const RAW: u32 = 101;
    match link {
        LinkType::Ip => Some(RAW),
        // All others have the same number as DLT_ and as LINKTYPE_.
        link => link.dlt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte by byte as in draft-ietf-opsawg-pcap, sections 4 and 5.
    #[test]
    fn headers_have_the_bytes_of_the_format() {
        let little = Encoding::default();
        assert_eq!(
            little.file_header(1, SNAP_LENGTH),
            *b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0"
        );
        let big = Encoding {
            order: ByteOrder::Big,
            resolution: Resolution::Nanoseconds,
        };
        assert_eq!(
            big.file_header(101, 96),
            *b"\xa1\xb2\x3c\x4d\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x60\0\0\0\x65"
        );
        let at = Timestamp {
            seconds: 0x0102_0304,
            nanoseconds: 5_000_999,
        };
        assert_eq!(
            little.record_header(at, 60, 1500),
            *b"\x04\x03\x02\x01\x88\x13\0\0\x3c\0\0\0\xdc\x05\0\0"
        );
        assert_eq!(
            big.record_header(at, 60, 1500),
            *b"\x01\x02\x03\x04\0\x4c\x4f\x27\0\0\0\x3c\0\0\x05\xdc"
        );
    }

    #[test]
    fn link_numbers_are_those_that_readers_know() {
        for number in 0..300 {
            let link = LinkType::from_number(number);
            let written = link_number(link).expect("a link type of files");
            assert_eq!(LinkType::from_number(written), link, "{number}");
        }
        assert_eq!(link_number(LinkType::Ip), Some(101));
        assert_eq!(link_number(LinkType::Network(0x0800)), None);
    }

    #[test]
    fn a_header_states_what_was_written() {
        let header = Header::parse(&Encoding::default().file_header(113, 96)).expect("pcap");
        assert_eq!(header.encoding(), Encoding::default());
        assert_eq!(
            (header.link(), header.snap_length()),
            (LinkType::Cooked, 96)
        );
        // Frame check sequences of 4 bytes, as the high bits state.
        let header = Header::parse(&Encoding::default().file_header(0x4400_0001, 96));
        assert_eq!(header.map(|header| header.link()), Some(LinkType::Ethernet));
        assert_eq!(Header::parse(&[0; FILE_HEADER_BYTES]), None);
    }
}
