//! Input that can be read only once, such as a pipe: one thread reads it and passes it on to every shard.
//!
//! It stands between the input and the shards even where there is only one of them: a shard that waits on a
//! pipe could not be stopped, but one that waits on a socket of our own can.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// Bytes that are passed on at a time, as many as a pipe holds.
const PASS_ON_BYTES: usize = 64 << 10;

/// A way to end the input early.
#[derive(Debug)]
pub struct Stop(Vec<UnixStream>);

impl Stop {
    /// Readers find the end of the input after what has been passed on to them.
    pub fn stop(&self) {
        for stream in &self.0 {
            // It fails only where the shard has gone already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// All of the input, from the first byte on.
#[derive(Debug)]
pub struct Relayed {
    stream: UnixStream,
    failure: Arc<OnceLock<io::Error>>,
}

/// `count` readers, each of which gets all that `path` gives once, `-` being standard input. The slowest
/// reader sets the pace. A read for which nothing comes in the time of a `pause` ends with `WouldBlock`, so that
/// what is there already need not wait.
///
/// # Errors
/// What the system says. What it says when the input is opened and read comes to the readers.
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
                // Set before the writers are dropped, so that readers find it at their end.
                let _ = failure.set(error);
            }
        })?;
    Ok((readers, Stop(stops)))
}

/// Opened here because a FIFO without a writer waits.
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
            // A reader that has gone, because it found damage or was stopped, needs no more.
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
