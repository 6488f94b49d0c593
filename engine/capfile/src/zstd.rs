//! Zstandard streams (RFC 8878): any number of frames one after another, as compressors with
//! several threads and `cat` write them, with skippable frames among them.
//!
//! The library's decoder stops after one frame; this starts it again for each. The decoder also
//! keeps back the window of a frame, megabytes, until the frame ends. So that a stream that is cut
//! gives all of its whole blocks, this passes it whole blocks only, and an end after the last of
//! them.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Bytes that one read of the compressed stream asks for.
const READ_BYTES: usize = 64 << 10;

/// Bytes of a block's header.
const BLOCK_HEADER_BYTES: usize = 3;

/// Bytes of a frame's checksum.
const CHECKSUM_BYTES: u64 = 4;

/// The last block of a frame, without content.
const LAST_BLOCK: [u8; BLOCK_HEADER_BYTES] = [1, 0, 0];

/// The decompressed content of a stream.
pub(crate) struct Frames<R> {
    source: BufReader<R>,
    decoder: FrameDecoder,
    /// The block that is being decoded, with its header.
    block: Vec<u8>,
    /// The stream is cut.
    cut: bool,
}

impl<R: Read> Frames<R> {
    /// Reads nothing yet.
    pub(crate) fn new(source: R) -> Self {
        Self {
            source: BufReader::with_capacity(READ_BYTES, source),
            decoder: FrameDecoder::new(),
            block: Vec::new(),
            cut: false,
        }
    }

    /// Starts the next frame; false at the end of the stream.
    fn next_frame(&mut self) -> io::Result<bool> {
        if self.cut {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => self.skip(length.into())?,
                Err(error) => return Err(as_io_error(error)),
            }
        }
        Ok(false)
    }

    fn decode_block(&mut self) -> io::Result<()> {
        if !self.read_block()? {
            self.cut = true;
            self.block.clear();
            self.block.extend(LAST_BLOCK);
        }
        // A checksum may follow the last block; the decoder reads it and does not compare it.
        let mut checksum = io::repeat(0).take(CHECKSUM_BYTES);
        let behind = (&mut self.source).chain(&mut checksum);
        self.decoder
            .decode_blocks(
                self.block.chain(behind),
                BlockDecodingStrategy::UptoBlocks(1),
            )
            .map_err(as_io_error)?;
        self.cut |= checksum.limit() < CHECKSUM_BYTES;
        Ok(())
    }

    /// Reads the next block; false if it is cut (RFC 8878, section 3.1.1.2, little endian):
    ///
    /// ```text
    /// last 1 bit, type 2 bits, size 21 bits | content: of that size, or one byte to repeat
    /// ```
    fn read_block(&mut self) -> io::Result<bool> {
        const REPEATED: u8 = 1;
        let header = u64::try_from(BLOCK_HEADER_BYTES).unwrap_or(0);
        self.block.clear();
        self.source
            .by_ref()
            .take(header)
            .read_to_end(&mut self.block)?;
        let [first, middle, last] = self.block[..] else {
            return Ok(false);
        };
        let size = match first >> 1 & 3 {
            REPEATED => 1,
            _ => u64::from(u32::from_le_bytes([first, middle, last, 0]) >> 3),
        };
        let read = self
            .source
            .by_ref()
            .take(size)
            .read_to_end(&mut self.block)?;
        Ok(u64::try_from(read).is_ok_and(|read| read == size))
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.source.by_ref().take(bytes), &mut io::sink())?;
        if skipped < bytes {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decode_block()?;
            }
            let read = self.decoder.read(out)?;
            if read > 0 {
                return Ok(read);
            }
            if !self.next_frame()? {
                return Ok(0);
            }
        }
    }
}

impl<R> fmt::Debug for Frames<R> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Frames").finish_non_exhaustive()
    }
}

/// Tells a stream that ends too early (`UnexpectedEof`), whose content until then is good, from one
/// that is damaged.
fn as_io_error(error: FrameDecoderError) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(found) = cause {
        if let Some(found) = found.downcast_ref::<io::Error>() {
            return match found.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None if found.kind() == ErrorKind::UnexpectedEof => found.kind().into(),
                None => io::Error::new(found.kind(), error.to_string()),
            };
        }
        cause = found.source();
    }
    io::Error::new(ErrorKind::InvalidData, error.to_string())
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;
    use crate::{Kind, probe};

    fn frame(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn unpacked(stream: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let mut out = Vec::new();
        let read = Frames::new(stream).read_to_end(&mut out);
        (out, read)
    }

    #[test]
    fn frames_follow_each_other() {
        let stream = [
            b"\x50\x2a\x4d\x18\x02\0\0\0ab".to_vec(),
            frame(b"one, "),
            frame(b""),
            frame(b"two"),
            b"\x5f\x2a\x4d\x18\0\0\0\0".to_vec(),
            frame(b" and three"),
        ]
        .concat();
        assert_eq!([probe(&stream), probe(&stream[10..])], [Kind::Zstd; 2]);
        let (out, read) = unpacked(&stream);
        assert_eq!(out, b"one, two and three");
        assert!(read.is_ok_and(|bytes| bytes == out.len()));
    }

    #[test]
    fn nothing_is_an_empty_stream() {
        assert!(matches!(unpacked(b""), (out, Ok(0)) if out.is_empty()));
    }

    #[test]
    fn a_cut_anywhere_keeps_the_frames_before_it() {
        let (one, two) = (frame(b"one"), frame(b"two"));
        let stream = [one.clone(), two].concat();
        for length in one.len() + 1..stream.len() {
            let (out, read) = unpacked(&stream[..length]);
            // The checksum stands behind all the content.
            let only_that = stream.len() - length <= 4;
            let left: &[u8] = if only_that { b"onetwo" } else { b"one" };
            assert_eq!(out, left, "{length} bytes");
            let kind = read.map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::UnexpectedEof), "{length} bytes");
        }
        let (out, read) = unpacked(b"\x50\x2a\x4d\x18\x02\0\0\0a");
        let kind = read.map_err(|error| error.kind());
        assert_eq!((out, kind), (vec![], Err(ErrorKind::UnexpectedEof)));
    }

    /// Nothing is kept back for a window that never fills.
    #[test]
    fn a_cut_keeps_every_block_before_it() {
        const BLOCK_BYTES: usize = 128 << 10;
        let content: Vec<u8> = (0..5 * BLOCK_BYTES)
            .map(|at| u8::try_from(at * at % 251).expect("below 251"))
            .collect();
        let stream = frame(&content);
        for parts in 1..10 {
            let (out, read) = unpacked(&stream[..stream.len() * parts / 10]);
            let blocks = parts * content.len() / 10 / BLOCK_BYTES;
            assert!(
                out.len().abs_diff(blocks * BLOCK_BYTES) <= BLOCK_BYTES,
                "{parts}"
            );
            assert!(content.starts_with(&out));
            let kind = read.map_err(|error| error.kind());
            assert_eq!(kind, Err(ErrorKind::UnexpectedEof));
        }
    }

    #[test]
    fn damage_is_told() {
        let stream = [frame(b"one"), b"what is this?".to_vec()].concat();
        let (out, read) = unpacked(&stream);
        assert_eq!(out, b"one");
        let kind = read.map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::InvalidData));
    }
}
