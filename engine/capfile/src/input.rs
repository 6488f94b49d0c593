//! Opening the input of a program and decompressing it.

use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::probe::{HEAD_BYTES, Kind, MAGIC_BYTES, probe};
use crate::{FileError, Records, read_at, split, zstd};

/// Bytes of a capture, compressed or not.
pub type Source = Box<dyn Read + Send>;

/// Opens a file to be read once, from front to back.
///
/// # Errors
/// Those of open(2); `IsADirectory` for a directory.
pub fn open(path: &Path) -> io::Result<Source> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Box::new(file))
}

/// Decompresses gzip (RFC 1952) and zstd (RFC 8878) streams; passes other bytes through.
///
/// A source may return `WouldBlock` when nothing has come for a while. It reaches the reader of the
/// result if the source is not compressed, and is retried if it is.
///
/// # Errors
/// Those of reading the first bytes.
pub fn unpacked(source: Source) -> io::Result<Box<dyn Read>> {
    let mut source = Patient(source);
    let mut magic = Vec::with_capacity(MAGIC_BYTES);
    let magic_bytes = u64::try_from(MAGIC_BYTES).unwrap_or(0);
    source.by_ref().take(magic_bytes).read_to_end(&mut magic)?;
    let kind = probe(&magic);
    let head = Cursor::new(magic);
    Ok(match kind {
        Kind::Gzip => Box::new(MultiGzDecoder::new(head.chain(source))),
        Kind::Zstd => Box::new(zstd::Frames::new(head.chain(source))),
        _ => Box::new(head.chain(source.0)),
    })
}

/// Retries reads that return `WouldBlock`.
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

/// A regular file, which several readers can each read from the start, opened and probed once.
#[derive(Debug)]
pub struct RegularFile {
    file: File,
    kind: Kind,
    bytes: u64,
}

impl RegularFile {
    /// Opens a file and probes its head; `None` if `path` is no regular file, as a pipe or `-`, and
    /// can be read only once, or if nothing is there.
    ///
    /// # Errors
    /// Those of open(2) and of reading the head.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let is_file = path.metadata().is_ok_and(|found| found.is_file());
        if path.as_os_str() == "-" || !is_file {
            return Ok(None);
        }
        let file = File::open(path)?;
        let mut head = [0; HEAD_BYTES];
        let read = read_at(&file, &mut head, 0)?;
        Ok(Some(Self {
            kind: probe(&head[..read]),
            bytes: file.metadata()?.len(),
            file,
        }))
    }

    /// What fstat(2) says of it.
    ///
    /// # Errors
    /// Those of fstat(2).
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// What the file is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Size of the capture, which the offsets of [`Records`] run up to; `None` if the file is
    /// compressed, so that the size is not known before its end.
    #[must_use]
    pub fn capture_bytes(&self) -> Option<u64> {
        (!self.kind.is_compressed()).then_some(self.bytes)
    }

    /// The packets of the file, from the first on, decompressed where it is compressed.
    ///
    /// # Errors
    /// Those of [`Records::open`].
    pub fn records(&self) -> Result<Records<Box<dyn Read>>, FileError> {
        let from_start = |file: File| Positioned { file, offset: 0 };
        let source = self.file.try_clone().map(from_start);
        let source = source.and_then(|source| unpacked(Box::new(source)));
        Records::open(source.map_err(|source| FileError::Read { offset: 0, source })?)
    }

    /// Divides the file into `count` parts, for [`Records::part`]; `None` unless it is a classic
    /// capture, uncompressed and large enough.
    #[must_use]
    pub fn split(&self, count: usize) -> Option<Vec<Range<u64>>> {
        match self.kind {
            Kind::Pcap(header) => split::split(&header, self.bytes, count),
            _ => None,
        }
    }
}

/// Reads a file at an offset of its own, so that readers of one descriptor don't move each other.
struct Positioned {
    file: File,
    offset: u64,
}

impl Read for Positioned {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(out, self.offset)?;
        self.offset += u64::try_from(read).unwrap_or(0);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::{env, fs, process};

    use dnsflow_packet::{Frame, LinkType, Timestamp};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;
    use crate::pcap::Writer;

    /// A file that goes with the value.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str, bytes: &[u8]) -> Self {
            let path = env::temp_dir().join(format!("dnsflow-capfile-{}-{name}", process::id()));
            fs::write(&path, bytes).expect("a file");
            Self(path)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            // It only leaves a file behind.
            let _ = fs::remove_file(&self.0);
        }
    }

    fn capture(packets: u8) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), LinkType::Ethernet).expect("a vector");
        for number in 0..packets {
            let frame = Frame {
                bytes: &[number; 60],
                wire_bytes: 60,
                at: Timestamp::default(),
                link: LinkType::Ethernet,
                vlan: None,
            };
            writer.write(&frame).expect("a vector");
        }
        writer.into_inner()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("a vector");
        encoder.finish().expect("a vector")
    }

    /// What a file is called says nothing of what it is.
    #[test]
    fn compression_is_told_by_the_content() {
        let plain = capture(3);
        let files = [
            ("plain.pcap.gz", plain.clone(), Some(plain.len())),
            ("gzip.pcap", gzip(&plain), None),
            (
                "zstd.pcap",
                compress_to_vec(&plain[..], CompressionLevel::Fastest),
                None,
            ),
        ];
        for (name, bytes, capture_bytes) in files {
            let path = Temporary::new(name, &bytes);
            let found = RegularFile::open(&path.0)
                .expect("it is there")
                .expect("a file");
            let want = capture_bytes.and_then(|bytes| u64::try_from(bytes).ok());
            assert_eq!(found.capture_bytes(), want, "{name}");
            // Twice: readers don't move each other.
            let (mut first, mut second) = (
                found.records().expect("a capture"),
                found.records().expect("a capture"),
            );
            for number in 0..3 {
                for records in [&mut first, &mut second] {
                    let frame = records.next_frame().expect("whole").expect("a packet");
                    assert_eq!(frame.bytes, [number; 60], "{name}");
                }
            }
            assert!(first.next_frame().expect("whole").is_none());
        }
    }

    #[test]
    fn what_can_be_read_only_once_is_no_regular_file() {
        for path in ["-", "/dev/null", "/", "/nowhere/at/all"] {
            let found = RegularFile::open(Path::new(path)).expect("no error");
            assert!(found.is_none(), "{path}");
        }
    }

    #[test]
    fn an_empty_file_is_told() {
        let path = Temporary::new("empty.pcap", b"");
        let found = RegularFile::open(&path.0)
            .expect("it is there")
            .expect("a file");
        assert_eq!(found.kind(), Kind::Empty);
        assert!(matches!(found.records(), Err(FileError::Empty)));
        assert!(found.split(2).is_none());
    }
}
