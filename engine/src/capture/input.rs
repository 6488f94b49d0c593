//! Opening what `-r` names, and unpacking what is compressed.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::zstd;

/// Bytes that tell a compressed file from a capture.
const MAGIC_BYTES: usize = 4;

/// What packets are read from.
pub type Source = Box<dyn Read + Send>;

/// A source that was looked into.
type Rewound = Chain<Cursor<Vec<u8>>, Source>;

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
/// # Errors
/// What the system says.
pub fn unpacked(mut source: Source) -> io::Result<Box<dyn Read>> {
    let mut head = Vec::with_capacity(MAGIC_BYTES);
    source.by_ref().take(4).read_to_end(&mut head)?;
    let magic = head.clone();
    let rewound: Rewound = Cursor::new(head).chain(source);
    match magic.as_slice() {
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(rewound))),
        head if zstd::starts_with(head) => Ok(Box::new(zstd::Frames::new(rewound))),
        _ => Ok(Box::new(rewound)),
    }
}
