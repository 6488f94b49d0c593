//! The classic format (pcap-savefile(5)), in both byte orders, with micro- or nanoseconds.

use std::io::Read;

use crate::window::Window;
use crate::{ByteOrder, FileError};
use dnsflow_packet::{Frame, LinkType, Timestamp};

/// Bytes of the file header.
pub(crate) const HEADER_BYTES: usize = 24;

/// Largest packet that is believed, in bytes: what libpcap takes for the largest snap length.
pub(crate) const MAX_PACKET_BYTES: usize = 262_144;

/// What the file header says.
///
/// ```text
/// magic 4 | major 2 | minor 2 | 0 4 | 0 4 | snap length 4 | link type 4
/// ```
#[derive(Debug)]
pub(crate) struct Header {
    order: ByteOrder,
    /// Nanoseconds in a unit of a record's fraction of a second.
    fraction_ns: u32,
    /// Bytes of a record's header.
    record_bytes: usize,
    link: LinkType,
}

impl Header {
    pub(crate) fn read(window: &mut Window<impl Read>) -> Result<Self, FileError> {
        Self::parse(window.read(HEADER_BYTES)?)
    }

    /// Reads the header that `bytes` start with.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        let magic: [u8; 4] = *bytes.first_chunk().ok_or(FileError::NotCapture)?;
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

    /// Fractions in a second.
    pub(crate) fn fractions(&self) -> u32 {
        1_000_000_000 / self.fraction_ns
    }

    /// Bytes of a record before its packet.
    pub(crate) fn record_bytes(&self) -> usize {
        self.record_bytes
    }

    /// ```text
    /// seconds 4 | fraction 4 | captured length 4 | length on the wire 4 | packet ..
    /// ```
    #[inline]
    pub(crate) fn next_frame<'w>(
        &mut self,
        window: &'w mut Window<impl Read>,
    ) -> Result<Option<Frame<'w>>, FileError> {
        if let Some((_, bytes)) = self.frame_in(window.ready()) {
            window.take(bytes);
            return Ok(self.frame_in(window.taken(bytes)).map(|(frame, _)| frame));
        }
        let Some(fields) = self.await_head(window)? else {
            return Ok(None);
        };
        self.await_record(&fields, window)?;
        let bytes = window.read(self.record_bytes + fields.captured)?;
        Ok(self.frame_in(bytes).map(|(frame, _)| frame))
    }

    /// The packet of the record that `bytes` start with, if that is whole, and the record's length.
    #[inline(always)]
    pub(crate) fn frame_in<'b>(&self, bytes: &'b [u8]) -> Option<(Frame<'b>, usize)> {
        let fields = self.fields(bytes.first_chunk()?);
        let end = self.record_bytes.checked_add(fields.captured)?;
        let frame = Frame {
            bytes: bytes.get(self.record_bytes..end)?,
            wire_bytes: fields.wire_bytes,
            at: Timestamp {
                seconds: fields.seconds.into(),
                nanoseconds: fields.fraction.saturating_mul(self.fraction_ns),
            },
            link: self.link,
        };
        Some((frame, end))
    }

    #[inline]
    pub(crate) fn fields(&self, head: &[u8; RECORD_HEADER_BYTES]) -> Fields {
        let field = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            self.order.u32(bytes)
        };
        Fields {
            seconds: field(0),
            fraction: field(4),
            captured: usize::try_from(field(8)).unwrap_or(usize::MAX),
            wire_bytes: field(12),
        }
    }

    /// Reads on for the header of a record; `None` at the end of the file.
    #[cold]
    fn await_head(&self, window: &mut Window<impl Read>) -> Result<Option<Fields>, FileError> {
        let offset = window.offset();
        let head = window.peek(self.record_bytes)?;
        if head.is_empty() {
            return window.end().map(|()| None);
        }
        match head.first_chunk() {
            Some(first) if head.len() == self.record_bytes => Ok(Some(self.fields(first))),
            _ => Err(FileError::Cut { offset }),
        }
    }

    /// Reads on for the rest of a record.
    #[cold]
    fn await_record(
        &self,
        fields: &Fields,
        window: &mut Window<impl Read>,
    ) -> Result<(), FileError> {
        let offset = window.offset();
        if fields.captured > MAX_PACKET_BYTES {
            return Err(FileError::Damaged {
                offset,
                what: "a packet of more than 256 KiB",
            });
        }
        let bytes = self.record_bytes + fields.captured;
        if window.peek(bytes)?.len() < bytes {
            return Err(FileError::Cut { offset });
        }
        Ok(())
    }
}

/// Bytes of a record's header that every variant has.
pub(crate) const RECORD_HEADER_BYTES: usize = 16;

/// What a record's header says.
pub(crate) struct Fields {
    pub(crate) seconds: u32,
    pub(crate) fraction: u32,
    pub(crate) captured: usize,
    pub(crate) wire_bytes: u32,
}
