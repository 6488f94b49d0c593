//! Divides a large capture, so that each of several readers reads a part of its own.
//!
//! Nothing marks the start of a record, so a start is guessed and then proved: from there on, each
//! record must be followed by another plausible one, over more bytes than a packet can have. The
//! division is where that run ends. What looks like records inside a packet (a capture that was
//! sent over the network) ends with that packet, where true records go on. A reader whose part does
//! not end where the next one starts reports it, as it reports a file that is cut there.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use dnsflow_packet::LinkType;

use crate::pcap::{FILE_HEADER_BYTES, Header, MAX_PACKET_BYTES, RECORD_HEADER_BYTES};
use crate::read_at;

/// Offset of the first record.
const FIRST_RECORD: u64 = FILE_HEADER_BYTES as u64;

/// Smallest part for which a reader is worth starting, in bytes.
const MIN_PART_BYTES: u64 = 4 << 20;

/// Successive records that must be plausible, and fill [`PROOF_BYTES`].
const PROOF_RECORDS: usize = 64;

/// Bytes over which records must be plausible: twice the largest packet.
const PROOF_BYTES: usize = 2 * MAX_PACKET_BYTES;

/// Bytes that are read to find and prove a start.
const SEARCH_BYTES: usize = PROOF_BYTES + 2 * MAX_PACKET_BYTES;

/// Seconds by which the records of a file may differ: a year.
const MAX_APART_SECONDS: u32 = 366 * 24 * 3600;

/// Divides a file of `size` bytes into `count` parts at records; `None` if its link type is not
/// supported, it is too small, or nothing could be proved near a division.
///
/// # Errors
/// Those of reading the file.
pub(crate) fn split(
    file: &File,
    header: &Header,
    size: u64,
    count: usize,
) -> io::Result<Option<Vec<Range<u64>>>> {
    let parts = u64::try_from(count).unwrap_or(u64::MAX);
    let supported = !matches!(header.link(), LinkType::Unsupported(_));
    if !supported || size / parts.max(1) < MIN_PART_BYTES {
        return Ok(None);
    }
    let mut first = [0; RECORD_HEADER_BYTES];
    file.read_exact_at(&mut first, FIRST_RECORD)?;
    let first_seconds = header.fields(&first).seconds;
    let mut starts = vec![FIRST_RECORD];
    let mut search = vec![0; SEARCH_BYTES];
    for part in 1..parts {
        let guess = size / parts * part;
        let read = read_at(file, &mut search, guess)?;
        let seen = &search[..read];
        let found = (0..read.min(MAX_PACKET_BYTES + RECORD_HEADER_BYTES))
            .find_map(|at| Some(at + header.proof(&seen[at..], first_seconds)?));
        match found.and_then(|at| u64::try_from(at).ok()) {
            Some(at) => starts.push(guess + at),
            None => return Ok(None),
        }
    }
    let ends = starts.iter().skip(1).copied().chain([size]);
    Ok(Some(
        starts
            .iter()
            .copied()
            .zip(ends)
            .map(|(from, to)| from..to)
            .collect(),
    ))
}

impl Header {
    /// End of the run of plausible records from the start of `bytes`, once there are
    /// [`PROOF_RECORDS`] over [`PROOF_BYTES`]; `None` if one of them is not plausible.
    fn proof(&self, bytes: &[u8], first_seconds: u32) -> Option<usize> {
        let mut at = 0;
        let mut records = 0;
        while at < PROOF_BYTES || records < PROOF_RECORDS {
            let fields = self.fields(bytes.get(at..)?.first_chunk()?);
            let wire_bytes = usize::try_from(fields.wire_bytes).unwrap_or(usize::MAX);
            if !(1..=wire_bytes).contains(&fields.captured)
                || wire_bytes > MAX_PACKET_BYTES
                || fields.fraction >= self.units()
                || fields.seconds.abs_diff(first_seconds) > MAX_APART_SECONDS
            {
                return None;
            }
            at += self.record_bytes() + fields.captured;
            records += 1;
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, SeekFrom};
    use std::{env, fs, process};

    use dnsflow_packet::{Frame, LinkType, Timestamp};

    use crate::Records;
    use crate::input::RegularFile;
    use crate::pcap::Writer;

    const PACKETS: u32 = 12_000;

    fn frame(bytes: &[u8], number: u32) -> Frame<'_> {
        Frame {
            bytes,
            wire_bytes: 1500,
            at: Timestamp {
                seconds: 1_700_000_000 + u64::from(number),
                nanoseconds: 0,
            },
            link: LinkType::Ethernet,
        }
    }

    /// Every packet holds a capture of its own, whose records are not those of the file.
    #[test]
    fn parts_hold_each_packet_once() {
        let mut inner = Writer::new(Vec::new(), LinkType::Ethernet).expect("a vector");
        for number in 0..16 {
            inner.write(&frame(&[7; 64], number)).expect("a vector");
        }
        let inner = inner.into_inner();
        let mut writer = Writer::new(Vec::new(), LinkType::Ethernet).expect("a vector");
        for number in 0..PACKETS {
            writer.write(&frame(&inner, number)).expect("a vector");
        }
        let path = env::temp_dir().join(format!("dnsflow-split-{}.pcap", process::id()));
        fs::write(&path, writer.into_inner()).expect("a file");
        let file = RegularFile::open(&path).expect("it opens").expect("a file");
        let mut reader = fs::File::open(&path).expect("it is there");
        fs::remove_file(&path).expect("it is there");

        assert_eq!(
            file.split(100).expect("it reads"),
            None,
            "too small for 100"
        );
        let parts = file
            .split(3)
            .expect("it reads")
            .expect("large enough for 3");
        assert_eq!(parts.len(), 3);
        let mut number = 0;
        for part in parts {
            reader.seek(SeekFrom::Start(part.start)).expect("a file");
            let source = reader.try_clone().expect("a descriptor");
            let source = source.take(part.end - part.start);
            let mut records = Records::part(source, &reader, part.start).expect("a part");
            while let Some(found) = records.next_frame().expect("whole records") {
                assert_eq!(found.at, frame(&inner, number).at);
                assert_eq!(found.bytes, inner);
                number += 1;
            }
            assert_eq!(records.offset(), part.end);
        }
        assert_eq!(number, PACKETS);
    }
}
