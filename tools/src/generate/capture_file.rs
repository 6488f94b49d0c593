//! Packets as a classic pcap file.

use std::io::{self, Write};

use super::counts::Counts;
use super::traffic::{Kind, Traffic};

/// When the first packet of every file was "captured", in seconds of Unix time.
const START_SECONDS: u64 = 1_700_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Packets between two looks at the progress.
const PROGRESS_PACKETS: u64 = 1 << 16;

/// How much to write, and at which made-up rate.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Packets.
    pub count: u64,
    /// Packets a second, by their time stamps.
    pub rate: u64,
}

/// Writes the next `extent.count` packets of `traffic` to `capture`, and what is expected of them
/// to `expected`. `progress` is told now and then how many have been written.
///
/// # Errors
/// Whatever writing to the two gives.
pub fn write(
    traffic: &mut Traffic,
    extent: Extent,
    capture: &mut dyn Write,
    mut expected: Option<&mut dyn Write>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Counts> {
    capture.write_all(&file_header())?;
    let mut counts = Counts::default();
    let mut record = Vec::new();
    let mut frame = Vec::new();
    let mut line = String::new();
    for index in 0..extent.count {
        let kind = traffic.next_frame(&mut frame);
        record.clear();
        record.extend_from_slice(&record_header(index, extent.rate, frame.len()));
        record.extend_from_slice(&frame);
        capture.write_all(&record)?;
        counts.add(kind, frame.len(), 1);
        if let (Some(expected), Kind::Response) = (&mut expected, kind) {
            line.clear();
            traffic.write_expected(&mut line);
            expected.write_all(line.as_bytes())?;
        }
        if index % PROGRESS_PACKETS == 0 {
            progress(index);
        }
    }
    capture.flush()?;
    if let Some(expected) = expected {
        expected.flush()?;
    }
    Ok(counts)
}

/// Draft-ietf-opsawg-pcap, section 4: magic for microseconds, version 2.4, two unused words, snap
/// length, link type 1 (Ethernet).
fn file_header() -> [u8; 24] {
    let mut header = [0; 24];
    let words = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1_u32];
    for (place, word) in header.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    header
}

/// Section 5: seconds, microseconds, captured and original length.
fn record_header(index: u64, rate: u64, bytes: usize) -> [u8; 16] {
    let rate = rate.max(1);
    let nanos = u128::from(index) * u128::from(NANOS_PER_SECOND) / u128::from(rate);
    let second = u64::try_from(nanos / u128::from(NANOS_PER_SECOND)).unwrap_or(u64::MAX);
    let microsecond = (nanos % u128::from(NANOS_PER_SECOND)) / 1000;
    let words = [
        u32::try_from(START_SECONDS.saturating_add(second)).unwrap_or(u32::MAX),
        u32::try_from(microsecond).unwrap_or(0),
        u32::try_from(bytes).unwrap_or(u32::MAX),
        u32::try_from(bytes).unwrap_or(u32::MAX),
    ];
    let mut header = [0; 16];
    for (place, word) in header.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_advance_at_the_rate() {
        let header = record_header(150_001, 100_000, 77);
        assert_eq!(header[..4], 1_700_000_001_u32.to_le_bytes());
        assert_eq!(header[4..8], 500_010_u32.to_le_bytes());
        assert_eq!(header[8..12], header[12..16]);
        assert_eq!(header[8], 77);
    }
}
