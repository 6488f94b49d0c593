//! The steps of packet processing, run over whole cases in this process.
//!
//! These are the decoder and the shard of the sensor, fed from memory, so that each step can be
//! measured by itself.

use std::cell::RefCell;
use std::time::Duration;

use dnsflow::export::{Export, ExportError, Sinks};
use dnsflow::shard::Shard;
use dnsflow_capfile::Records;
use dnsflow_packet::{Counters, Decoder, Frame, Selection, Sets, Timestamp};
use dnsflow_sys::Uring;
use dnsflow_wire::dns::Rules;
use dnsflow_wire::encode::Encode;
use dnsflow_wire::v4::Encoder;
use dnsflow_wire::v5;

use crate::cases::selection;

/// UDP payload of a full datagram at an MTU of 1500 over IPv4, in bytes.
pub const DATAGRAM_BYTES: usize = 1472;

/// A shard of `decoder` and `export`, without sampling.
#[must_use]
pub fn shard<E: Encode>(decoder: Decoder, export: Export<E>) -> Shard<E> {
    Shard::new(decoder, export, 0)
}

/// The selection of [`selection`] with what records of version 5 say.
#[must_use]
pub fn detailed_selection() -> Selection {
    let mut selection = selection();
    selection.rules.details = true;
    selection
}

/// An encoder of version 5 for [`detailed_selection`], of a sensor with a name of usual length.
#[must_use]
pub fn encoder_v5() -> v5::Encoder {
    let identity = v5::Identity {
        name: "sensor-1.example".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        core: 0,
        boot: 0x0123_4567_89ab_cdef,
        key: 0x0f1e_2d3c_4b5a_6978,
    };
    let rules = Rules {
        details: true,
        ..Rules::default()
    };
    v5::Encoder::new(rules, identity, 0)
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
pub fn whole<E: Encode>(capture: &[u8], shard: &mut Shard<E>) -> Counters {
    whole_by(capture, shard, send)
}

/// The same, where `send` sends the finished datagrams.
///
/// # Panics
/// As [`whole`].
pub fn whole_by<E: Encode>(
    capture: &[u8],
    shard: &mut Shard<E>,
    mut send: impl FnMut(&mut Export<E>),
) -> Counters {
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
pub fn send<E: Encode>(export: &mut Export<E>) {
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

/// Gives each record of a capture in memory to `take`.
///
/// # Panics
/// If the capture is damaged.
pub(crate) fn each_record(capture: &[u8], mut take: impl FnMut(&Frame<'_>)) {
    let mut records = Records::open(capture).expect("a valid capture");
    while let Some(frame) = records.next_frame().expect("a valid capture") {
        take(&frame);
    }
}
