//! Where a large capture can be divided, so that each of several readers walks a part of its own.
//!
//! Records have no mark at which they start, so a place is guessed and then proved: from there on, every
//! record must be followed by another that makes sense, for more bytes than a packet can have, and the place
//! is where that ends. What looks like records inside a packet (a capture that was sent over the network)
//! ends with that packet, where the true ones go on. A reader whose part does not end where the next one
//! starts says so, as it would of a file that is cut there.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::pcap::{HEADER_BYTES, Header, MAX_PACKET_BYTES, RECORD_HEADER_BYTES};

/// Smallest part that is worth a reader, in bytes.
const MIN_PART_BYTES: u64 = 4 << 20;

/// Records that must make sense, one behind the other, and fill [`PROOF_BYTES`].
const PROOF_RECORDS: usize = 64;

/// Bytes over which records must make sense: twice the largest packet.
const PROOF_BYTES: usize = 2 * MAX_PACKET_BYTES;

/// Bytes that are looked at to find and prove a place.
const PROBE_BYTES: usize = PROOF_BYTES + 2 * MAX_PACKET_BYTES;

/// Seconds by which the records of a file may differ: a year.
const MAX_APART_SECONDS: u32 = 366 * 24 * 3600;

/// Divides a file into `count` parts at records; `None` if it is no plain capture of the classic format, is
/// too small, or has a place at which nothing could be proved.
///
/// # Errors
/// What the system says.
pub fn split(file: &File, count: usize) -> io::Result<Option<Vec<Range<u64>>>> {
    let size = file.metadata()?.len();
    let parts = u64::try_from(count).unwrap_or(u64::MAX);
    if size / parts.max(1) < MIN_PART_BYTES {
        return Ok(None);
    }
    let mut head = [0; HEADER_BYTES + RECORD_HEADER_BYTES];
    file.read_exact_at(&mut head, 0)?;
    let (Some(first), Ok(header)) = (head.last_chunk(), Header::parse(&head)) else {
        return Ok(None);
    };
    let first_seconds = header.fields(first).seconds;
    let mut starts = vec![HEADER_BYTES as u64];
    let mut probe = vec![0; PROBE_BYTES];
    for part in 1..parts {
        let guess = size / parts * part;
        let read = read_at(file, &mut probe, guess)?;
        let seen = &probe[..read];
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
    /// Where [`PROOF_RECORDS`] end that follow each other from the start of `bytes` over [`PROOF_BYTES`]; `None`
    /// if one of them makes no sense.
    fn proof(&self, bytes: &[u8], first_seconds: u32) -> Option<usize> {
        let mut at = 0;
        let mut records = 0;
        while at < PROOF_BYTES || records < PROOF_RECORDS {
            let fields = self.fields(bytes.get(at..)?.first_chunk()?);
            let wire_bytes = usize::try_from(fields.wire_bytes).unwrap_or(usize::MAX);
            if !(1..=wire_bytes).contains(&fields.captured)
                || wire_bytes > MAX_PACKET_BYTES
                || fields.fraction >= self.fractions()
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

/// Fills `out` from an offset on, as far as the file goes.
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        let from = offset + u64::try_from(filled).unwrap_or(0);
        match file.read_at(&mut out[filled..], from) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
