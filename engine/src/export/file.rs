//! The file of `-w`: datagrams as a capture that any reader of exports, old or new, can read.

use std::fs::File;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

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
        let regular = file.metadata().is_ok_and(|found| found.is_file());
        let gather_bytes = if regular { GATHER_BYTES } else { PIPE_BYTES };
        PcapFile {
            file,
            path,
            stream,
            gathered: Vec::with_capacity(GATHER_BYTES),
            gather_bytes,
            failure: None,
        }
    }

    /// Appends a datagram, stamped with the present time.
    ///
    /// ```text
    /// seconds 4 | microseconds 4 | length 4 | length 4 | family 4 | IPv4 20 | UDP 8 | datagram ..
    /// ```
    pub(super) fn push(&mut self, datagram: &[u8]) {
        const HEADERS_BYTES: usize = 4 + 20 + 8;
        let length = HEADERS_BYTES + datagram.len();
        if self.gathered.len() + 16 + length > self.gather_bytes {
            self.write_gathered();
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        // Datagrams are bounded by the MTU, which is a u16.
        let record = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let ip_bytes = u16::try_from(length - 4).unwrap_or(u16::MAX).to_be_bytes();
        let udp_bytes = u16::try_from(length - 24).unwrap_or(u16::MAX).to_be_bytes();
        let source_port = self.stream.to_be_bytes();
        let port = DEFAULT_PORT.to_be_bytes();
        let out = &mut self.gathered;
        out.extend_from_slice(&seconds.to_le_bytes());
        out.extend_from_slice(&now.subsec_micros().to_le_bytes());
        out.extend_from_slice(&record);
        out.extend_from_slice(&record);
        out.extend_from_slice(&2_u32.to_le_bytes());
        // Version and header words, service; total length; identification; don't fragment; TTL, UDP; no checksum.
        out.extend_from_slice(&[
            0x45,
            0,
            ip_bytes[0],
            ip_bytes[1],
            0,
            0,
            0x40,
            0,
            64,
            17,
            0,
            0,
        ]);
        out.extend_from_slice(&[127, 0, 0, 1, 127, 0, 0, 1]);
        out.extend_from_slice(&[source_port[0], source_port[1], port[0], port[1]]);
        out.extend_from_slice(&[udp_bytes[0], udp_bytes[1], 0, 0]);
        out.extend_from_slice(datagram);
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
