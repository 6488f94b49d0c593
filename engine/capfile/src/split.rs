//! Divides a large capture, so that each of several readers reads a part of its own.
//!
//! Nothing marks the start of a record, and whoever sends packets chooses their bytes: packets can
//! be made so that a chain of false records leads from one through the next, past the true headers,
//! for as long as the sender likes. No look at a part of a file tells such a chain from the true
//! one. So the chain is followed from the first record: a part is the records that *start* within a
//! range of offsets, and its reader comes to them by the headers of all records before
//! ([`Records::part`](crate::Records::part)). Parts hold together what one reader finds in the
//! file, record by record, and where that is damaged, no reader passes the damage.
//!
//! To skip a record costs a fraction of what it costs to decode it ([`SKIP_COST`]). Later parts,
//! before which there is more to skip, are smaller, so that all readers end at about the same time.

use std::ops::Range;

use dnsflow_packet::LinkType;

use crate::pcap::{FILE_HEADER_BYTES, Header};

/// Offset of the first record.
pub(crate) const FIRST_RECORD: u64 = FILE_HEADER_BYTES as u64;

/// Smallest part for which a reader is worth starting, in bytes, on average.
const MIN_PART_BYTES: u64 = 4 << 20;

/// Time to skip a record, in parts of the time to decode it: 1 of 6. It decides how long parts
/// take, not what is in them.
const SKIP_COST: (u64, u64) = (1, 6);

/// Weight of the first part.
const FIRST_WEIGHT: u64 = 1 << 32;

