//! Records of the classic format, out of a window on a file.

use std::io::Read;

use dnsflow_packet::{Frame, Timestamp};

use super::{Header, MAX_PACKET_BYTES, RECORD_HEADER_BYTES};
use crate::FileError;
use crate::window::Window;

impl Header {
    /// Takes the next record; `None` at the end of the file.
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

    /// The packet of the record at the start of `bytes` and the record's length; `None` unless all
    /// of it is there.
    #[inline(always)]
    pub(crate) fn frame_in<'b>(&self, bytes: &'b [u8]) -> Option<(Frame<'b>, usize)> {
        let fields = self.fields(bytes.first_chunk()?);
        let end = self.record_bytes.checked_add(fields.captured)?;
        let frame = Frame {
            vlan: None,
            bytes: bytes.get(self.record_bytes..end)?,
            wire_bytes: fields.wire_bytes,
            at: Timestamp {
                seconds: fields.seconds.into(),
                nanoseconds: fields
                    .fraction
                    .saturating_mul(self.encoding.resolution.nanoseconds()),
            },
            link: self.link,
        };
        Some((frame, end))
    }

    /// The records of `bytes`, which start with one, that start before `end`; without the last if
    /// that is not whole.
    #[cold]
    pub(crate) fn records_before<'b>(&self, end: usize, bytes: &'b [u8]) -> &'b [u8] {
        let mut at = 0;
        while at < end {
            match bytes.get(at..).and_then(|rest| self.frame_in(rest)) {
                Some((_, record_bytes)) => at += record_bytes,
                None => break,
            }
        }
        bytes.get(..at).unwrap_or(bytes)
    }

    /// What a record header states.
    #[inline]
    pub(crate) fn fields(&self, head: &[u8; RECORD_HEADER_BYTES]) -> Fields {
        let field = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            self.encoding.order.u32(bytes)
        };
        Fields {
            seconds: field(0),
            fraction: field(4),
            captured: usize::try_from(field(8)).unwrap_or(usize::MAX),
            wire_bytes: field(12),
        }
    }

    /// Waits for a whole record header; `None` at the end of the file.
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

    /// Waits for the whole record.
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

/// What a record header states.
pub(crate) struct Fields {
    pub(crate) seconds: u32,
    pub(crate) fraction: u32,
    pub(crate) captured: usize,
    pub(crate) wire_bytes: u32,
}
