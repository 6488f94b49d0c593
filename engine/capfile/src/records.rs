//! Reading a capture from front to back.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use dnsflow_packet::{Frame, LinkType};

use crate::FileError;
use crate::probe::{HEAD_BYTES, Kind, MAGIC_BYTES, probe};
use crate::split::FIRST_RECORD;
use crate::window::{READ_BYTES, Window};
use crate::{pcap, pcapng};

/// Bytes that one read asks for where single records are sought: most records, and little more.
const SCATTERED_READ_BYTES: usize = 2 << 10;

/// The packets of a capture file, read through one buffer, which each packet borrows.
#[derive(Debug)]
pub struct Records<R> {
    window: Window<R>,
    format: Format,
    /// Records that start at this offset or behind it are not read.
    end: u64,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Header),
    Pcapng(pcapng::Section),
}

impl Format {
    fn pcap(header: pcap::Header) -> Result<Self, FileError> {
        match header.link() {
            LinkType::Unsupported(number) => Err(FileError::LinkType { number }),
            _ => Ok(Self::Pcap(header)),
        }
    }
}

impl<R: Read> Records<R> {
    /// Reads the head of a capture, which is not compressed; see
    /// [`input::unpacked`](crate::input::unpacked).
    ///
    /// # Errors
    /// [`FileError::Empty`], [`NotCapture`](FileError::NotCapture) or [`Cut`](FileError::Cut) for
    /// what is no capture, [`LinkType`](FileError::LinkType) if its packets can't be decoded,
    /// [`Read`](FileError::Read).
    pub fn open(source: R) -> Result<Self, FileError> {
        let mut window = Window::new(source);
        let kind = match probe(window.peek(MAGIC_BYTES)?) {
            Kind::CutPcap => probe(window.peek(HEAD_BYTES)?),
            kind => kind,
        };
        let format = match kind {
            Kind::Empty => return Err(window.end().err().unwrap_or(FileError::Empty)),
            Kind::CutPcap => return Err(FileError::Cut { offset: 0 }),
            Kind::Gzip | Kind::Zstd | Kind::Other => return Err(FileError::NotCapture),
            Kind::Pcap(header) => {
                window.take(HEAD_BYTES);
                Format::pcap(header)?
            }
            Kind::Pcapng => Format::Pcapng(pcapng::Section::default()),
        };
        window.patient = false;
        Ok(Self {
            window,
            format,
            end: u64::MAX,
        })
    }

    fn behind_head(
        source: R,
        file: &File,
        from: u64,
        read_bytes: usize,
    ) -> Result<Self, FileError> {
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, 0)
            .map_err(|source| FileError::Read { offset: 0, source })?;
        let Kind::Pcap(header) = probe(&head) else {
            return Err(FileError::NotCapture);
        };
        let mut window = Window::from(source, from, read_bytes);
        window.patient = false;
        Ok(Self {
            window,
            format: Format::pcap(header)?,
            end: u64::MAX,
        })
    }

    /// Reads the next packet, which borrows the buffer; `None` at the end of the file or the part.
    ///
    /// # Errors
    /// [`FileError::Cut`] or [`Damaged`](FileError::Damaged), after which nothing can be read;
    /// [`Read`](FileError::Read), which may pass ([`FileError::is_pause`]).
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FileError> {
        if self.window.offset() >= self.end {
            return Ok(None);
        }
        match &mut self.format {
            Format::Pcap(header) => header.next_frame(&mut self.window),
            Format::Pcapng(section) => section.next_frame(&mut self.window),
        }
    }

    /// The link types that the file has declared so far: for the classic format the one of its
    /// head; for pcapng those of the interfaces that were described before the last packet that was
    /// read.
    pub fn link_types(&self) -> impl Iterator<Item = LinkType> {
        let (one, several) = match &self.format {
            Format::Pcap(header) => (Some(header.link()), None),
            Format::Pcapng(section) => (None, Some(section.link_types())),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    /// The packets that the buffer holds already, so that they need no read. pcapng gives none: its
    /// blocks are taken one by one.
    #[inline]
    pub fn ready(&mut self) -> Ready<'_> {
        let base = self.window.base();
        let (bytes, start) = self.window.ready_to_take();
        match &self.format {
            Format::Pcap(header) => Ready {
                header: Some(header),
                bytes: starting_before(self.end, base, *start, bytes, header),
                start,
                base,
            },
            Format::Pcapng(_) => Ready {
                header: None,
                bytes: &[],
                start,
                base,
            },
        }
    }

    /// Continues at the record that starts at `offset`, in bytes from the start of the file.
    ///
    /// # Errors
    /// [`FileError::Read`] if the source can't be positioned there.
    pub fn seek(&mut self, offset: u64) -> Result<(), FileError>
    where
        R: Seek,
    {
        self.window.seek(offset)
    }

    /// Reads that the source has answered. While the number stays the same, no time was spent
    /// waiting.
    #[inline]
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.window.reads
    }

    /// Offset of the next record, in bytes of the file after decompression.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }
}

