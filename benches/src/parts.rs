//! The steps of a packet's life, run over whole cases in this process.
//!
//! What `shard` does is done here with the engine's public parts, without sockets in front; only so can one
//! step be told from the next.

use std::time::Duration;

use dnsflow::capture::file::Records;
use dnsflow::counters::Counters;
use dnsflow::decode::{Decoder, Fate, Unusual};
use dnsflow::export::{Export, ExportError, Sinks};
use dnsflow::frame::Frame;
use dnsflow_wire::v4::Draft;
use futures_lite::future::block_on;

/// UDP payload of a full datagram at an MTU of 1500 over IPv4, in bytes.
pub const DATAGRAM_BYTES: usize = 1472;

/// A stream without sinks: datagrams are made, numbered and forgotten.
#[must_use]
pub fn nowhere() -> Export {
    Export::new(DATAGRAM_BYTES, Sinks::default())
}

/// Memory for one set.
#[must_use]
pub fn draft() -> Box<Draft> {
    Box::new([0; size_of::<Draft>()])
}

/// Decodes a packet as `shard` does, and counts what it gives; what is usual has its set in `draft`.
#[inline]
pub fn take(decoder: &mut Decoder, frame: &Frame<'_>, draft: &mut Draft, counters: &mut Counters) {
    counters.received += 1;
    match decoder.usual(frame, draft) {
        Some(Ok(_)) => counters.exported += 1,
        Some(Err(reason)) => counters.reject(reason),
        None => unusual(decoder, frame, &mut |fate| {
            std::hint::black_box(&fate);
            count(fate, counters);
        }),
    }
}

fn unusual(decoder: &mut Decoder, frame: &Frame<'_>, fate: &mut impl FnMut(Fate<'_>)) {
    match decoder.datagram(frame) {
        Ok(response) => fate(Fate::Response(response)),
        Err(Unusual::Reject(reason)) => fate(Fate::Reject(reason)),
        Err(Unusual::Involved) => decoder.involved(frame, fate),
    }
}

/// Walks the records of a capture in memory; returns their number.
///
/// # Panics
/// If it is damaged.
pub fn walk(capture: &[u8]) -> u64 {
    let mut packets = 0;
    each_record(capture, |frame| {
        std::hint::black_box(frame.bytes.first());
        packets += 1;
    });
    packets
}

/// Walks and decodes, sets of usual packets included.
///
/// # Panics
/// If the capture is damaged.
pub fn decode(capture: &[u8], decoder: &mut Decoder) -> Counters {
    let mut counters = Counters::default();
    let mut draft = draft();
    each_record(capture, |frame| {
        take(decoder, frame, &mut draft, &mut counters);
        std::hint::black_box(&mut draft);
    });
    counters
}

/// Walks, decodes and exports: all that a shard does with a file.
///
/// # Panics
/// If the capture is damaged, or a sink fails.
pub fn whole(capture: &[u8], decoder: &mut Decoder, export: &mut Export) -> Counters {
    let mut counters = Counters::default();
    each_record(capture, |frame| {
        counters.received += 1;
        let usual = export.draft().and_then(|draft| decoder.usual(frame, draft));
        match usual {
            Some(Ok(size)) => {
                counters.exported += 1;
                export.keep(size);
            }
            Some(Err(reason)) => counters.reject(reason),
            None => unusual(decoder, frame, &mut |fate| {
                if let Fate::Response(response) = &fate {
                    export.push(response, frame.at);
                }
                count(fate, &mut counters);
            }),
        }
        if export.is_full() {
            send(export);
        }
    });
    counters
}

/// Sends what is full.
///
/// # Panics
/// If a sink fails.
pub fn send(export: &mut Export) {
    let sent: Result<(), ExportError> = block_on(export.send());
    sent.expect("sinks that can't fail, or a collector, which may");
}

/// The part of `spent` that `wanted` of `done` are.
#[expect(
    clippy::cast_precision_loss,
    reason = "nothing here is done 2^53 times"
)]
#[must_use]
pub fn scaled(spent: Duration, wanted: u64, done: u64) -> Duration {
    spent.mul_f64(wanted as f64 / done as f64)
}

fn each_record(capture: &[u8], mut take: impl FnMut(&Frame<'_>)) {
    let mut records = Records::open(capture).expect("a capture of our own");
    while let Some(frame) = records.next_frame().expect("a capture of our own") {
        take(&frame);
    }
}

fn count(fate: Fate<'_>, counters: &mut Counters) {
    match fate {
        Fate::Response(_) => counters.exported += 1,
        Fate::Reject(reason) => counters.reject(reason),
        Fate::Rebuilt => counters.rebuilt += 1,
        Fate::Loss(what) => counters.lose(what),
    }
}
