//! The file of `-w`: datagrams as a capture that any reader of exports, old or new, can read.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnsflow_wire::datagram::DEFAULT_PORT;

use super::ExportError;

/// Bytes that are gathered before they are written.
const GATHER_BYTES: usize = 64 << 10;

/// Most that a pipe takes in one piece (pipe(7)).
const PIPE_BYTES: usize = 4096;

const LINK_TYPE_NULL: u32 = 0;
const SNAP_LENGTH: u32 = 65_535;

/// Writes the header of the file.
///
/// # Errors
/// What the system says.
pub fn write_header(out: &mut impl Write) -> io::Result<()> {
    let fields: [&[u8]; 6] = [
        &0xa1b2_c3d4_u32.to_le_bytes(),
        &[2, 0, 4, 0],
        &[0; 4],
        &[0; 4],
        &SNAP_LENGTH.to_le_bytes(),
        &LINK_TYPE_NULL.to_le_bytes(),
    ];
    out.write_all(&fields.concat())
}

/// One stream's way into the file. Streams share the file by duplicates of one descriptor, so that they share
/// its offset too, and write whole records with one call each.
#[derive(Debug)]
pub struct PcapFile {
    file: File,
    path: String,
    /// The stream's number, as its UDP source port.
    stream: u16,
    gathered: Vec<u8>,
    gather_bytes: usize,
    failure: Option<io::Error>,
}

impl PcapFile {
    /// The way of stream number `stream` into `file`, whose header was written.
    #[must_use]
    pub fn new(file: File, path: String, stream: u16) -> Self {
        // Writers share a pipe without a lock, and only pieces of this size stay whole in it.
        let pipe = file
            .metadata()
            .is_ok_and(|found| found.file_type().is_fifo());
        let gather_bytes = if pipe { PIPE_BYTES } else { GATHER_BYTES };
        PcapFile {
            file,
            path,
            stream,
            gathered: Vec::with_capacity(GATHER_BYTES),
            gather_bytes,
            failure: None,
        }
    }

    /// Appends datagrams, stamped with the present time.
    pub(super) fn push<'a>(&mut self, datagrams: impl Iterator<Item = &'a [u8]>) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        for datagram in datagrams {
            let bytes = HEADERS_BYTES + datagram.len();
            if self.gathered.len() + bytes > self.gather_bytes {
                self.write_gathered();
            }
            let headers = headers(now, self.stream, datagram.len());
            self.gathered.extend_from_slice(&headers);
            self.gathered.extend_from_slice(datagram);
        }
    }

    /// Writes what was gathered.
    pub(super) fn write(&mut self) -> Result<(), ExportError> {
        self.write_gathered();
        match self.failure.take() {
            None => Ok(()),
            Some(source) => Err(ExportError::File {
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn write_gathered(&mut self) {
        if !self.gathered.is_empty() && self.failure.is_none() {
            self.failure = self.file.write_all(&self.gathered).err();
        }
        self.gathered.clear();
    }
}

/// Bytes before a datagram.
const HEADERS_BYTES: usize = 16 + 4 + 20 + 8;

/// What stands before a datagram in the file:
///
/// ```text
/// seconds 4 | microseconds 4 | length 4 | length 4 | family 4 | IPv4 20 | UDP 8
/// ```
fn headers(now: Duration, stream: u16, datagram_bytes: usize) -> [u8; HEADERS_BYTES] {
    let mut out = [0; HEADERS_BYTES];
    let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
    // Datagrams are bounded by the MTU, which is a u16.
    let length = |headers: usize| u16::try_from(headers + datagram_bytes).unwrap_or(u16::MAX);
    let record = u32::from(length(4 + 20 + 8)).to_le_bytes();
    out[..4].copy_from_slice(&seconds.to_le_bytes());
    out[4..8].copy_from_slice(&now.subsec_micros().to_le_bytes());
    out[8..12].copy_from_slice(&record);
    out[12..16].copy_from_slice(&record);
    out[16..20].copy_from_slice(&2_u32.to_le_bytes());
    // Version and header words, service.
    out[20..22].copy_from_slice(&[0x45, 0]);
    out[22..24].copy_from_slice(&length(20 + 8).to_be_bytes());
    // Identification; don't fragment; time to live, UDP; no checksum; from and to loopback.
    out[24..32].copy_from_slice(&[0, 0, 0x40, 0, 64, 17, 0, 0]);
    out[32..40].copy_from_slice(&[127, 0, 0, 1, 127, 0, 0, 1]);
    out[40..42].copy_from_slice(&stream.to_be_bytes());
    out[42..44].copy_from_slice(&DEFAULT_PORT.to_be_bytes());
    out[44..46].copy_from_slice(&length(8).to_be_bytes());
    out
}
