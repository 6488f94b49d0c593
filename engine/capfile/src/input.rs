//! Opening what `-r` names, and unpacking what is compressed.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::zstd;

/// Bytes that tell a compressed file from a capture.
const MAGIC_BYTES: usize = 4;

/// What packets are read from.
pub type Source = Box<dyn Read + Send>;

/// Opens a file.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path) -> io::Result<Source> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    Ok(Box::new(file))
}

/// Whether several readers can each open `path` and find all of it there.
#[must_use]
pub fn is_repeatable(path: &Path) -> bool {
    path.as_os_str() != "-" && path.metadata().is_ok_and(|found| found.is_file())
}

/// Unpacks gzip (RFC 1952) and zstd (RFC 8878) streams; others are given as they are.
///
/// A source that says `WouldBlock` when nothing has come for a while says so to the reader, but not where it
/// is compressed.
///
/// # Errors
/// What the system says.
pub fn unpacked(source: Source) -> io::Result<Box<dyn Read>> {
    let mut source = Patient(source);
    let mut magic = Vec::with_capacity(MAGIC_BYTES);
    source.by_ref().take(4).read_to_end(&mut magic)?;
    let head = Cursor::new(magic.clone());
    match magic.as_slice() {
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(head.chain(source)))),
        start if zstd::starts_with(start) => Ok(Box::new(zstd::Frames::new(head.chain(source)))),
        _ => Ok(Box::new(head.chain(source.0))),
    }
}

/// Waits on where the source says that nothing has come for a while.
struct Patient(Source);

impl Read for Patient {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(out) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }
}
