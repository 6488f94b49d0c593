//! Capture files: pcap and pcapng, plain or compressed, from a disk or a pipe.
//!
//! A [`Records`] reads a file from front to back through one buffer and lends out each packet from there;
//! memory does not grow with the file. A file that is cut or damaged gives every packet before the
//! damage, then an error that says where it is. Nothing is guessed: after damage there is no next packet.

pub mod input;
mod pcap;
mod pcapng;
mod split;
mod window;
mod zstd;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;

use thiserror::Error;

use dnsflow_packet::Frame;
pub use split::split;
use window::{READ_BYTES, Window};

/// Bytes that one read asks for where records are sought one by one: most records, and little more.
const SCATTERED_READ_BYTES: usize = 2 << 10;

/// What is wrong with a capture file. Offsets are in bytes, in the file as it is after decompression.
#[derive(Debug, Error)]
pub enum FileError {
    /// The first bytes are those of no capture file.
    #[error("not a capture file (pcap or pcapng)")]
    NotCapture,
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// The file ends inside a record.
    #[error("the file is cut at offset {offset}; the packets before that were read")]
    Cut {
        /// Where the record starts that is not whole.
        offset: u64,
    },
    /// A record says something that can't be.
    #[error("damaged at offset {offset}: {what}; the packets before that were read")]
    Damaged {
        /// Where the record starts.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A link type that dnsflow does not read.
    #[error("link type {number} is not supported; see pcap-linktype(7) for its name")]
    LinkType {
        /// Its LINKTYPE_ number.
        number: u32,
    },
    /// The system could not read on.
    #[error("can't read on at offset {offset}: {source}")]
    Read {
        /// How far reading came.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
}

impl FileError {
    /// Whether it only says that nothing has come for a while: reading may go on where it stopped.
    #[must_use]
    pub fn is_pause(&self) -> bool {
        matches!(self, FileError::Read { source, .. } if source.kind() == io::ErrorKind::WouldBlock)
    }
}

/// The packets of a capture file.
#[derive(Debug)]
pub struct Records<R> {
    window: Window<R>,
    format: Format,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Header),
    Pcapng(pcapng::Section),
}

impl<R: Read> Records<R> {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// If it is no capture, or one whose link type is unknown.
    pub fn open(source: R) -> Result<Self, FileError> {
        let mut window = Window::new(source);
        let magic = match window.peek(4)? {
            [] => return Err(window.end().err().unwrap_or(FileError::Empty)),
            bytes => bytes
                .first_chunk::<4>()
                .copied()
                .ok_or(FileError::NotCapture)?,
        };
        let format = if magic == pcapng::SECTION_HEADER {
            Format::Pcapng(pcapng::Section::default())
        } else {
            Format::Pcap(pcap::Header::read(&mut window)?)
        };
        window.patient = false;
        Ok(Records { window, format })
    }

    /// The records of a part of a file that [`split`] has found; `source` ends where the part does.
    ///
    /// # Errors
    /// If the file is none of those that can be divided.
    pub fn part(source: R, file: &File, from: u64) -> Result<Self, FileError> {
        Self::behind_head(source, file, from, READ_BYTES)
    }

    fn behind_head(
        source: R,
        file: &File,
        from: u64,
        read_bytes: usize,
    ) -> Result<Self, FileError> {
        let mut head = [0; pcap::HEADER_BYTES];
        file.read_exact_at(&mut head, 0)
            .map_err(|source| FileError::Read { offset: 0, source })?;
        let mut window = Window::from(source, from, read_bytes);
        window.patient = false;
        Ok(Records {
            window,
            format: Format::Pcap(pcap::Header::parse(&head)?),
        })
    }

    /// The next packet; `None` at the end.
    ///
    /// # Errors
    /// Where the file is cut or damaged. There is nothing to be read after that.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FileError> {
        match &mut self.format {
            Format::Pcap(header) => header.next_frame(&mut self.window),
            Format::Pcapng(section) => section.next_frame(&mut self.window),
        }
    }

    /// The packets that are in memory already: none of a pcapng file, of which each block has to be looked at.
    #[inline]
    pub fn ready(&mut self) -> Ready<'_> {
        let base = self.window.base();
        let (bytes, start) = self.window.ready_to_take();
        match &self.format {
            Format::Pcap(header) => Ready {
                header: Some(header),
                bytes,
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

    /// Goes on at the record that starts at an offset.
    ///
    /// # Errors
    /// What the system says.
    pub fn seek(&mut self, offset: u64) -> Result<(), FileError>
    where
        R: Seek,
    {
        self.window.seek(offset)
    }

    /// How often the source has given bytes: while that stays, no time was spent waiting.
    #[inline]
    pub fn reads(&self) -> u64 {
        self.window.reads
    }

    /// Bytes read so far, of the uncompressed file.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }
}

impl<'f> Records<&'f File> {
    /// Single records of a file that [`split`] divides, each to be sought. What lies between them is not read.
    ///
    /// # Errors
    /// If the file is none of those.
    pub fn scattered(file: &'f File) -> Result<Self, FileError> {
        Self::behind_head(file, file, 0, SCATTERED_READ_BYTES)
    }
}

/// Packets that need no reading; those that are not asked for stay.
#[derive(Debug)]
pub struct Ready<'w> {
    header: Option<&'w pcap::Header>,
    bytes: &'w [u8],
    /// Where `bytes` start in the window, and where the window is in the file.
    start: &'w mut usize,
    base: u64,
}

impl Ready<'_> {
    /// Where the record of the next packet starts in the file.
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

/// The integers of a file, in its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum ByteOrder {
    #[default]
    Little,
    Big,
}

impl ByteOrder {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The 32-bit integer at `at`; 0 past the end.
    fn u32_at(self, bytes: &[u8], at: usize) -> u32 {
        bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |four| self.u32(*four))
    }

    /// The 16-bit integer at `at`; 0 past the end.
    fn u16_at(self, bytes: &[u8], at: usize) -> u16 {
        bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |two| self.u16(*two))
    }
}
