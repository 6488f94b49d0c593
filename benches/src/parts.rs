//! The steps of a packet's life, run over whole cases in this process.
//!
//! These are the decoder and the shard of the sensor, without sockets in front; only so can one step be told from the
//! next.

use std::time::Duration;

use dnsflow::export::{Export, ExportError, Sinks};
use dnsflow::shard::Shard;
use dnsflow_capfile::Records;
use dnsflow_packet::{Counters, Decoder, Frame, Sets, Timestamp};
use dnsflow_wire::v4::Encoder;
use futures_lite::future::block_on;

/// UDP payload of a full datagram at an MTU of 1500 over IPv4, in bytes.
pub const DATAGRAM_BYTES: usize = 1472;

/// A shard that decodes by `decoder`, and exports by `export`.
#[must_use]
pub fn shard(decoder: Decoder, export: Export) -> Shard {
    Shard::new(decoder, export, 0)
}

/// A stream without sinks: datagrams are made, numbered and forgotten.
#[must_use]
pub fn nowhere() -> Export {
    Export::new(Encoder::default(), DATAGRAM_BYTES, Sinks::default())
}

/// The sink of a bench: writes the sets of responses, and forgets them.
pub type Forget = Sets<Encoder, fn(&[u8], Timestamp)>;

/// Such a sink.
#[must_use]
pub fn forget() -> Forget {
    Sets::new(Encoder::default(), DATAGRAM_BYTES, |set, _| {
        std::hint::black_box(set);
    })
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

/// Walks and decodes, and writes the set of each response.
///
/// # Panics
/// If the capture is damaged.
pub fn decode(capture: &[u8], decoder: &mut Decoder) -> Counters {
    let mut sink = forget();
    each_record(capture, |frame| {
        sink.counters.received += 1;
        decoder.decode(frame, &mut sink);
    });
    sink.counters
}

/// Walks, decodes and exports: all that a shard does with a file. `shard` has a decoder and an export; returns what this
/// capture has added to its counters.
///
/// # Panics
/// If the capture is damaged, or a sink fails.
pub fn whole(capture: &[u8], shard: &mut Shard) -> Counters {
    shard.counters = Counters::default();
    each_record(capture, |frame| {
        if shard.fill(&mut std::iter::once(*frame)) {
            send(&mut shard.export);
        }
    });
    shard.counters
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