/// Divides a file of `size` bytes among `count` readers: the ranges in which the records of each
/// part start. The last has no end, so that a file that grows is read to its end. `None` if the link
/// type is not supported, or the file is too small.
pub(crate) fn split(header: &Header, size: u64, count: usize) -> Option<Vec<Range<u64>>> {
    let parts = u64::try_from(count).ok()?.max(1);
    let is_supported = !matches!(header.link(), LinkType::Unsupported(_));
    if !is_supported || size / parts < MIN_PART_BYTES {
        return None;
    }
    let (skip, decode) = SKIP_COST;
    // A part ends with the one before if it takes what that takes, without what is skipped of that.
    let weights = std::iter::successors(Some(FIRST_WEIGHT), |weight| {
        Some((weight * (decode - skip) / decode).max(1))
    });
    let weights: Vec<u64> = weights.take(count).collect();
    let total: u128 = weights.iter().copied().map(u128::from).sum();
    let mut before = 0;
    let mut from = FIRST_RECORD;
    let mut ranges = Vec::with_capacity(count);
    for weight in &weights {
        before += u128::from(*weight);
        let to = u64::try_from(u128::from(size) * before / total).unwrap_or(size);
        ranges.push(from..to.max(from));
        from = to.max(from);
    }
    if let Some(last) = ranges.last_mut() {
        last.end = u64::MAX;
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::{env, process};

    use dnsflow_packet::{Frame, LinkType, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::input::RegularFile;
    use crate::pcap::{Encoding, MAX_PACKET_BYTES, RECORD_HEADER_BYTES, SNAP_LENGTH, Writer};
    use crate::{FileError, Records};

    /// Seconds and content of each packet, and the error at the end.
    type Found = (Vec<(u64, Vec<u8>)>, Option<String>);

    fn drain(records: Result<Records<impl std::io::Read>, FileError>, found: &mut Found) {
        let read = || {
            let mut records = records?;
            while let Some(frame) = records.next_frame()? {
                found.0.push((frame.at.seconds, frame.bytes.to_vec()));
                // As a shard does, which reads on where the loop over memory has ended.
                for frame in records.ready() {
                    found.0.push((frame.at.seconds, frame.bytes.to_vec()));
                }
            }
            Ok::<_, FileError>(())
        };
        let failure = read().err().map(|error| error.to_string());
        // Readers of later parts meet the same damage.
        assert!(found.1.is_none() || found.1 == failure, "{failure:?}");
        found.1 = failure;
    }

    fn undivided(file: &RegularFile) -> Found {
        let mut found = Found::default();
        drain(file.records(), &mut found);
        found
    }

    fn divided(file: &File, parts: impl IntoIterator<Item = Range<u64>>) -> Found {
        let mut found = Found::default();
        for part in parts {
            drain(Records::part(file, part, || false), &mut found);
        }
        found
    }

    /// A file of these bytes, which has no name any more.
    fn stored(name: &str, bytes: &[u8]) -> (RegularFile, File) {
        let path = env::temp_dir().join(format!("dnsflow-split-{name}-{}.pcap", process::id()));
        fs::write(&path, bytes).expect("a file");
        let opened = RegularFile::open(&path).expect("it opens");
        let file = File::open(&path).expect("it is there");
        fs::remove_file(&path).expect("it is there");
        (opened.expect("a file"), file)
    }

    /// A record with these fields, whatever they are worth.
    fn record(seconds: u64, captured: usize, wire: usize, content: &[u8]) -> Vec<u8> {
        let at = Timestamp {
            seconds,
            nanoseconds: 0,
        };
        let [captured, wire] = [captured, wire].map(|bytes| u32::try_from(bytes).expect("small"));
        let header = Encoding::default().record_header(at, captured, wire);
        [&header[..], content].concat()
    }

    fn head() -> Vec<u8> {
        Encoding::default().file_header(1, SNAP_LENGTH).to_vec()
    }

    const SECONDS: u64 = 1_700_000_000;
    const FALSE_SECONDS: u64 = SECONDS + 7;
    const PACKETS: u64 = 220;

    /// Packets of 60,000 bytes, each of which holds records that are none. The last of these passes
    /// over the next true header to the next false one. `seconds` are those of the true records.
    fn forged(seconds: impl Fn(u64) -> u64) -> Vec<u8> {
        const PACKET_BYTES: usize = 60_000;
        const FALSE_BYTES: usize = 100;
        const BEFORE: usize = 44;
        let inner = FALSE_BYTES - RECORD_HEADER_BYTES;
        let mut packet = vec![1; BEFORE];
        while packet.len() + 2 * FALSE_BYTES < PACKET_BYTES {
            packet.extend(record(FALSE_SECONDS, inner, inner, &vec![9; inner]));
        }
        let left = PACKET_BYTES - packet.len() - RECORD_HEADER_BYTES;
        let last = left + RECORD_HEADER_BYTES + BEFORE;
        packet.extend(record(FALSE_SECONDS, last, last, &vec![9; left]));
        let mut file = head();
        for number in 0..PACKETS {
            let at = seconds(number);
            file.extend(record(at, PACKET_BYTES, PACKET_BYTES, &packet));
        }
        file
    }

    /// Both where the true records look like any others, and where only the false ones do.
    #[test]
    fn false_records_inside_packets_are_no_records() {
        let years = |number: u64| SECONDS + (number % 2) * (1 << 30);
        for (name, bytes) in [
            ("plausible", forged(|number| SECONDS + number)),
            ("implausible", forged(years)),
        ] {
            let (opened, file) = stored(name, &bytes);
            let whole = undivided(&opened);
            assert_eq!((whole.0.len() as u64, &whole.1), (PACKETS, &None), "{name}");
            for count in 2..=3 {
                let parts = opened.split(count).expect("large enough");
                assert_eq!(parts.len(), count);
                assert!(divided(&file, parts) == whole, "{name}: {count} parts");
            }
        }
    }

    #[test]
    fn small_files_are_not_divided() {
        let (opened, _) = stored("small", &forged(|_| SECONDS));
        assert_eq!(opened.split(100), None);
    }

    #[test]
    fn parts_get_smaller_and_cover_the_file() {
        let header = Header::parse(&Encoding::default().file_header(1, SNAP_LENGTH));
        let header = header.expect("a header");
        for count in 1..200_u64 {
            let size = count * MIN_PART_BYTES;
            let readers = usize::try_from(count).expect("few");
            let parts = split(&header, size, readers).expect("large enough");
            assert_eq!(parts.len(), readers);
            assert_eq!(parts[0].start, FIRST_RECORD);
            assert_eq!(parts[readers - 1].end, u64::MAX);
            assert!(parts.windows(2).all(|two| two[0].end == two[1].start));
            let bytes = parts.iter().map(|part| part.end.min(size) - part.start);
            let bytes: Vec<u64> = bytes.collect();
            // The first lacks the file's header, and each is rounded.
            assert!(
                bytes
                    .windows(2)
                    .all(|two| two[0] + FIRST_RECORD + 1 >= two[1])
            );
        }
    }

    /// The reader of a later part can be told to end while it still skips.
    #[test]
    fn a_stop_ends_the_skipping() {
        let (_, file) = stored("stop", &forged(|_| SECONDS));
        let mut records = Records::part(&file, 6 << 20..u64::MAX, || true).expect("whole");
        assert!(records.offset() < 6 << 20);
        assert!(records.next_frame().expect("whole").is_none());
        assert_eq!(records.ready().count(), 0);
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let lengths = prop_oneof![Just(0), Just(4), 0..200_usize, Just(MAX_PACKET_BYTES)];
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            Just(vec![0; 64]),
            // A record inside a packet, true to its length or not.
            (lengths.clone(), lengths, 0..100_usize).prop_map(|(captured, wire, content)| {
                record(FALSE_SECONDS, captured, wire, &vec![0; content])
            }),
        ]
    }

    proptest! {
        /// Wherever a file is divided, and whatever is in it: the parts are the file, up to the
        /// damage if there is one.
        #[test]
        fn parts_are_the_file(
            packets in proptest::collection::vec(proptest::collection::vec(piece(), 0..6), 0..40),
            tail in proptest::collection::vec(any::<u8>(), 0..40),
            mut bounds in proptest::collection::vec(0..8_000_u64, 0..5),
        ) {
            let mut writer = Writer::new(Vec::new(), LinkType::Ethernet).expect("a vector");
            for (number, packet) in packets.iter().enumerate() {
                let frame = Frame {
                    bytes: &packet.concat(),
                    wire_bytes: 1500,
                    at: Timestamp { seconds: u64::try_from(number).expect("few"), nanoseconds: 0 },
                    link: LinkType::Ethernet,
                    vlan: None,
                };
                writer.write(&frame).expect("a vector");
            }
            let (opened, file) = stored("any", &[writer.into_inner(), tail].concat());
            bounds.extend([FIRST_RECORD, u64::MAX]);
            bounds.sort_unstable();
            let parts = bounds.windows(2).map(|two| two[0]..two[1]);
            prop_assert_eq!(divided(&file, parts), undivided(&opened));
        }
    }
}
