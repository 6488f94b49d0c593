//! A shard: the work of one core, from packets to datagrams. Shards share nothing while they
//! process packets.
//!
//! Only this module joins capture, decode and export: `Shard::take` passes a packet to the decoder,
//! and the decoder passes what it finds to the sink `Stream`. Packets come from rings
//! ([`mod@live`]) or from a file ([`mod@file`]).

pub mod admission;
pub mod command;
pub mod deferred;
pub mod disguise;
pub mod file;
pub mod intake;
pub mod live;
pub mod overload;
mod pace;
pub mod sampling;
pub mod snapshot;
mod wait;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use dnsflow_wire::encode::{Encode, Stats};

use crate::export::{Export, ExportError, Sent};
use disguise::Disguised;
use dnsflow_capfile::FileError;
use dnsflow_packet::Counters;
use dnsflow_packet::{Decoder, Fate, Sink};
use dnsflow_packet::{Frame, Loss, Reject, Selection, Timestamp};
use dnsflow_privacy::Choice;
use dnsflow_sys::KernelCounts;
use dnsflow_wire::dns::MessageReject;
use dnsflow_wire::response::Envelope;
use dnsflow_wire::v4;
use sampling::Sampled;
use snapshot::TapSnapshot;

/// The error that ended a shard early.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The capture file is damaged or can't be read.
    #[error(transparent)]
    Capture(#[from] FileError),
    /// No output is left that can be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The filter expression does not compile for the link type of a packet in the file.
    #[error(transparent)]
    Filter(#[from] dnsflow_filters::FilterError),
    /// A system call failed.
    #[error("{what}: {source}")]
    System {
        /// The operation that failed.
        what: &'static str,
        /// The error of the system call.
        source: std::io::Error,
    },
}

impl ShardError {
    /// Whether the error is about the input, not the output or the options.
    #[must_use]
    pub fn is_about_input(&self) -> bool {
        matches!(self, Self::Capture(_) | Self::System { .. })
    }

    /// Whether the error is about an output, which then knows it itself.
    #[must_use]
    pub fn is_about_output(&self) -> bool {
        matches!(self, Self::Export(ExportError::Local { .. }))
    }
}

/// The result of a shard.
#[derive(Debug)]
pub struct Report {
    /// The fates of all packets.
    pub counters: Counters,
    /// Counts of each interface, in the order of `-i`; empty for a file.
    pub taps: Vec<TapSnapshot>,
    /// Totals of the export stream.
    pub sent: Sent,
    /// The sampling rates of a live shard.
    pub sampled: Sampled,
    /// The error that ended the shard; `None` at the end of the input or after a stop.
    pub failure: Option<ShardError>,
}

/// State shared by a file shard and its supervisor: the shard stores its position, the supervisor
/// requests a stop. Both are accessed once in many packets.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Progress {
    offset: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    /// Bytes that the shard has read so far.
    pub fn offset(&self) -> u64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Requests that the shard stop at its present position.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was requested.
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Stores the number of bytes read; returns whether a stop was requested.
    fn report(&self, offset: u64) -> bool {
        self.offset.store(offset, Ordering::Relaxed);
        self.is_stopped()
    }
}

/// A decoder, an export stream in the format of `E`, and counters.
#[derive(Debug)]
pub struct Shard<E = v4::Encoder> {
    decoder: Decoder,
    /// The export stream.
    pub export: Export<E>,
    /// Counters of the current input: in live capture, of the interface whose block is being read.
    pub counters: Counters,
    /// Sample rate: 1 of this many packets is kept; 0 if sampling is off.
    sample_rate: u32,
    /// What becomes of addresses; `None` if they stay as they are.
    disguised: Option<Box<Disguised>>,
    started: Instant,
}

impl<E: Encode> Shard<E> {
    /// A shard with all counters at 0. `sample_rate` is reported in stats datagrams: 1 of this many
    /// packets is kept; 0 if sampling is off.
    #[must_use]
    pub fn new(decoder: Decoder, export: Export<E>, sample_rate: u32) -> Self {
        Self {
            decoder,
            export,
            counters: Counters::default(),
            sample_rate,
            disguised: None,
            started: Instant::now(),
        }
    }

    /// Changes what becomes of addresses in records; returns whether that is by another key.
    pub fn disguise(&mut self, choice: &Choice) -> bool {
        let key_id =
            |disguised: &Option<Box<Disguised>>| disguised.as_ref().and_then(|it| it.key_id());
        let before = key_id(&self.disguised);
        self.disguised = Disguised::new(choice);
        before != key_id(&self.disguised)
    }

