//! The file of `-w`: a pcap file of the exported datagrams, each with an IPv4 and a UDP header, as
//! readers of captured exports expect.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dnsflow_capfile::ByteOrder;
use dnsflow_capfile::pcap::{Encoding, RECORD_HEADER_BYTES, Resolution, SNAP_LENGTH};
use dnsflow_packet::Timestamp;
use dnsflow_wire::v4::DEFAULT_PORT;

use super::local::LocalOutput;

/// Most datagrams of one write.
const WRITE_DATAGRAMS: usize = 32;

/// LINKTYPE_NULL: packets start with the address family.
const LINK_TYPE: u32 = 0;

/// Byte order and resolution of the file.
const ENCODING: Encoding = Encoding {
    order: ByteOrder::Little,
    resolution: Resolution::Microseconds,
};

/// The header of the file.
#[must_use]
pub fn header() -> Vec<u8> {
    ENCODING.file_header(LINK_TYPE, SNAP_LENGTH).to_vec()
}

/// The writer of one stream. Streams share the file. Each write has whole records only.
#[derive(Debug)]
pub struct PcapFile {
    output: Arc<LocalOutput>,
    /// Number of the stream, written as the UDP source port.
    stream: u16,
}

impl PcapFile {
    /// The writer of stream number `stream` to `output`, whose header is [`header`].
    #[must_use]
    pub fn new(output: Arc<LocalOutput>, stream: u16) -> Self {
        Self { output, stream }
    }

    /// Where it is written.
    pub(super) fn output(&self) -> &LocalOutput {
        &self.output
    }

    /// Writes datagrams with the present time, to a regular file without copying them.
    pub(super) fn write<'a>(&self, mut datagrams: impl Iterator<Item = &'a [u8]>) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        loop {
            let mut records = [([0; HEADERS_BYTES], [].as_slice()); WRITE_DATAGRAMS];
            let mut count = 0;
            for (record, datagram) in records.iter_mut().zip(&mut datagrams) {
                *record = (headers(now, self.stream, datagram.len()), datagram);
                count += 1;
            }
            if count == 0 {
                return;
            }
            let mut slices = [IoSlice::new(&[]); 2 * WRITE_DATAGRAMS];
            for (pair, (headers, datagram)) in slices.as_chunks_mut().0.iter_mut().zip(&records) {
                *pair = [IoSlice::new(headers), IoSlice::new(datagram)];
            }
            let sizes = records[..count].iter();
            let sizes = sizes.map(|(headers, datagram)| headers.len() + datagram.len());
            let slices = &mut slices[..2 * count];
            self.output
                .write(slices, u64::try_from(count).unwrap_or(0), sizes);
        }
    }
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