impl<'f> Records<&'f File> {
    /// The records of a classic capture that start within `part`, as
    /// [`RegularFile::split`](crate::input::RegularFile::split) gives it. It reads `file` from the
    /// first record on to find them, and gives up, without records, once `is_stopped`.
    ///
    /// # Errors
    /// [`FileError::NotCapture`] if the file is no classic capture,
    /// [`LinkType`](FileError::LinkType), and those of [`next_frame`](Self::next_frame) for what is
    /// before the part.
    pub fn part(
        mut file: &'f File,
        part: Range<u64>,
        is_stopped: impl Fn() -> bool,
    ) -> Result<Self, FileError> {
        file.seek(SeekFrom::Start(FIRST_RECORD))
            .map_err(|source| FileError::Read {
                offset: FIRST_RECORD,
                source,
            })?;
        let mut records = Self::behind_head(file, file, FIRST_RECORD, READ_BYTES)?;
        records.end = part.start;
        while records.next_frame()?.is_some() {
            records.ready().for_each(drop);
            if is_stopped() {
                records.end = 0;
                return Ok(records);
            }
        }
        records.end = part.end;
        Ok(records)
    }

    /// Single records of a classic capture, each of which [`seek`](Self::seek) finds. The bytes
    /// between them are not read.
    ///
    /// # Errors
    /// Those of [`part`](Self::part).
    pub fn scattered(file: &'f File) -> Result<Self, FileError> {
        Self::behind_head(file, file, 0, SCATTERED_READ_BYTES)
    }
}

/// The first of `bytes`, at the offset `base + start` of the file: those of the records that start
/// before `end`.
#[inline]
fn starting_before<'b>(
    end: u64,
    base: u64,
    start: usize,
    bytes: &'b [u8],
    header: &pcap::Header,
) -> &'b [u8] {
    let left = end.saturating_sub(base.saturating_add(u64::try_from(start).unwrap_or(0)));
    match usize::try_from(left) {
        Ok(left) if left < bytes.len() => header.records_before(left, bytes),
        _ => bytes,
    }
}

/// Iterates over packets that need no read. Those that are not taken stay in the buffer.
#[derive(Debug)]
pub struct Ready<'w> {
    header: Option<&'w pcap::Header>,
    bytes: &'w [u8],
    /// Offset of `bytes` in the window.
    start: &'w mut usize,
    /// Offset of the window in the file.
    base: u64,
}

impl Ready<'_> {
    /// Offset in the file of the next packet's record.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.base + u64::try_from(*self.start).unwrap_or(0)
    }
}

impl<'w> Iterator for Ready<'w> {
    type Item = Frame<'w>;

    #[inline(always)]
    fn next(&mut self) -> Option<Frame<'w>> {
        let (frame, bytes) = self.header?.frame_in(self.bytes)?;
        self.bytes = self.bytes.get(bytes..)?;
        *self.start += bytes;
        Some(frame)
    }
}
