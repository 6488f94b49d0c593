//! Opening what `-r` names: a file, a pipe or standard input, compressed or not.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read, Write};
use std::path::Path;
use std::thread;

use flate2::read::MultiGzDecoder;

/// Bytes that tell a compressed file from a capture.
const MAGIC_BYTES: usize = 4;

/// Bytes that are passed on at a time, as many as a pipe holds.
const PASS_ON_BYTES: usize = 64 << 10;

/// A readable stream that was looked into.
type Rewound = Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>;

/// Opens `path`, `-` being standard input.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
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

/// `count` readers, each of which gets all that `path` gives once: a thread reads it and passes it on. The
/// slowest reader sets the pace.
///
/// # Errors
/// What the system says.
pub fn duplicated(path: &Path, count: usize) -> io::Result<Vec<Box<dyn Read + Send>>> {
    let mut source = open(path)?;
    let (readers, mut writers): (Vec<_>, Vec<_>) = (0..count)
        .map(|_| io::pipe())
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let pass_on = move || {
        let mut buffer = vec![0; PASS_ON_BYTES];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return,
                // A reader that has gone, because it found damage or was stopped, needs no more.
                Ok(read) => writers.retain_mut(|out| out.write_all(&buffer[..read]).is_ok()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return eprintln!("dnsflow: can't read on: {error}"),
            }
        }
    };
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(pass_on)?;
    Ok(readers
        .into_iter()
        .map(|reader| Box::new(reader) as Box<dyn Read + Send>)
        .collect())
}

/// Unpacks gzip (RFC 1952) and zstd (RFC 8878) streams; others are given as they are.
///
/// # Errors
/// What the system says, or that the head of the compressed stream is damaged.
pub fn unpacked(mut source: Box<dyn Read + Send>) -> io::Result<Box<dyn Read>> {
    let mut head = Vec::with_capacity(MAGIC_BYTES);
    source.by_ref().take(4).read_to_end(&mut head)?;
    let magic = head.clone();
    let rewound: Rewound = Cursor::new(head).chain(source);
    match magic.as_slice() {
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(rewound))),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            let decoder =
                ruzstd::decoding::StreamingDecoder::new(rewound).map_err(io::Error::other)?;
            Ok(Box::new(decoder))
        }
        _ => Ok(Box::new(rewound)),
    }
}
