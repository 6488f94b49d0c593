//! The file of `-w`: a pcap file of the exported datagrams, each with an IPv4 and a UDP header, as
//! readers of captured exports expect.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnsflow_capfile::ByteOrder;
use dnsflow_capfile::pcap::{Encoding, RECORD_HEADER_BYTES, Resolution, SNAP_LENGTH};
use dnsflow_packet::Timestamp;
use dnsflow_wire::v4::DEFAULT_PORT;

use super::error::ExportError;

/// Most datagrams of one write.
const WRITE_DATAGRAMS: usize = 32;

/// Most bytes that are written to a pipe atomically: PIPE_BUF (pipe(7)).
const ATOMIC_PIPE_BYTES: usize = 4096;

/// LINKTYPE_NULL: packets start with the address family.
const LINK_TYPE: u32 = 0;

/// Byte order and resolution of the file.
const ENCODING: Encoding = Encoding {
    order: ByteOrder::Little,
    resolution: Resolution::Microseconds,
};

/// Writes the header of the file.
///
/// # Errors
/// Those of write(2).
pub fn write_header(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&ENCODING.file_header(LINK_TYPE, SNAP_LENGTH))
}

/// The writer of one stream. Streams share the file through duplicates of one descriptor, and so
/// share its offset. Each write has whole records only.
#[derive(Debug)]
pub struct PcapFile {
    file: File,
    path: String,
    /// Number of the stream, written as the UDP source port.
    stream: u16,
    /// Most bytes of one write, unless a single record is larger.
    write_bytes: usize,
}

impl PcapFile {
    /// The writer of stream number `stream` to `file`, to which [`write_header`] was applied.
    /// `path` is used in errors.
    #[must_use]
    pub fn new(file: File, path: String, stream: u16) -> Self {
        // Shards share a pipe without a lock: only atomic writes keep records whole.
        let pipe = file
            .metadata()
            .is_ok_and(|found| found.file_type().is_fifo());
        Self {
            file,
            path,
            stream,
            write_bytes: if pipe { ATOMIC_PIPE_BYTES } else { usize::MAX },
        }
    }

    /// Writes datagrams with the present time, without copying them.
    pub(super) fn write<'a>(
        &mut self,
        datagrams: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), ExportError> {
        self.write_records(datagrams)
            .map_err(|source| ExportError::File {
                path: self.path.clone(),
                source,
            })
    }

    fn write_records<'a>(
        &mut self,
        mut datagrams: impl Iterator<Item = &'a [u8]>,
    ) -> io::Result<()> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut next = datagrams.next();
        while next.is_some() {
            let mut records = [([0; HEADERS_BYTES], [].as_slice()); WRITE_DATAGRAMS];
            let (mut count, mut bytes) = (0, 0);
            while let (Some(datagram), Some(record)) = (next, records.get_mut(count)) {
                bytes += HEADERS_BYTES + datagram.len();
                if count > 0 && bytes > self.write_bytes {
                    break;
                }
                *record = (headers(now, self.stream, datagram.len()), datagram);
                count += 1;
                next = datagrams.next();
            }
            let mut slices = [IoSlice::new(&[]); 2 * WRITE_DATAGRAMS];
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

/// Bytes of the headers before a datagram.
const HEADERS_BYTES: usize = RECORD_HEADER_BYTES + 4 + 20 + 8;

/// The headers before a datagram in the file:
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
    // Version and header length, type of service.
    out[20..22].copy_from_slice(&[0x45, 0]);
    out[22..24].copy_from_slice(&length(20 + 8).to_be_bytes());
    // Identification; don't fragment; time to live, UDP; no checksum; source and destination:
    // loopback.
    out[24..32].copy_from_slice(&[0, 0, 0x40, 0, 64, 17, 0, 0]);
    out[32..40].copy_from_slice(&[127, 0, 0, 1, 127, 0, 0, 1]);
    out[40..42].copy_from_slice(&stream.to_be_bytes());
    out[42..44].copy_from_slice(&DEFAULT_PORT.to_be_bytes());
    out[44..46].copy_from_slice(&length(8).to_be_bytes());
    out
}