    /// Processes packets until a run of datagrams is ready to send; returns false once `frames` is
    /// exhausted. The loop does not await, so that the state of a packet stays in registers.
    pub fn fill<'a>(&mut self, frames: &mut impl Iterator<Item = Frame<'a>>) -> bool {
        for frame in frames {
            self.take(&frame);
            if self.export.is_full() {
                return true;
            }
        }
        false
    }

    /// Processes one packet: decodes it, and writes its response into the batch of the stream. The
    /// caller sends the batch when it is full.
    #[inline]
    fn take(&mut self, frame: &Frame<'_>) {
        self.counters.received += 1;
        let (decoder, mut stream) = self.split();
        decoder.decode(frame, &mut stream);
    }

    /// As [`Shard::take`], for a packet that needs neither reassembly nor decapsulation. Returns
    /// false for any other packet, which is neither decoded nor counted.
    #[inline(always)]
    fn take_alone(&mut self, frame: &Frame<'_>) -> bool {
        let (decoder, mut stream) = self.split();
        let alone = decoder.decode_alone(frame, &mut stream);
        self.counters.received += u64::from(alone);
        alone
    }

    /// As [`Shard::take`], for a packet for which [`Shard::take_alone`] returned false.
    fn take_involved(&mut self, frame: &Frame<'_>) {
        self.counters.received += 1;
        let (decoder, mut stream) = self.split();
        decoder.decode_involved(frame, &mut stream);
    }

    /// The decoder, and the sink for its results.
    #[inline(always)]
    fn split(&mut self) -> (&mut Decoder, Stream<'_, E>) {
        let stream = Stream {
            export: &mut self.export,
            counters: &mut self.counters,
            disguised: self.disguised.as_deref_mut(),
        };
        (&mut self.decoder, stream)
    }

    /// Applies another selection and sample rate; returns whether the sample rate has changed.
    fn select(&mut self, selection: &Selection, sample_rate: u32) -> bool {
        self.export.select(&selection.rules);
        self.decoder.select(selection.clone());
        std::mem::replace(&mut self.sample_rate, sample_rate) != sample_rate
    }

    /// Ends the capture: incomplete datagrams and messages are given up and counted.
    fn finish(&mut self) {
        let (decoder, mut stream) = self.split();
        decoder.finish(&mut stream);
    }

    /// Finishes all datagrams, and adds those with the counters of the stream, which the next send
    /// takes. `taps` is empty for a file; `ifdropped` is the number of packets that the interfaces
    /// dropped.
    fn add_stats(&mut self, taps: &[TapSnapshot], ifdropped: u64) {
        let total = self.total(taps);
        let kernel = kernel_totals(taps);
        let sent = self.export.sent();
        let mut others = vec![
            ("uptime", self.started.elapsed().as_secs()),
            ("rebuilt", total.rebuilt),
            ("exported", total.exported),
            ("sets", sent.sets),
            ("datagrams", sent.datagrams),
        ];
        others.extend(
            Reject::ALL
                .iter()
                .map(|it| (it.counter(), total.rejected(*it))),
        );
        others.extend(Loss::ALL.iter().map(|it| (it.counter(), total.lost(*it))));
        let key_id = self
            .disguised
            .as_ref()
            .and_then(|disguised| disguised.key_id());
        others.push(("address_key", key_id.unwrap_or(0).into()));
        others.retain(|(_, count)| *count > 0);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.export.add_stats(&Stats {
            captured: total.received,
            received: kernel.map_or(total.received, |counts| counts.packets),
            dropped: kernel.map_or(0, |counts| counts.drops),
            if_dropped: ifdropped,
            sample_rate: self.sample_rate,
            at: Timestamp {
                seconds: now.as_secs(),
                nanoseconds: now.subsec_nanos(),
            },
            others: &others,
        });
    }

    fn report(self, taps: Vec<TapSnapshot>, failure: Option<ShardError>) -> Report {
        Report {
            counters: self.total(&taps),
            taps,
            sent: self.export.sent(),
            sampled: Sampled::default(),
            failure,
        }
    }

    fn total(&self, taps: &[TapSnapshot]) -> Counters {
        let mut total = self.counters;
        taps.iter().for_each(|tap| total.add(&tap.counters));
        total
    }
}

/// Sum of the kernel's counts over `taps`; `None` if there are none.
#[must_use]
pub fn kernel_totals(taps: &[TapSnapshot]) -> Option<KernelCounts> {
    taps.iter().map(|tap| tap.kernel).reduce(|mut sum, more| {
        sum.add(&more);
        sum
    })
}

/// The sink of the decoder: counts each fate, and exports responses. Code that changes a record
/// before it is encoded belongs here.
struct Stream<'s, E> {
    export: &'s mut Export<E>,
    counters: &'s mut Counters,
    disguised: Option<&'s mut Disguised>,
}

impl<E: Encode> Sink for Stream<'_, E> {
    #[inline(always)]
    fn message(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
    ) -> Option<Result<(), MessageReject>> {
        // A copy, so that the usual way keeps what it needs of it in registers.
        let mut envelope = *envelope;
        if let Some(disguised) = &mut self.disguised {
            envelope.endpoints = disguised.endpoints(envelope.endpoints, envelope.at.seconds);
        }
        let taken = self.export.transcribe(message, &envelope);
        if let Some(Ok(())) = taken {
            self.counters.exported += 1;
        }
        taken
    }

    #[inline]
    fn take(&mut self, fate: Fate<'_>, at: Timestamp) {
        self.counters.count(&fate);
        if let Fate::Response(response) = &fate {
            match &mut self.disguised {
                None => self.export.push(response, at),
                Some(disguised) => self.export.push(&disguised.response(response), at),
            }
        }
    }
}

/// The error of a system call that failed while the shard did `what`.
fn system(what: &'static str) -> impl Fn(std::io::Error) -> ShardError {
    move |source| ShardError::System { what, source }
}
