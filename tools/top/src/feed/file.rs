//! Datagrams out of capture files, and out of what `dnsflow -w` writes.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use dnsflow_capfile::input::{self, Source};
use dnsflow_capfile::{FileError, Records};
use dnsflow_packet::Frame;
use dnsflow_records::frame;

use super::Shared;
use super::accounts::Accounts;
use crate::TopError;

/// Packets that are counted before others get the lock, if they are there.
const PACKETS: usize = 64;

/// Opens a file; `-` is standard input.
pub(super) fn open(path: &Path) -> Result<Source, TopError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    input::open(path).map_err(failed(path))
}

/// Counts to the end.
pub(super) fn run(source: Source, path: &Path, shared: &Shared) -> Result<(), TopError> {
    let unpacked = input::unpacked(source).map_err(failed(path))?;
    let mut packets = 0;
    let counted =
        Records::open(unpacked).and_then(|mut records| count(&mut records, &mut packets, shared));
    counted.map_err(|error| TopError::Damaged {
        path: path.to_owned(),
        packets,
        error,
    })
}

fn count<R: Read>(
    records: &mut Records<R>,
    packets: &mut u64,
    shared: &Shared,
) -> Result<(), FileError> {
    loop {
        // The lock is not held while a packet is waited for.
        let frame = match records.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(()),
            Err(error) if error.is_pause() => continue,
            Err(error) => return Err(error),
        };
        let accounts = &mut shared.lock().accounts;
        take(&frame, accounts);
        *packets += 1;
        for frame in records.ready().take(PACKETS) {
            take(&frame, accounts);
            *packets += 1;
        }
    }
}

fn take(frame: &Frame<'_>, accounts: &mut Accounts) {
    match frame::payload(frame.link, frame.bytes) {
        Ok(payload) => {
            let time = Duration::new(frame.at.seconds, frame.at.nanoseconds);
            accounts.datagram(time, &payload);
        }
        Err(_) => accounts.others += 1,
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> TopError {
    move |error| TopError::File {
        path: path.to_owned(),
        error,
    }
}
