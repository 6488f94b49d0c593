//! Packets as a pcap file.

use std::io::{self, Write};

use dnsflow_capfile::pcap::Writer;
use dnsflow_packet::{Frame, LinkType, Timestamp};

use crate::counts::Counts;
use crate::traffic::Traffic;
use crate::wanted::Wanted;

/// Time stamp of the first packet of every file, in seconds since 1970-01-01 UTC.
const START_SECONDS: u64 = 1_700_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Packets between two reports of the progress.
const PROGRESS_PACKETS: u64 = 1 << 16;

/// Packets to write, and the rate that their time stamps state.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Packets.
    pub count: u64,
    /// Packets a second of the time stamps.
    pub rate: u64,
}

/// Writes the next `extent.count` packets of `traffic` to `capture`, and what is expected of those that
/// are `wanted` to `expected`. `progress` is called now and then with the number of packets written.
///
/// # Errors
/// Those of writing to either.
pub fn write(
    traffic: &mut Traffic,
    extent: Extent,
    capture: &mut dyn Write,
    wanted: &Wanted,
    mut expected: Option<&mut dyn Write>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Counts> {
    let mut writer = Writer::new(&mut *capture, LinkType::Ethernet)?;
    let mut counts = Counts::default();
    let mut frame = Vec::new();
    let mut line = String::new();
    for index in 0..extent.count {
        let kind = traffic.next_frame(&mut frame);
        writer.write(&Frame {
            bytes: &frame,
            wire_bytes: u32::try_from(frame.len()).unwrap_or(u32::MAX),
            at: stamp(index, extent.rate),
            link: LinkType::Ethernet,
            vlan: None,
        })?;
        let is_expected = traffic.is_expected(wanted);
        counts.add(kind, frame.len(), is_expected, 1);
        if let (Some(expected), true) = (&mut expected, is_expected) {
            line.clear();
            traffic.write_expected(wanted.format, &mut line);
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

/// Time stamp of packet number `index` of a file at `rate` packets a second.
fn stamp(index: u64, rate: u64) -> Timestamp {
    let nanos = u128::from(index) * u128::from(NANOS_PER_SECOND) / u128::from(rate.max(1));
    let second = u64::try_from(nanos / u128::from(NANOS_PER_SECOND)).unwrap_or(u64::MAX);
    Timestamp {
        seconds: START_SECONDS.saturating_add(second),
        nanoseconds: u32::try_from(nanos % u128::from(NANOS_PER_SECOND)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_advance_at_the_rate() {
        let stamp = stamp(150_001, 100_000);
        assert_eq!(stamp.seconds, 1_700_000_001);
        assert_eq!(stamp.nanoseconds, 500_010_000);
    }
}
