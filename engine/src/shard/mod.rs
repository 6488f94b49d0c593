//! One core's share of the work, from the packet to the datagram. Nothing is shared with other shards while
//! packets flow.
//!
//! This is the only place that joins capture, decode and export: `Shard::take` gives a packet to the decoder, and
//! `Stream` is the sink that the decoder finds there. Packets come from a ring, in [`mod@live`], or from a file, in
//! [`mod@file`].

pub mod admission;
pub mod command;
pub mod deferred;
pub mod file;
pub mod intake;
pub mod live;
pub mod snapshot;
mod wait;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dnsflow_wire::v4::Stats;

use crate::export::{Export, ExportError, Sent};
use command::CaptureChange;
use dnsflow_capfile::FileError;
use dnsflow_packet::Counters;
use dnsflow_packet::{Decoder, Fate, Sink};
use dnsflow_packet::{Frame, Timestamp};
use dnsflow_sys::KernelCounts;
use dnsflow_wire::dns::MessageReject;
use dnsflow_wire::response::Endpoints;
use snapshot::TapSnapshot;

/// Why a shard ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// What it read is damaged.
    #[error(transparent)]
    Capture(#[from] FileError),
    /// What it wrote can't be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The filter does not compile for the packets of the file.
    #[error(transparent)]
    Filter(#[from] dnsflow_filters::FilterError),
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ShardError {
    /// Whether it is what was read that is to blame.
    #[must_use]
    pub fn is_about_input(&self) -> bool {
        matches!(self, ShardError::Capture(_) | ShardError::System { .. })
    }

    /// Whether it is only that nobody wants to read any more.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            ShardError::Export(ExportError::File { source, .. } | ExportError::Print(source)) => {
                source.kind() == std::io::ErrorKind::BrokenPipe
            }
            _ => false,
        }
    }
}

/// What a shard has to say at its end.
#[derive(Debug)]
pub struct Report {
    /// The packets.
    pub counters: Counters,
    /// The same for each interface, in live capture.
    pub taps: Vec<TapSnapshot>,
    /// What was sent.
    pub sent: Sent,
    /// Why it ended, if not because it was done or told to.
    pub failure: Option<ShardError>,
}

/// What a shard and its supervisor tell each other about a file. Written by one of them, read by the other,
/// once in many packets.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct Progress {
    offset: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    /// How far the shard has come, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Tells the shard to end where it is.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the shard was told to end.
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Says how far the shard has come; true if it is to end there.
    fn report(&self, offset: u64) -> bool {
        self.offset.store(offset, Ordering::Relaxed);
        self.is_stopped()
    }
}

/// A decoder, a stream and their counters.
#[derive(Debug)]
pub struct Shard {
    decoder: Decoder,
    /// The stream.
    pub export: Export,
    /// Of what is being read: in live capture, of the interface whose block is open.
    pub counters: Counters,
    /// 1 of how many packets is kept; 0 when not sampling.
    sample_rate: u32,
}

impl Shard {
    /// A shard that has seen nothing.
    #[must_use]
    pub fn new(decoder: Decoder, export: Export, sample_rate: u32) -> Self {
        Shard {
            decoder,
            export,
            counters: Counters::default(),
            sample_rate,
        }
    }

    /// Takes packets until there is something to send; false when there are no more. Nothing is waited for
    /// here, so that what is known of a packet stays in registers.
    pub fn fill<'a>(&mut self, frames: &mut impl Iterator<Item = Frame<'a>>) -> bool {
        for frame in frames {
            self.take(&frame);
            if self.export.is_full() {
                return true;
            }
        }
        false
    }

    /// The life of one packet: decoded, and its response written into the stream's batch, to be sent when that is full.
    #[inline]
    fn take(&mut self, frame: &Frame<'_>) {
        self.counters.received += 1;
        let (decoder, mut stream) = self.split();
        decoder.decode(frame, &mut stream);
    }

    /// As [`Shard::take`], for a packet that stands alone. Returns false, and nothing is done, if others may belong with it.
    #[inline(always)]
    fn take_alone(&mut self, frame: &Frame<'_>) -> bool {
        let (decoder, mut stream) = self.split();
        let alone = decoder.decode_alone(frame, &mut stream);
        self.counters.received += u64::from(alone);
        alone
    }

    /// As [`Shard::take`], for a packet of which [`Shard::take_alone`] said that it does not stand alone.
    fn take_involved(&mut self, frame: &Frame<'_>) {
        self.counters.received += 1;
        let (decoder, mut stream) = self.split();
        decoder.decode_involved(frame, &mut stream);
    }

    /// The decoder, and the sink for what it finds.
    #[inline(always)]
    fn split(&mut self) -> (&mut Decoder, Stream<'_>) {
        let stream = Stream {
            export: &mut self.export,
            counters: &mut self.counters,
        };
        (&mut self.decoder, stream)
    }

    /// Looks for something else from now on; true if the sample rate is another one.
    fn select(&mut self, capture: &CaptureChange) -> bool {
        self.decoder.select(capture.selection.clone());
        std::mem::replace(&mut self.sample_rate, capture.sample) != capture.sample
    }

    /// The end of a capture: what still waited for more is given up.
    fn finish(&mut self) {
        let (decoder, mut stream) = self.split();
        decoder.finish(&mut stream);
    }

    /// What a stats datagram says; `taps` is empty for a file.
    fn stats(&self, taps: &[TapSnapshot], ifdropped: u64) -> Stats {
        let captured = self.total(taps).received;
        let kernel = kernel(taps);
        Stats {
            captured: counter32(captured),
            received: counter32(kernel.map_or(captured, |counts| counts.packets)),
            dropped: counter32(kernel.map_or(0, |counts| counts.drops)),
            if_dropped: counter32(ifdropped),
            sample_rate: Some(self.sample_rate),
        }
    }

    fn report(self, taps: Vec<TapSnapshot>, failure: Option<ShardError>) -> Report {
        Report {
            counters: self.total(&taps),
            taps,
            sent: self.export.sent(),
            failure,
        }
    }

    fn total(&self, taps: &[TapSnapshot]) -> Counters {
        let mut total = self.counters;
        taps.iter().for_each(|tap| total.add(&tap.counters));
        total
    }
}

/// What the kernel counted for all of `taps`; nothing where there are none.
#[must_use]
pub fn kernel(taps: &[TapSnapshot]) -> Option<KernelCounts> {
    taps.iter().map(|tap| tap.kernel).reduce(|mut sum, more| {
        sum.add(&more);
        sum
    })
}

/// What a shard does with what is found in its packets: counts it, and exports the responses. What changes a record
/// before any format writes it belongs here.
struct Stream<'s> {
    export: &'s mut Export,
    counters: &'s mut Counters,
}

impl Sink for Stream<'_> {
    #[inline(always)]
    fn message(
        &mut self,
        message: &[u8],
        endpoints: &Endpoints,
        at: Timestamp,
    ) -> Option<Result<(), MessageReject>> {
        let taken = self.export.transcribe(message, endpoints, at);
        if let Some(Ok(())) = taken {
            self.counters.exported += 1;
        }
        taken
    }

    #[inline]
    fn take(&mut self, fate: Fate<'_>, at: Timestamp) {
        self.counters.count(&fate);
        if let Fate::Response(response) = &fate {
            self.export.push(response, at);
        }
    }
}

/// The counters of the protocol have 32 bits and wrap.
fn counter32(count: u64) -> u32 {
    u32::try_from(count & u64::from(u32::MAX)).unwrap_or(0)
}
