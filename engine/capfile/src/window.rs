//! The part of a file that is in memory: a buffer that moves on as records are taken from it.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use crate::FileError;

/// Bytes that one read asks for: few enough to stay in a core's cache until they are decoded.
pub(crate) const READ_BYTES: usize = 256 << 10;

/// Reads `source` through a buffer that grows to the largest record and no further.
#[derive(Debug)]
pub(crate) struct Window<R> {
    source: R,
    buffer: Vec<u8>,
    /// Bytes read and not yet taken: `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Offset of `buffer[0]` in the file.
    base: u64,
    exhausted: bool,
    /// The source ended too early, as a compressed one can tell.
    cut: bool,
    /// Reads that the source has answered.
    pub(crate) reads: u64,
    /// Whether reads that return `WouldBlock` are retried.
    pub(crate) patient: bool,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(source: R) -> Self {
        Self::from(source, 0, READ_BYTES)
    }

    /// Reads `read_bytes` at once from a source that stands at the offset `base` of the file
    /// already.
    pub(crate) fn from(source: R, base: u64, read_bytes: usize) -> Self {
        Self {
            source,
            buffer: vec![0; read_bytes],
            start: 0,
            end: 0,
            base,
            exhausted: false,
            cut: false,
            reads: 0,
            patient: true,
        }
    }
}

impl<R: Seek> Window<R> {
    /// Continues at another offset.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<(), FileError> {
        let ahead = offset.checked_sub(self.offset()).map(usize::try_from);
        match ahead {
            Some(Ok(ahead)) if ahead <= self.end - self.start => self.start += ahead,
            _ => {
                self.source
                    .seek(SeekFrom::Start(offset))
                    .map_err(|source| FileError::Read { offset, source })?;
                (self.start, self.end, self.base) = (0, 0, offset);
                self.exhausted = false;
            }
        }
        Ok(())
    }
}

impl<R> Window<R> {
    /// Offset in the file of the first byte in memory.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Offset in the file of the next byte to take.
    pub(crate) fn offset(&self) -> u64 {
        self.base + u64::try_from(self.start).unwrap_or(0)
    }
}

impl<R: Read> Window<R> {
    /// The next `count` bytes, or fewer at the end of the file, without taking them.
    #[inline]
    pub(crate) fn peek(&mut self, count: usize) -> Result<&[u8], FileError> {
        if self.end - self.start < count {
            self.fill(count)?;
        }
        let end = self.end.min(self.start + count);
        Ok(self.buffer.get(self.start..end).unwrap_or_default())
    }

    /// The bytes in memory that are not yet taken.
    #[inline]
    pub(crate) fn ready(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The same, and their start, which the caller moves as it takes.
    #[inline]
    pub(crate) fn ready_to_take(&mut self) -> (&[u8], &mut usize) {
        let ready = self.buffer.get(self.start..self.end).unwrap_or_default();
        (ready, &mut self.start)
    }

    /// The last `count` bytes that were taken.
    #[inline]
    pub(crate) fn taken(&self, count: usize) -> &[u8] {
        self.buffer
            .get(self.start.saturating_sub(count)..self.start)
            .unwrap_or_default()
    }

    /// Where no bytes are left: whether the file is complete.
    #[cold]
    pub(crate) fn end(&self) -> Result<(), FileError> {
        if self.cut {
            return Err(FileError::Cut {
                offset: self.offset(),
            });
        }
        Ok(())
    }

    /// Takes bytes that were peeked at.
    #[inline]
    pub(crate) fn take(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Peeks and takes.
    #[inline]
    pub(crate) fn read(&mut self, count: usize) -> Result<&[u8], FileError> {
        if self.end - self.start < count {
            self.fill(count)?;
        }
        let from = self.start;
        self.take(count);
        Ok(self.buffer.get(from..self.start).unwrap_or_default())
    }

    #[cold]
    fn fill(&mut self, count: usize) -> Result<(), FileError> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.base = self.offset();
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < count {
            self.buffer.resize(count, 0);
        }
        while self.end < count && !self.exhausted {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.exhausted = true,
                Ok(read) => {
                    self.end += read;
                    self.reads += 1;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.patient => {}
                // A compressed stream ends early: the file is cut there.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.exhausted = true;
                    self.cut = true;
                }
                Err(source) => {
                    return Err(FileError::Read {
                        offset: self.offset(),
                        source,
                    });
                }
            }
        }
        Ok(())
    }
}
