//! Capture files, whole and in pieces, compressed and divided.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::PathBuf;

use dnsflow_capfile::input::{self, RegularFile};
use dnsflow_capfile::{FileError, Kind, Records, probe};
use dnsflow_packet::{Frame, LinkType, Timestamp};
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Most bytes that are read of a file after decompression.
const MAX_BYTES: u64 = 8 << 20;

/// Bytes of a file that can be divided in two.
const DIVIDED_BYTES: usize = 9 << 20;

/// Reads a file in one piece and in many, as it stands and behind each compression: each time the
/// same packets come, then the same end.
///
/// # Panics
/// If not.
pub fn check(bytes: &[u8]) {
    let whole = read(Records::open(bytes));
    let small = Chunks {
        left: bytes,
        size: 1 + bytes.len() % 7,
    };
    assert_eq!(read(Records::open(small)), whole, "in chunks");
    assert_eq!(ready(bytes), whole, "from memory");
    if !probe(bytes).is_compressed() {
        assert_eq!(
            read_unpacked(bytes.to_vec()),
            whole,
            "through the unpacking"
        );
        // The encoders take longer than all else.
        match bytes.last() {
            Some(last) if last % 8 == 0 => {
                assert_eq!(read_unpacked(gzip(bytes)), whole, "gzip");
                let zstd = compress_to_vec(bytes, CompressionLevel::Fastest);
                assert_eq!(read_unpacked(zstd), whole, "zstd");
            }
            Some(last) if last % 64 == 1 => check_divided(bytes),
            _ => {}
        }
        return;
    }
    // A stream that is cut, damaged or a bomb: some packets come, then an end.
    let unpacked = input::unpacked(Box::new(io::Cursor::new(bytes.to_vec())));
    if let Ok(source) = unpacked {
        read(Records::open(source.take(MAX_BYTES)));
    }
}

/// One packet: bytes, length on the wire, time, link type.
type Packet = (Vec<u8>, u32, Timestamp, LinkType);

/// All packets, then how it ended.
#[derive(Debug, Default, PartialEq)]
struct Found {
    packets: Vec<Packet>,
    end: String,
}

impl Found {
    fn add(&mut self, frame: &Frame<'_>) {
        let bytes = frame.bytes.to_vec();
        self.packets
            .push((bytes, frame.wire_bytes, frame.at, frame.link));
    }

    fn ended(mut self, by: Option<&FileError>) -> Self {
        self.end = by.map_or_else(String::new, ToString::to_string);
        self
    }
}

fn read<R: Read>(records: Result<Records<R>, FileError>) -> Found {
    let mut found = Found::default();
    let mut records = match records {
        Ok(records) => records,
        Err(error) => return found.ended(Some(&error)),
    };
    let mut before = 0;
    loop {
        match records.next_frame() {
            Ok(Some(frame)) => found.add(&frame),
            Ok(None) => return found.ended(None),
            Err(error) => return found.ended(Some(&error)),
        }
        assert!(
            records.offset() > before,
            "each record is behind the last one"
        );
        before = records.offset();
    }
}

/// The same, by way of the packets that need no read.
fn ready(bytes: &[u8]) -> Found {
    let mut found = Found::default();
    let mut records = match Records::open(bytes) {
        Ok(records) => records,
        Err(error) => return found.ended(Some(&error)),
    };
    loop {
        for frame in records.ready() {
            found.add(&frame);
        }
        match records.next_frame() {
            Ok(Some(frame)) => found.add(&frame),
            Ok(None) => return found.ended(None),
            Err(error) => return found.ended(Some(&error)),
        }
    }
}

fn read_unpacked(bytes: Vec<u8>) -> Found {
    let source = input::unpacked(Box::new(io::Cursor::new(bytes)));
    read(Records::open(source.expect("memory can be read")))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes);
    written
        .and_then(|()| encoder.finish())
        .expect("memory can be written")
}

/// A source that gives a few bytes at a time.
struct Chunks<'a> {
    left: &'a [u8],
    size: usize,
}

impl Read for Chunks<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(out.len()).min(self.left.len());
        let (read, left) = self.left.split_at(size);
        out[..size].copy_from_slice(read);
        self.left = left;
        Ok(size)
    }
}

/// The records of a classic capture, repeated until it can be divided: the parts have what the whole
/// has.
fn check_divided(bytes: &[u8]) {
    const FILE_HEADER_BYTES: usize = 24;
    if !matches!(probe(bytes), Kind::Pcap(_)) {
        return;
    }
    let (head, records) = bytes.split_at(FILE_HEADER_BYTES);
    let whole = read(Records::open(bytes));
    // Few bytes a record would be many records.
    if records.is_empty() || !whole.end.is_empty() || whole.packets.len() * 200 > records.len() {
        return;
    }
    let times = DIVIDED_BYTES / records.len() + 1;
    let file = OnDisk::new(&[head, &records.repeat(times)].concat());
    let regular = RegularFile::open(&file.0)
        .expect("it is there")
        .expect("a file");
    let Some(parts) = regular.split(2) else {
        return;
    };
    let mut count = 0;
    for part in parts {
        let file = File::open(&file.0).expect("it is there");
        let mut records = Records::part(&file, part, || false).expect("a capture");
        while let Some(frame) = records.next_frame().expect("the whole has no error") {
            let wanted = &whole.packets[count % whole.packets.len()];
            assert_eq!((frame.bytes, frame.at), (&wanted.0[..], wanted.2));
            count += 1;
        }
    }
    assert_eq!(count, whole.packets.len() * times);
}

/// A file that goes with the value.
struct OnDisk(PathBuf);

impl OnDisk {
    fn new(bytes: &[u8]) -> Self {
        let name = format!("dnsflow-fuzz-{}.pcap", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, bytes).expect("a file");
        Self(path)
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        // It only leaves a file behind.
        let _ = fs::remove_file(&self.0);
    }
}
