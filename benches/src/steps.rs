//! How long each step of a packet's life takes, in CPU time of the thread that does it.

use std::error::Error;
use std::hint::black_box;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use dnsflow::export::collector::Collector;
use dnsflow::export::{Export, Sinks};
use dnsflow_packet::Decoder;
use dnsflow_wire::v4::Encoder;
use glommio::LocalExecutorBuilder;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::UdpGroSegment;
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::cases::selection;
use crate::parts::{DATAGRAM_BYTES, decode, nowhere, shard, walk, whole};
use crate::report::{Spread, table};

/// Bytes that are read to see how fast memory is: more than any cache has.
const STRETCH_BYTES: usize = 128 << 20;

/// Nanoseconds, in the middle of several rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Steps {
    /// A packet: finding its record.
    pub walk: f64,
    /// A packet: decoding it besides, which writes its set.
    pub decode: f64,
    /// A response: putting its set into datagrams, in order, without a sink.
    pub export: f64,
    /// A response: putting its set into datagrams of one size and sending those, many at once, to a socket on the loopback
    /// that takes them as they were sent: what is left is the sender's part.
    pub send: f64,
    /// The same to a socket that takes them one by one: the kernel's work for the receiver is in it.
    pub apart: f64,
    /// GB a second that all CPUs together read from memory.
    pub bandwidth: f64,
}

/// Measures `rounds` times on the records of `capture`.
///
/// # Errors
/// If there is no io_uring or no socket.
pub fn measure(capture: &[u8], rounds: usize) -> Result<Steps, Box<dyn Error>> {
    let (whole_socket, apart_socket) = (receiver(true)?, receiver(false)?);
    let executor = LocalExecutorBuilder::default()
        .make()
        .map_err(|error| format!("no io_uring for sending: {error}"))?;
    executor.run(async {
        let new = |export| shard(Decoder::new(selection()), export);
        let (mut together, mut apart) =
            (new(exporter(&whole_socket)?), new(exporter(&apart_socket)?));
        let (mut forgotten, mut decoder) = (new(nowhere()), Decoder::new(selection()));
        let counters = whole(capture, &mut forgotten);
        let packets = as_f64(counters.received);
        let responses = as_f64(counters.exported);
        let mut found = [const { Vec::new() }; 5];
        for _ in 0..rounds.max(1) {
            let walked = cpu(|| walk(capture))?;
            let decoded = cpu(|| decode(capture, &mut decoder))?;
            let exported = cpu(|| whole(capture, &mut forgotten))?;
            let sent = cpu(|| whole(capture, &mut together))?;
            let sent_apart = cpu(|| whole(capture, &mut apart))?;
            found[0].push(walked / packets);
            found[1].push((decoded - walked) / packets);
            found[2].push((exported - decoded) / responses);
            found[3].push((sent - decoded) / responses);
            found[4].push((sent_apart - decoded) / responses);
        }
        if together.export.sent().failed + apart.export.sent().failed > 0 {
            return Err("the loopback did not take datagrams".into());
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
    })
}

impl Steps {
    /// As a table.
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

/// A socket on the loopback that nobody reads: what finds no room in it is dropped. Where it takes sends whole, as a network
/// card does that cuts them itself, the kernel does not cut them for it in the sender's time.
fn receiver(takes_sends_whole: bool) -> Result<UdpSocket, Box<dyn Error>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    setsockopt(&socket, UdpGroSegment, &takes_sends_whole)?;
    Ok(socket)
}

/// An export to such a socket.
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

/// Nanoseconds of CPU that this thread spends on `work`.
fn cpu<T>(work: impl FnOnce() -> T) -> Result<f64, Box<dyn Error>> {
    let before = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    black_box(work());
    let after = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(Duration::from(after - before).as_secs_f64() * 1e9)
}

/// GB a second, the best of several rounds: what disturbs can only make it less.
fn bandwidth(rounds: usize) -> f64 {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let words = STRETCH_BYTES / 8 / threads;
    let stretches: Vec<Vec<u64>> = (0..threads).map(|_| vec![1; words]).collect();
    let read = |stretch: &Vec<u64>| {
        black_box(
            stretch
                .iter()
                .fold(0, |sum: u64, word| sum.wrapping_add(*word)),
        )
    };
    let mut best: f64 = 0.0;
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        thread::scope(|scope| {
            for stretch in &stretches {
                scope.spawn(move || read(stretch));
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
