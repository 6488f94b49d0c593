//! The classic format (pcap-savefile(5)), in both byte orders, with micro- or nanoseconds.

use std::io::Read;

use super::window::Window;
use super::{ByteOrder, FileError};
use crate::frame::{Frame, LinkType, Timestamp};

/// Bytes of the file header.
const HEADER_BYTES: usize = 24;

/// Largest packet that is believed, in bytes: what libpcap takes for the largest snap length.
const MAX_PACKET_BYTES: usize = 262_144;

/// What the file header says.
///
/// ```text
/// magic 4 | major 2 | minor 2 | 0 4 | 0 4 | snap length 4 | link type 4
/// ```
#[derive(Debug)]
pub(super) struct Header {
    order: ByteOrder,
    /// Nanoseconds in a unit of a record's fraction of a second.
    fraction_ns: u32,
    /// Bytes of a record's header.
    record_bytes: usize,
    link: LinkType,
}

impl Header {
    pub(super) fn read(window: &mut Window<impl Read>) -> Result<Self, FileError> {
        let magic: [u8; 4] = *window.peek(4)?.first_chunk().ok_or(FileError::NotCapture)?;
        // Microseconds; nanoseconds; microseconds with 8 more bytes a record, as an old patch wrote them.
        let (order, fraction_ns, record_bytes) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (ByteOrder::Big, 1000, 16),
            [0xd4, 0xc3, 0xb2, 0xa1] => (ByteOrder::Little, 1000, 16),
            [0xa1, 0xb2, 0x3c, 0x4d] => (ByteOrder::Big, 1, 16),
            [0x4d, 0x3c, 0xb2, 0xa1] => (ByteOrder::Little, 1, 16),
            [0xa1, 0xb2, 0xcd, 0x34] => (ByteOrder::Big, 1000, 24),
            [0x34, 0xcd, 0xb2, 0xa1] => (ByteOrder::Little, 1000, 24),
            _ => return Err(FileError::NotCapture),
        };
        let bytes = window.read(HEADER_BYTES)?;
        if bytes.len() < HEADER_BYTES {
            return Err(FileError::Cut { offset: 0 });
        }
        // The high bits tell of frame check sequences.
        let number = order.u32_at(bytes, 20) & 0x03ff_ffff;
        match LinkType::from_number(number) {
            LinkType::Unsupported(number) => Err(FileError::LinkType { number }),
            link => Ok(Header {
                order,
                fraction_ns,
                record_bytes,
                link,
            }),
        }
    }

    /// ```text
    /// seconds 4 | fraction 4 | captured length 4 | length on the wire 4 | packet ..
    /// ```
    #[inline]
    pub(super) fn next_frame<'w>(
        &mut self,
        window: &'w mut Window<impl Read>,
    ) -> Result<Option<Frame<'w>>, FileError> {
        let offset = window.offset();
        let head = window.peek(self.record_bytes)?;
        if head.is_empty() {
            return window.end().map(|()| None);
        }
        let Some(fields) = head
            .first_chunk::<16>()
            .filter(|_| head.len() == self.record_bytes)
        else {
            return Err(FileError::Cut { offset });
        };
        let order = self.order;
        let seconds = order.u32_at(fields, 0);
        let fraction = order.u32_at(fields, 4);
        let captured = usize::try_from(order.u32_at(fields, 8)).unwrap_or(usize::MAX);
        let wire_bytes = order.u32_at(fields, 12);
        if captured > MAX_PACKET_BYTES {
            return Err(FileError::Damaged {
                offset,
                what: "a packet of more than 256 KiB",
            });
        }
        let record = window.read(self.record_bytes + captured)?;
        let bytes = record.get(self.record_bytes..).unwrap_or_default();
        if bytes.len() < captured {
            return Err(FileError::Cut { offset });
        }
        Ok(Some(Frame {
            bytes,
            wire_bytes,
            at: Timestamp {
                seconds: seconds.into(),
                nanoseconds: fraction.saturating_mul(self.fraction_ns),
            },
            link: self.link,
        }))
    }
}
