//! Reads flows: as many as are there, and no more than there is room for.
//!
//! A pipe whose writer pauses is not waited for while there is something to write, so that a flow
//! comes out as soon as it went in.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::signals::Stop;

/// Bytes of a record that are looked at; a longer one is passed through.
pub(crate) const RECORD_BYTES: usize = 1 << 20;

/// Bytes that are read before they are named, where the input has as many.
const BATCH_BYTES: usize = 512 * 1024;

/// How long a wait for input may last before it looks whether to stop, in milliseconds.
const PATIENCE_MS: u16 = 200;

/// Flows, read once from front to back.
pub(crate) struct Input {
    file: File,
    path: PathBuf,
    buffer: Box<[u8]>,
    filled: usize,
}

/// Whether there is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    End,
}

impl Input {
    /// A file, or standard input if `path` is `-`.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = if path.as_os_str() == "-" {
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            File::open(path)?
        };
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            buffer: vec![0; RECORD_BYTES].into_boxed_slice(),
            filled: 0,
        })
    }

    /// As it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What fstat(2) says of it.
    pub(crate) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }

    /// Waits for more, and takes what is there. A wanted stop is the end.
    pub(crate) fn fill(&mut self, stop: &Stop) -> io::Result<Progress> {
        while !is_ready(self.file.as_fd(), PATIENCE_MS)? {
            if stop.wanted() {
                return Ok(Progress::End);
            }
        }
        loop {
            if stop.wanted() {
                return Ok(Progress::End);
            }
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match self.file.read(room) {
                Ok(0) => return Ok(Progress::End),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.filled >= BATCH_BYTES || !is_ready(self.file.as_fd(), 0)? {
                return Ok(Progress::More);
            }
        }
    }

    /// What was read and not used yet.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// Whether there is room for more.
    pub(crate) fn is_full(&self) -> bool {
        self.filled == self.buffer.len()
    }

    /// Forgets so many bytes.
    pub(crate) fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.filled);
        self.buffer.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
    }
}

/// Whether a read would not wait, within so many milliseconds.
fn is_ready(file: BorrowedFd<'_>, milliseconds: u16) -> io::Result<bool> {
    let mut wanted = [PollFd::new(file, PollFlags::POLLIN)];
    match poll(&mut wanted, PollTimeout::from(milliseconds)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
