//! CPU time of each step of packet processing, of the thread that runs it.

use std::error::Error;
use std::hint::black_box;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use dnsflow::export::collector::Collector;
use dnsflow::export::{Export, Sinks};
use dnsflow_packet::Decoder;
use dnsflow_wire::v4::Encoder;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::UdpGroSegment;
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::cases::selection;
use crate::parts::{DATAGRAM_BYTES, decode, discarding_export, shard, walk, whole};
use crate::report::{Spread, table};

/// Bytes that are read to measure the memory bandwidth: more than any cache holds.
const BANDWIDTH_BYTES: usize = 128 << 20;

/// Median times over several rounds, in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Steps {
    /// Per packet: finding its record.
    pub walk: f64,
    /// Per packet: decoding it and encoding its response.
    pub decode: f64,
    /// Per response: adding its set to datagrams, in order, without a sink.
    pub export: f64,
    /// Per response: adding its set to datagrams of equal size, and sending runs of them to a
    /// loopback socket with UDP_GRO. The socket receives a run whole, so only the work of the
    /// sender is measured.
    pub send: f64,
    /// The same to a socket without UDP_GRO: includes the segmentation that the kernel does for the
    /// receiver.
    pub apart: f64,
    /// Rate at which all CPUs together read from memory, in GB/s.
    pub bandwidth: f64,
}

/// Measures `rounds` times on the records of `capture`.
///
/// # Errors
/// If a socket is not available, or if a datagram could not be sent.
pub fn measure(capture: &[u8], rounds: usize) -> Result<Steps, Box<dyn Error>> {
    let (gro_socket, plain_socket) = (receiver(true)?, receiver(false)?);
    let new = |export| shard(Decoder::new(selection()), export);
    let (mut gro, mut segmented) = (new(exporter(&gro_socket)?), new(exporter(&plain_socket)?));
    let (mut discarding, mut decoder) = (new(discarding_export()), Decoder::new(selection()));
    let counters = whole(capture, &mut discarding);
    let packets = as_f64(counters.received);
    let responses = as_f64(counters.exported);
    let mut found = [const { Vec::new() }; 5];
    for _ in 0..rounds.max(1) {
        let walked = cpu(|| walk(capture))?;
        let decoded = cpu(|| decode(capture, &mut decoder))?;
        let exported = cpu(|| whole(capture, &mut discarding))?;
        let sent = cpu(|| whole(capture, &mut gro))?;
        let sent_segmented = cpu(|| whole(capture, &mut segmented))?;
        found[0].push(walked / packets);
        found[1].push((decoded - walked) / packets);
        found[2].push((exported - decoded) / responses);
        found[3].push((sent - decoded) / responses);
        found[4].push((sent_segmented - decoded) / responses);
    }
    if gro.export.sent().failed + segmented.export.sent().failed > 0 {
        return Err("datagrams could not be sent on the loopback".into());
    }
    let [walk, decode, export, send, apart] = found.map(|values| Spread::of(values).median);
    Ok(Steps {
        walk,
        decode,
        export,
        send,
        apart,
        bandwidth: bandwidth(rounds),
    })
}

impl Steps {
    /// The results as a table.
    #[must_use]
    pub fn text(&self) -> String {
        let row = |step: &str, value: f64| vec![step.to_owned(), format!("{value:.1}")];
        table(
            &["step", "CPU ns"],
            &[
                row("a packet: find its record", self.walk),
                row("a packet: decode it and write its set", self.decode),
                row("a response: put its set into datagrams", self.export),
                row(
                    "a response: put its set into datagrams of one size and send those",
                    self.send,
                ),
                row(
                    "the same, and the loopback takes a send apart again",
                    self.apart,
                ),
            ],
        )
    }
}

/// A loopback socket that is never read: datagrams that exceed its buffer are dropped. With `gro`
/// it receives a run whole, like a network card with segmentation offload; otherwise the kernel
/// segments the run in the time of the sender.
fn receiver(gro: bool) -> Result<UdpSocket, Box<dyn Error>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    setsockopt(&socket, UdpGroSegment, &gro)?;
    Ok(socket)
}

/// An export to the socket of [`receiver`].
fn exporter(receiver: &UdpSocket) -> Result<Export, Box<dyn Error>> {
    let collectors = vec![Collector::new(
        receiver.local_addr()?.into(),
        DATAGRAM_BYTES,
    )];
    let sinks = Sinks {
        collectors,
        ..Sinks::default()
    };
    Ok(Export::new(Encoder::default(), DATAGRAM_BYTES, sinks))
}

/// CPU time that this thread spends on `work`, in nanoseconds.
pub(crate) fn cpu<T>(work: impl FnOnce() -> T) -> Result<f64, Box<dyn Error>> {
    let before = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    black_box(work());
    let after = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(Duration::from(after - before).as_secs_f64() * 1e9)
}

/// Memory bandwidth for reads in GB/s, the best of several rounds: disturbances only reduce it.
fn bandwidth(rounds: usize) -> f64 {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let words = BANDWIDTH_BYTES / 8 / threads;
    let arrays: Vec<Vec<u64>> = (0..threads).map(|_| vec![1; words]).collect();
    let read = |array: &Vec<u64>| {
        black_box(
            array
                .iter()
                .fold(0, |sum: u64, word| sum.wrapping_add(*word)),
        )
    };
    let mut best: f64 = 0.0;
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        thread::scope(|scope| {
            for array in &arrays {
                scope.spawn(move || read(array));
            }
        });
        let bytes = u64::try_from(threads * words * 8).unwrap_or(u64::MAX);
        best = best.max(as_f64(bytes) / start.elapsed().as_secs_f64() / 1e9);
    }
    best
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one run are less than 2^53"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}
