//! Bytes for libpcap that are not in a plain file: compressed ones, standard input, named pipes.
//!
//! libpcap opens paths. So a thread decompresses where needed and writes to a pipe, which libpcap
//! opens by its name below `/dev/fd`. dnsflow-capfile tells what is compressed, and decompresses
//! it.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;

use dnsflow_capfile::input::{self, RegularFile};

use crate::stop::{PATIENCE, Stop};

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Chunks that may be queued.
const CHUNKS_WAITING: usize = 4;

/// How libpcap gets at the capture.
pub(crate) enum Source {
    /// It opens the path itself.
    Plain,
    /// It opens the path of this feed.
    Fed(Feed),
}

impl Source {
    pub(crate) fn open(path: &Path, stop: &Stop) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Feed::stream(io::stdin(), stop).map(Self::Fed);
        }
        match RegularFile::open(path)? {
            None => Feed::stream(input::open(path)?, stop).map(Self::Fed),
            // The `pcap` crate takes paths in UTF-8 only.
            Some(file) if !file.kind().is_compressed() && path.to_str().is_some() => {
                Ok(Self::Plain)
            }
            Some(_) => Feed::start(input::open(path)?, false).map(Self::Fed),
        }
    }
}

/// A thread that fills a pipe.
pub(crate) struct Feed {
    pipe: Option<PipeReader>,
    failure: Receiver<io::Error>,
    stream: bool,
}

impl Feed {
    /// Feeds from a source whose reads may block for ever; a signal ends it nevertheless.
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
                    // Sent before the pipe is closed, so that its reader finds the reason at the
                    // end. It only fails if the feed is gone.
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

    /// The path by which the pipe can be opened, once.
    pub(crate) fn path(&self) -> String {
        self.pipe
            .as_ref()
            .map_or_else(String::new, |pipe| format!("/dev/fd/{}", pipe.as_raw_fd()))
    }

    /// Call this when the path was opened or refused: from then on the pipe ends with its reader.
    pub(crate) fn opened(&mut self) {
        self.pipe = None;
    }

    /// Whether the bytes come through a pipe, as they are produced.
    pub(crate) fn is_stream(&self) -> bool {
        self.stream
    }

    /// The error that ended the feed early, if one did.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failure.try_recv().ok()
    }
}

/// Copies the input, decompressed where it is compressed, until it ends or the pipe has no reader.
fn fill(input: impl Read + Send + 'static, mut pipe: &PipeWriter) -> io::Result<()> {
    let mut capture = input::unpacked(Box::new(input))?;
    match copy(&mut *capture, &mut pipe) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        copied => copied,
    }
}

/// Copies bytes as they come: `io::copy` may wait for a full buffer.
fn copy(from: &mut dyn Read, to: &mut impl Write) -> io::Result<()> {
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

/// Reads until the input ends or the receiver is gone.
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
