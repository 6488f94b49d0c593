//! Input that can be read only once, such as a pipe: one thread reads it and passes it on to every
//! shard.
//!
//! It is used for a single shard, too: a shard that reads a pipe could not be stopped, and one that
//! reads a socket of this process can.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Bytes that are passed on at a time: as many as a pipe holds.
const PASS_ON_BYTES: usize = 64 << 10;

/// A handle to end the input early.
#[derive(Debug)]
pub struct Stop(Vec<UnixStream>);

impl Stop {
    /// Ends the input of all readers, behind what has been passed on to them.
    pub fn stop(&self) {
        for stream in &self.0 {
            // It fails only if the shard has ended.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A reader of the whole input.
#[derive(Debug)]
pub struct Relayed {
    stream: UnixStream,
    failure: Arc<OnceLock<io::Error>>,
}

/// `count` readers, each of which gets the whole of `path`; `-` is standard input. The slowest
/// reader sets the pace. A read that gets nothing for the time of `pause` returns `WouldBlock`, so
/// that the caller can send what it has.
///
/// # Errors
/// If `path` is a directory, or sockets or the thread can't be had. Errors of opening and reading
/// the input are returned by the readers.
pub fn relay(path: &Path, count: usize, pause: Duration) -> io::Result<(Vec<Relayed>, Stop)> {
    if path.as_os_str() != "-" && path.metadata()?.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let failure = Arc::new(OnceLock::new());
    let (mut readers, mut writers, mut stops) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let (stream, writer) = UnixStream::pair()?;
        stream.set_read_timeout(Some(pause))?;
        stops.push(stream.try_clone()?);
        writers.push(writer);
        readers.push(Relayed {
            stream,
            failure: Arc::clone(&failure),
        });
    }
    let path = path.to_owned();
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || {
            if let Err(error) = pass_on(path, &mut writers) {
                // This comes before the writers are dropped, so that readers find it at the end of
                // the input.
                let _ = failure.set(error);
            }
        })?;
    Ok((readers, Stop(stops)))
}

/// Opens the input, which for a FIFO waits for a writer, and passes it on.
fn pass_on(path: PathBuf, writers: &mut Vec<UnixStream>) -> io::Result<()> {
    let mut source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path)?)
    };
    let mut buffer = vec![0; PASS_ON_BYTES];
    while !writers.is_empty() {
        match source.read(&mut buffer) {
            Ok(0) => break,
            // A reader that found damage or was stopped is closed, and needs no more.
            Ok(read) => writers.retain_mut(|out| out.write_all(&buffer[..read]).is_ok()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Read for Relayed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(out)?;
        match self.failure.get() {
            Some(failure) if read == 0 && !out.is_empty() => Err(match failure.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => failure.kind().into(),
            }),
            _ => Ok(read),
        }
    }
}
