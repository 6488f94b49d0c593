//! Bytes for libpcap that are not in a plain file: compressed ones, standard input, named pipes.
//!
//! libpcap opens paths. So a thread decompresses where need be and writes to a pipe, which libpcap
//! opens by its name under `/dev/fd`. Gzip is told by its first two bytes, not by a file's name.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;

use flate2::read::MultiGzDecoder;

use super::stop::{PATIENCE, Stop};

/// First bytes of a gzip member (RFC 1952 section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Chunks that may wait.
const CHUNKS_WAITING: usize = 4;

/// What a path turned out to be.
pub(super) enum Source {
    /// libpcap can open the path itself.
    Plain,
    /// libpcap is to open this one's.
    Fed(Feed),
}

impl Source {
    pub(super) fn open(path: &Path, stop: &Stop) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Feed::stream(io::stdin(), stop).map(Self::Fed);
        }
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Feed::stream(file, stop).map(Self::Fed);
        }
        let (magic, len) = read_magic(&mut file)?;
        // The `pcap` crate takes paths in UTF-8 only.
        if magic[..len] != GZIP_MAGIC && path.to_str().is_some() {
            return Ok(Self::Plain);
        }
        file.rewind()?;
        Feed::start(file, false).map(Self::Fed)
    }
}

/// A thread that fills a pipe.
pub(super) struct Feed {
    pipe: Option<PipeReader>,
    failure: Receiver<io::Error>,
    stream: bool,
}

impl Feed {
    /// Feeds from a source whose reads may wait for ever; a signal ends it all the same.
    fn stream(input: impl Read + Send + 'static, stop: &Stop) -> io::Result<Self> {
        let (chunks, waiting) = mpsc::sync_channel(CHUNKS_WAITING);
        thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || pump(input, &chunks))?;
        Self::start(
            Patient {
                waiting,
                stop: stop.clone(),
                chunk: Vec::new(),
                at: 0,
            },
            true,
        )
    }

    fn start(input: impl Read + Send + 'static, stream: bool) -> io::Result<Self> {
        let (pipe, writer) = io::pipe()?;
        let (failed, failure) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("feed".to_owned())
            .spawn(move || {
                if let Err(error) = fill(input, &writer) {
                    // Before the pipe is closed, so that whoever sees its end can see why. Nobody may be
                    // left to listen.
                    let _ = failed.send(error);
                }
                drop(writer);
            })?;
        Ok(Self {
            pipe: Some(pipe),
            failure,
            stream,
        })
    }

    /// The path by which the other end can be opened, once.
    pub(super) fn path(&self) -> String {
        self.pipe
            .as_ref()
            .map_or_else(String::new, |pipe| format!("/dev/fd/{}", pipe.as_raw_fd()))
    }

    /// To be called when the path was opened or refused: from now on the pipe ends with its reader.
    pub(super) fn opened(&mut self) {
        self.pipe = None;
    }

    /// Whether the bytes come through a pipe, as they are made.
    pub(super) fn is_stream(&self) -> bool {
        self.stream
    }

    /// What went wrong before the end that libpcap saw.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failure.try_recv().ok()
    }
}

/// Copies the input, decompressed where it is compressed, until it ends or nobody reads.
fn fill(mut input: impl Read, mut pipe: &PipeWriter) -> io::Result<()> {
    let (magic, len) = read_magic(&mut input)?;
    let head = magic.get(..len).unwrap_or_default();
    let mut whole = head.chain(input);
    let copied = if head == GZIP_MAGIC {
        copy(
            &mut MultiGzDecoder::new(io::BufReader::with_capacity(CHUNK_BYTES, whole)),
            &mut pipe,
        )
    } else {
        copy(&mut whole, &mut pipe)
    };
    match copied {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        copied => copied,
    }
}

/// Copies as it comes: `io::copy` may wait for a full buffer.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => to.write_all(buffer.get(..len).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The first two bytes, or as many as there are.
fn read_magic(input: &mut impl Read) -> io::Result<([u8; 2], usize)> {
    let mut head = Vec::with_capacity(2);
    input.take(2).read_to_end(&mut head)?;
    let mut magic = [0; 2];
    for (slot, byte) in magic.iter_mut().zip(&head) {
        *slot = *byte;
    }
    Ok((magic, head.len()))
}

/// Reads until the input ends or nobody wants more.
fn pump(mut input: impl Read, chunks: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = match input.read(&mut chunk) {
            Ok(0) => return,
            Ok(len) => {
                chunk.truncate(len);
                Ok(chunk)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if chunks.send(read).is_err() || failed {
            return;
        }
    }
}

/// Reads what [`pump`] sends, and ends when a signal comes.
struct Patient {
    waiting: Receiver<io::Result<Vec<u8>>>,
    stop: Stop,
    chunk: Vec<u8>,
    at: usize,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() {
            match self.waiting.recv_timeout(PATIENCE) {
                Ok(chunk) => (self.chunk, self.at) = (chunk?, 0),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) if self.stop.wanted() => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let len = self.chunk.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += len;
        Ok(len)
    }
}
