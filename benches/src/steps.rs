//! CPU time of each step of packet processing, of the thread that runs it.

use std::error::Error;
use std::hint::black_box;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use dnsflow::export::collector::Collector;
use dnsflow::export::{Export, Sinks};
use dnsflow::shard::Shard;
use dnsflow_packet::Decoder;
use dnsflow_wire::encode::Encode;
use dnsflow_wire::v4::Encoder;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::UdpGroSegment;
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::cases::selection;
use crate::lists;
use crate::parts::{
    DATAGRAM_BYTES, decode, detailed_selection, discarding_export, encoder_v5, send, shard, walk,
    whole, whole_by,
};
use crate::report::{Spread, Target, table};

/// Bytes that are read to measure the memory bandwidth: more than any cache holds.
const BANDWIDTH_BYTES: usize = 128 << 20;

/// Passes of each step in a round, of which the least counts.
const PASSES: usize = 3;

/// What version 5 costs beside version 4: CPU a response, in nanoseconds, and the ratio in the same round.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Beside {
    /// Of version 4.
    pub v4: Spread,
    /// Of version 5.
    pub v5: Spread,
    /// Version 5 of version 4.
    pub ratio: Spread,
}

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
    /// Per packet, in addition: looking its name up in a list of a million of which none is asked
    /// for; in one that has all that are asked for; its client in one of a million networks.
    pub lists: [f64; 3],
    /// Decoding, and writing records into datagrams, in order.
    pub written: Beside,
    /// Sending runs of datagrams of one size, to a socket with UDP_GRO.
    pub sent: Beside,
    /// All of it, from decoding to sending. For version 4 it includes the pool that fills datagrams exactly.
    pub all: Beside,
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
    let gro_socket_v5 = receiver(true)?;
    let new = |export| shard(Decoder::new(detailed_selection()), export);
    let mut gro_v5 = new(exporter_of(encoder_v5(), &gro_socket_v5)?);
    let mut discarding_v5 = new(Export::new(encoder_v5(), DATAGRAM_BYTES, Sinks::default()));
    whole(capture, &mut discarding_v5);
    let counters = whole(capture, &mut discarding);
    let packets = as_f64(counters.received);
    let responses = as_f64(counters.exported);
    let mut found = [const { Vec::new() }; 8];
    let mut with_lists = [
        lists::none_excluded(),
        lists::all_included(capture),
        lists::no_client_excluded(),
    ];
    let mut besides = [const { Vec::new() }; 3];
    for _ in 0..rounds.max(1) {
        let walked = least(|| walk(capture))?;
        let decoded = least(|| decode(capture, &mut decoder).exported)?;
        let exported = least(|| whole(capture, &mut discarding).exported)?;
        let (sent, sends) = sending(capture, &mut gro)?;
        let exported_v5 = least(|| whole(capture, &mut discarding_v5).exported)?;
        let (sent_v5, sends_v5) = sending(capture, &mut gro_v5)?;
        let sent_segmented = least(|| whole(capture, &mut segmented).exported)?;
        let pairs = [
            (exported - walked, exported_v5 - walked),
            (sends, sends_v5),
            (sent - walked, sent_v5 - walked),
        ];
        for (beside, (v4, v5)) in besides.iter_mut().zip(pairs) {
            beside.push((v4 / responses, v5 / responses));
        }
        found[0].push(walked / packets);
        found[1].push((decoded - walked) / packets);
        found[2].push((exported - decoded) / responses);
        found[3].push((sent - decoded) / responses);
        found[4].push((sent_segmented - decoded) / responses);
        for (place, listed) in found[5..].iter_mut().zip(&mut with_lists) {
            // Beside each other, so that disturbances affect both.
            let alone = least(|| decode(capture, &mut decoder).exported)?;
            let with_list = least(|| decode(capture, listed).exported)?;
            place.push((with_list - alone) / packets);
        }
    }
    let failed = gro.export.sent().failed + segmented.export.sent().failed;
    if failed + gro_v5.export.sent().failed > 0 {
        return Err("datagrams could not be sent on the loopback".into());
    }
    let [written, sent, all] = besides.map(|pairs| Beside::of(&pairs));
    let [walk, decode, export, send, apart, lists @ ..] =
        found.map(|values| Spread::of(values).median);
    Ok(Steps {
        walk,
        decode,
        export,
        send,
        apart,
        lists,
        written,
        sent,
        all,
        bandwidth: bandwidth(rounds),
    })
}

