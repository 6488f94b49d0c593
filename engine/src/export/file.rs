//! The file of `-w`: datagrams as a capture that any reader of exports, old or new, can read.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnsflow_capfile::ByteOrder;
use dnsflow_capfile::pcap::{Encoding, RECORD_HEADER_BYTES, Resolution, SNAP_LENGTH};
use dnsflow_packet::Timestamp;
use dnsflow_wire::v4::DEFAULT_PORT;

use super::error::ExportError;

/// Datagrams that are written in one piece.
const PIECE_DATAGRAMS: usize = 32;

/// Most that a pipe takes in one piece (pipe(7)).
const PIPE_BYTES: usize = 4096;

/// LINKTYPE_NULL: packets start with the address family.
const LINK_TYPE: u32 = 0;

/// How the file is written.
const ENCODING: Encoding = Encoding {
    order: ByteOrder::Little,
    resolution: Resolution::Microseconds,
};

/// Writes the header of the file.
///
/// # Errors
/// Those of the write.
pub fn write_header(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&ENCODING.file_header(LINK_TYPE, SNAP_LENGTH))
}

/// One stream's way into the file. Streams share the file by duplicates of one descriptor, so that they share
/// its offset too, and write whole records with one call each.
#[derive(Debug)]
pub struct PcapFile {
    file: File,
    path: String,
    /// The stream's number, as its UDP source port.
    stream: u16,
    /// Bytes that are written in one piece, unless a datagram alone is larger.
    piece_bytes: usize,
}

impl PcapFile {
    /// The way of stream number `stream` into `file`, whose header was written.
    #[must_use]
    pub fn new(file: File, path: String, stream: u16) -> Self {
        // Writers share a pipe without a lock, and only pieces of this size stay whole in it.
        let pipe = file
            .metadata()
            .is_ok_and(|found| found.file_type().is_fifo());
        PcapFile {
            file,
            path,
            stream,
            piece_bytes: if pipe { PIPE_BYTES } else { usize::MAX },
        }
    }

    /// Writes datagrams, stamped with the present time, from where they are.
    pub(super) fn write<'a>(
        &mut self,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), ExportError> {
        self.write_pieces(datagrams)
            .map_err(|source| ExportError::File {
                path: self.path.clone(),
                source,
            })
    }

    fn write_pieces<'a>(
        &mut self,
        mut datagrams: impl Iterator<Item = &'a [u8]>,
    ) -> io::Result<()> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut next = datagrams.next();
        while next.is_some() {
            let mut records = [([0; HEADERS_BYTES], [].as_slice()); PIECE_DATAGRAMS];
            let (mut count, mut bytes) = (0, 0);
            while let (Some(datagram), Some(record)) = (next, records.get_mut(count)) {
                bytes += HEADERS_BYTES + datagram.len();
                if count > 0 && bytes > self.piece_bytes {
                    break;
                }
                *record = (headers(now, self.stream, datagram.len()), datagram);
                count += 1;
                next = datagrams.next();
            }
            let mut slices = [IoSlice::new(&[]); 2 * PIECE_DATAGRAMS];
            for (pair, (headers, datagram)) in slices.as_chunks_mut().0.iter_mut().zip(&records) {
                *pair = [IoSlice::new(headers), IoSlice::new(datagram)];
            }
            write_all(&self.file, &mut slices[..2 * count])?;
        }
        Ok(())
    }
}

fn write_all(mut file: &File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Bytes before a datagram.
const HEADERS_BYTES: usize = RECORD_HEADER_BYTES + 4 + 20 + 8;

/// What stands before a datagram in the file:
///
/// ```text
/// record header 16 | family 4 | IPv4 20 | UDP 8
/// ```
fn headers(now: Duration, stream: u16, datagram_bytes: usize) -> [u8; HEADERS_BYTES] {
    let mut out = [0; HEADERS_BYTES];
    // Datagrams are bounded by the MTU, which is a u16.
    let length = |headers: usize| u16::try_from(headers + datagram_bytes).unwrap_or(u16::MAX);
    let at = Timestamp {
        seconds: now.as_secs(),
        nanoseconds: now.subsec_nanos(),
    };
    let record = u32::from(length(4 + 20 + 8));
    out[..RECORD_HEADER_BYTES].copy_from_slice(&ENCODING.record_header(at, record, record));
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
