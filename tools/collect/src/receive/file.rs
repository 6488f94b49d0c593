//! Datagrams out of capture files, and out of what `dnsflow -w` has written: old data, for new stores.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dnsflow_capfile::input::{self, RegularFile};
use dnsflow_capfile::{Records, input::Source};
use dnsflow_packet::Timestamp;
use dnsflow_records::frame;
use dnsflow_service::progress;
use thiserror::Error;

use super::Closing;
use super::intake::Intake;
use crate::backlog::Backlog;

/// Packets between two looks at the clock.
const PACKETS: u32 = 256;

/// Why a file was not read to its end. What came before was taken.
#[derive(Debug, Error)]
pub enum FileError {
    /// It can't be opened.
    #[error("{}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// It is no capture, or is damaged, or cut.
    #[error("{}: {source}; {packets} packets before that were taken", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: dnsflow_capfile::FileError,
        /// How many packets were read.
        packets: u64,
    },
    /// The spool can't be written.
    #[error("can't write to the spool: {0}")]
    Spool(io::Error),
}

/// What a file had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Packets in it.
    pub packets: u64,
    /// Those that are no whole datagram of UDP.
    pub others: u64,
}

/// Gives all datagrams of a file to `intake`, closes batches, and waits where stores are slower than the
/// file: nothing is lost. `ends` is asked now and then whether to stop.
///
/// # Errors
///
/// Why it was not read to its end.
pub fn read(
    path: &Path,
    intake: &mut Intake,
    backlog: &Backlog,
    closing: Closing,
    ends: &dyn Fn() -> bool,
) -> Result<Read, FileError> {
    let open = |source| FileError::Open {
        path: path.to_owned(),
        source,
    };
    let (source, size) = source(path).map_err(open)?;
    let bar = progress::bar(size);
    let unpacked = input::unpacked(source).map_err(open)?;
    let mut found = Read::default();
    let damaged = |source, packets| FileError::Damaged {
        path: path.to_owned(),
        source,
        packets,
    };
    let mut records = Records::open(unpacked).map_err(|error| damaged(error, 0))?;
    let mut until_look = 0;
    let result = loop {
        if until_look == 0 {
            until_look = PACKETS;
            bar.set_position(records.offset());
            if intake.is_due(closing.bytes, closing.age, Instant::now()) {
                hand_over(intake, backlog, ends)?;
            }
            if ends() {
                break Ok(());
            }
        }
        until_look -= 1;
        let frame = match records.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => break Ok(()),
            Err(error) if error.is_pause() => continue,
            Err(error) => break Err(damaged(error, found.packets)),
        };
        found.packets += 1;
        match frame::payload(frame.link, frame.bytes) {
            Ok(payload) if payload.missing == 0 => {
                // What is refused is counted.
                let _ = intake.take(payload.source, time(frame.at), payload.bytes);
            }
            _ => found.others += 1,
        }
    };
    bar.finish_and_clear();
    hand_over(intake, backlog, ends)?;
    result.map(|()| found)
}

/// Closes a batch, once there is room for it in memory.
fn hand_over(
    intake: &mut Intake,
    backlog: &Backlog,
    ends: &dyn Fn() -> bool,
) -> Result<(), FileError> {
    if intake.is_empty() {
        return Ok(());
    }
    while !backlog.has_room() && !ends() {
        backlog.wait_for_room(Duration::from_millis(100));
    }
    let pushed = backlog.push(intake.take_content());
    pushed.map(|_| ()).map_err(FileError::Spool)
}

/// The bytes of a file, and how many there are before decompression where that is known.
fn source(path: &Path) -> io::Result<(Source, Option<u64>)> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), None));
    }
    let size = RegularFile::open(path)?.and_then(|file| file.capture_bytes());
    Ok((input::open(path)?, size))
}

fn time(at: Timestamp) -> Duration {
    Duration::new(at.seconds, at.nanoseconds)
}