impl Beside {
    /// Of the times of version 4 and version 5 in each round.
    fn of(pairs: &[(f64, f64)]) -> Self {
        Self {
            v4: Spread::of(pairs.iter().map(|(v4, _)| *v4)),
            v5: Spread::of(pairs.iter().map(|(_, v5)| *v5)),
            ratio: Spread::of(pairs.iter().map(|(v4, v5)| v5 / v4)),
        }
    }
}

impl Steps {
    /// What version 5 may cost, and what it does.
    #[must_use]
    pub fn targets(&self) -> [Target; 2] {
        let of = |what: &str, at_most, beside: &Beside| {
            Target::new(what, at_most, "", Some(beside.ratio.median))
        };
        [
            of(
                "version 5, of version 4: decode a response and write its record",
                1.10,
                &self.written,
            ),
            of(
                "version 5, of version 4: send datagrams of one size",
                0.85,
                &self.sent,
            ),
        ]
    }

    /// Version 5 beside version 4 as a table.
    #[must_use]
    pub fn beside_text(&self) -> String {
        let row = |step: &str, beside: &Beside| {
            let of = |spread: &Spread, digits| spread.text(digits);
            vec![
                step.to_owned(),
                of(&beside.v4, 1),
                of(&beside.v5, 1),
                of(&beside.ratio, 2),
            ]
        };
        table(
            &["a response, CPU ns", "v4", "v5", "v5 of v4"],
            &[
                row(
                    "decode it, and write its record into datagrams",
                    &self.written,
                ),
                row("send datagrams of one size", &self.sent),
                row("all, with the pool of version 4", &self.all),
            ],
        )
    }

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
                row(
                    "a packet more: its name in a list of a million, none of them asked for",
                    self.lists[0],
                ),
                row("the same, all that are asked for among them", self.lists[1]),
                row(
                    "a packet more: its client in a list of a million networks",
                    self.lists[2],
                ),
            ],
        )
    }
}

/// A loopback socket that is never read: datagrams that exceed its buffer are dropped. With `gro`
/// it receives a run whole, like a network card with segmentation offload; otherwise the kernel
/// segments the run in the time of the sender.
pub(crate) fn receiver(gro: bool) -> Result<UdpSocket, Box<dyn Error>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    setsockopt(&socket, UdpGroSegment, &gro)?;
    Ok(socket)
}

/// An export of version 4 to the socket of [`receiver`].
fn exporter(receiver: &UdpSocket) -> Result<Export, Box<dyn Error>> {
    exporter_of(Encoder::default(), receiver)
}

/// An export to the socket of [`receiver`].
pub(crate) fn exporter_of<E: Encode>(
    encoder: E,
    receiver: &UdpSocket,
) -> Result<Export<E>, Box<dyn Error>> {
    let collectors = vec![Collector::new(
        receiver.local_addr()?.into(),
        DATAGRAM_BYTES,
    )];
    let sinks = Sinks {
        collectors,
        ..Sinks::default()
    };
    Ok(Export::new(encoder, DATAGRAM_BYTES, sinks))
}

/// The least CPU time of several passes that send, in nanoseconds, and the least of their sends alone.
fn sending<E: Encode>(capture: &[u8], shard: &mut Shard<E>) -> Result<(f64, f64), Box<dyn Error>> {
    let (mut least, mut least_sends) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..PASSES {
        let (mut sends, mut failure) = (0.0, None);
        let all = cpu(|| {
            whole_by(capture, shard, |export| match cpu(|| send(export)) {
                Ok(spent) => sends += spent,
                Err(error) => failure = Some(error),
            })
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        (least, least_sends) = (least.min(all), least_sends.min(sends));
    }
    Ok((least, least_sends))
}

/// The least CPU time of several passes of `work`, in nanoseconds: disturbances only add to it, and some figures are
/// small differences.
fn least(mut work: impl FnMut() -> u64) -> Result<f64, Box<dyn Error>> {
    let mut least = f64::INFINITY;
    for _ in 0..PASSES {
        least = least.min(cpu(&mut work)?);
    }
    Ok(least)
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
