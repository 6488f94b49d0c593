//! The steps of packet processing, run over whole cases in this process.
//!
//! These are the decoder and the shard of the sensor, fed from memory, so that each step can be
//! measured by itself.

use std::cell::RefCell;
use std::time::Duration;

use dnsflow::export::{Export, ExportError, Sinks};
use dnsflow::shard::Shard;
use dnsflow_capfile::Records;
use dnsflow_packet::{Counters, Decoder, Frame, Sets, Timestamp};
use dnsflow_sys::Uring;
use dnsflow_wire::v4::Encoder;

/// UDP payload of a full datagram at an MTU of 1500 over IPv4, in bytes.
pub const DATAGRAM_BYTES: usize = 1472;

/// A shard of `decoder` and `export`, without sampling.
#[must_use]
pub fn shard(decoder: Decoder, export: Export) -> Shard {
    Shard::new(decoder, export, 0)
}

/// An export without sinks: datagrams are built and discarded.
#[must_use]
pub fn discarding_export() -> Export {
    Export::new(Encoder::default(), DATAGRAM_BYTES, Sinks::default())
}

/// A sink that encodes responses and discards the sets.
pub type DiscardingSink = Sets<Encoder, fn(&[u8], Timestamp)>;

/// A new [`DiscardingSink`].
#[must_use]
pub fn discarding_sink() -> DiscardingSink {
    Sets::new(Encoder::default(), DATAGRAM_BYTES, |set, _| {
        std::hint::black_box(set);
    })
}

/// Reads all records of a capture in memory; returns their number.
///
/// # Panics
/// If the capture is damaged.
pub fn walk(capture: &[u8]) -> u64 {
    let mut packets = 0;
    each_record(capture, |frame| {
        std::hint::black_box(frame.bytes.first());
        packets += 1;
    });
    packets
}

/// Reads and decodes all records, and encodes the responses; returns the counters.
///
/// # Panics
/// If the capture is damaged.
pub fn decode(capture: &[u8], decoder: &mut Decoder) -> Counters {
    let mut sink = discarding_sink();
    each_record(capture, |frame| {
        sink.counters.received += 1;
        decoder.decode(frame, &mut sink);
    });
    sink.counters
}

/// Reads, decodes and exports all records, as a shard does with a file; returns the counters of
/// this pass.
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

/// Sends the finished datagrams, through a ring of this thread.
///
/// # Panics
/// If a sink fails, or there is no io_uring.
pub fn send(export: &mut Export) {
    thread_local! {
        static URING: RefCell<Uring> = RefCell::new(Uring::new().expect("an io_uring"));
    }
    let sent: Result<(), ExportError> = URING.with_borrow_mut(|uring| export.send(uring, None));
    sent.expect("no file and no standard output");
}

/// The share of `spent` that falls to `wanted` of `done` iterations.
#[expect(clippy::cast_precision_loss, reason = "iterations are less than 2^53")]
#[must_use]
pub fn scaled(spent: Duration, wanted: u64, done: u64) -> Duration {
    spent.mul_f64(wanted as f64 / done as f64)
}

fn each_record(capture: &[u8], mut take: impl FnMut(&Frame<'_>)) {
    let mut records = Records::open(capture).expect("a valid capture");
    while let Some(frame) = records.next_frame().expect("a valid capture") {
        take(&frame);
    }
}
