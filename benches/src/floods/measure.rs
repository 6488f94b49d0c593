//! What a flood costs, beside ordinary packets.
//!
//! Each measurement of a flood is preceded by one of ordinary packets, and their ratio is taken:
//! what else the machine does affects both. Medians over the rounds are compared with the limits.
//! The longest time of a single packet is measured separately, with a clock that is read around
//! each packet and adds a few hundred nanoseconds to it; of each packet the shortest time of all
//! rounds counts, for an interruption only makes it longer.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use dnsflow::shard::Shard;
use dnsflow_packet::{Counters, Decoder, Fate, Frame, Sink, Timestamp};
use dnsflow_wire::dns::MessageReject;
use dnsflow_wire::encode::{Draft, Encode as _};
use dnsflow_wire::response::Envelope;
use dnsflow_wire::text::write_response;
use dnsflow_wire::v4::Encoder;
use serde::Serialize;

use super::{Flood, PAUSE_LIMIT, Packet, as_f64, selection};
use crate::cases::{Case, frame_of};
use crate::parts::{discarding_export, send, shard};
use crate::report::{Spread, table};
use crate::steps::cpu;

/// How often the ordinary packets are decoded in one measurement.
const ORDINARY_PASSES: usize = 4;

/// The cost of a flood.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Name of the flood.
    pub flood: &'static str,
    /// Average bytes of a packet.
    pub bytes: usize,
    /// Packets of a measurement.
    pub packets: usize,
    /// CPU time of the average packet, in nanoseconds.
    pub ns: Spread,
    /// The same in ordinary packets.
    pub ratio: Spread,
    /// Limit of the median ratio.
    pub limit: f64,
    /// CPU time of the packet that takes longest, in nanoseconds.
    pub longest_ns: f64,
    /// The same in ordinary packets; [`PAUSE_LIMIT`] is its limit.
    pub longest: f64,
}

/// The costs of all floods.
#[derive(Clone, Debug, Serialize)]
pub struct Costs {
    /// CPU time of an ordinary packet, in nanoseconds.
    pub ordinary_ns: Spread,
    /// Cost of each flood, in their order.
    pub floods: Vec<Cost>,
}

/// Measures `rounds` times, after a round of warm-up. Calls `progress` before each measurement,
/// with the round (0 for the warm-up) and the name of the flood.
///
/// # Errors
/// If the kernel does not tell the CPU time of a thread.
pub fn measure(
    floods: &[Flood],
    rounds: usize,
    progress: &mut dyn FnMut(usize, &str),
) -> Result<Costs, Box<dyn Error>> {
    let mix = Ordinary::new();
    let mut ordinary_ns = Vec::new();
    let mut runs: Vec<Runs> = floods.iter().map(|_| Runs::default()).collect();
    for round in 0..=rounds.max(1) {
        for (flood, runs) in floods.iter().zip(&mut runs) {
            progress(round, flood.name);
            let ordinary = mix.ns(flood.printed)?;
            let ns = average_ns(flood, &mix)?;
            let each = each_ns(flood, &mix)?;
            if round > 0 {
                if !flood.printed {
                    ordinary_ns.push(ordinary);
                }
                runs.add(ordinary, ns, each);
            }
        }
    }
    let ordinary_ns = Spread::of(ordinary_ns);
    let floods = floods
        .iter()
        .zip(runs)
        .map(|(flood, runs)| runs.cost(flood, ordinary_ns.median))
        .collect();
    Ok(Costs {
        ordinary_ns,
        floods,
    })
}

/// The measurements of one flood.
#[derive(Default)]
struct Runs {
    ns: Vec<f64>,
    ratios: Vec<f64>,
    /// The shortest time of each packet, in nanoseconds.
    each: Vec<f64>,
}

impl Runs {
    fn add(&mut self, ordinary: f64, ns: f64, each: Vec<f64>) {
        self.ns.push(ns);
        self.ratios.push(ns / ordinary);
        if self.each.is_empty() {
            self.each = each;
        } else {
            for (least, ns) in self.each.iter_mut().zip(each) {
                *least = least.min(ns);
            }
        }
    }

    fn cost(self, flood: &Flood, ordinary: f64) -> Cost {
        let longest_ns = self.each.into_iter().fold(0.0, f64::max);
        Cost {
            flood: flood.name,
            bytes: flood.average_bytes(),
            packets: flood.packets.len() * flood.passes,
            ns: Spread::of(self.ns),
            ratio: Spread::of(self.ratios),
            limit: flood.limit(),
            longest_ns,
            longest: longest_ns / ordinary,
        }
    }
}

impl Cost {
    /// Whether a limit is exceeded.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ratio.median > self.limit || self.longest > PAUSE_LIMIT
    }
}

impl Costs {
    /// The floods that exceed a limit.
    pub fn over(&self) -> impl Iterator<Item = &Cost> {
        self.floods.iter().filter(|cost| cost.is_over())
    }

    /// The costs as a table.
    #[must_use]
    pub fn text(&self) -> String {
        let row = |cost: &Cost| {
            vec![
                cost.flood.to_owned(),
                cost.bytes.to_string(),
                format!("{:.0}", cost.ns.median),
                cost.ratio.text(1),
                format!("{:.0}", cost.limit),
                format!("{:.1}", cost.longest_ns / 1000.0),
                format!("{:.0}", cost.longest),
                (if cost.is_over() { "OVER" } else { "ok" }).to_owned(),
            ]
        };
        let head = [
            "flood",
            "bytes a packet",
            "ns a packet",
            "ordinary packets",
            "limit",
            "longest packet, us",
            "ordinary packets",
            "",
        ];
        let rows: Vec<_> = self.floods.iter().map(row).collect();
        table(&head, &rows)
    }
}

/// Ordinary packets.
struct Ordinary(Vec<Vec<u8>>);

impl Ordinary {
    fn new() -> Self {
        Self(Case::mix().frames)
    }

    /// CPU time a packet, in nanoseconds; with `printed`, of one whose response becomes a line.
    fn ns(&self, printed: bool) -> Result<f64, Box<dyn Error>> {
        if printed {
            self.ns_with(Lines::new())
        } else {
            self.ns_with(new_shard())
        }
    }

    fn ns_with(&self, taker: impl Take) -> Result<f64, Box<dyn Error>> {
        let mut taker = self.warmed_up(taker);
        let spent = cpu(|| {
            for _ in 0..ORDINARY_PASSES {
                self.frames().for_each(|frame| taker.take(&frame));
            }
        })?;
        Ok(spent / as_f64(ORDINARY_PASSES * self.0.len()))
    }

    /// What has taken them: its memory is there, and the code is in the caches.
    fn warmed_up<T: Take>(&self, mut taker: T) -> T {
        self.frames().for_each(|frame| taker.take(&frame));
        taker
    }

    fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.0.iter().map(|bytes| frame_of(bytes))
    }
}

/// CPU time of the average packet of a flood, in nanoseconds, from a new decoder on.
fn average_ns(flood: &Flood, mix: &Ordinary) -> Result<f64, Box<dyn Error>> {
    if flood.printed {
        average_with(flood, mix.warmed_up(Lines::new()))
    } else {
        average_with(flood, mix.warmed_up(new_shard()))
    }
}

fn average_with(flood: &Flood, mut taker: impl Take) -> Result<f64, Box<dyn Error>> {
    prepare(flood, &mut taker);
    let spent = cpu(|| {
        for _ in 0..flood.passes {
            for packet in &flood.packets {
                taker.take(&frame(packet));
            }
        }
    })?;
    Ok(spent / as_f64(flood.passes * flood.packets.len()))
}

/// CPU time of each packet of a flood, in nanoseconds, from a new decoder on.
fn each_ns(flood: &Flood, mix: &Ordinary) -> Result<Vec<f64>, Box<dyn Error>> {
    if flood.printed {
        each_with(flood, mix.warmed_up(Lines::new()))
    } else {
        each_with(flood, mix.warmed_up(new_shard()))
    }
}

fn each_with(flood: &Flood, mut taker: impl Take) -> Result<Vec<f64>, Box<dyn Error>> {
    prepare(flood, &mut taker);
    let packets = flood.packets.iter();
    packets
        .map(|packet| cpu(|| taker.take(&frame(packet))))
        .collect()
}

/// Brings a decoder into the state that a flood meets.
fn prepare(flood: &Flood, taker: &mut impl Take) {
    for packet in &flood.before {
        taker.take(&frame(packet));
    }
}

fn frame(packet: &Packet) -> Frame<'_> {
    let frame = frame_of(&packet.bytes);
    let at = Timestamp {
        seconds: frame.at.seconds + packet.seconds,
        ..frame.at
    };
    Frame { at, ..frame }
}

fn new_shard() -> Shard {
    shard(Decoder::new(selection()), discarding_export())
}

/// What takes packets as a sensor does.
trait Take {
    fn take(&mut self, frame: &Frame<'_>);
}

impl Take for Shard {
    #[inline]
    fn take(&mut self, frame: &Frame<'_>) {
        if self.fill(&mut std::iter::once(*frame)) {
            send(&mut self.export);
        }
    }
}

/// A decoder whose responses become lines, as with `--print`.
struct Lines {
    decoder: Decoder,
    written: Written,
}

impl Lines {
    fn new() -> Self {
        Self {
            decoder: Decoder::new(selection()),
            written: Written {
                encoder: Encoder::default(),
                draft: Box::new([0; size_of::<Draft>()]),
                lines: String::new(),
                counters: Counters::default(),
            },
        }
    }
}

impl Take for Lines {
    #[inline]
    fn take(&mut self, frame: &Frame<'_>) {
        self.decoder.decode(frame, &mut self.written);
    }
}

/// Lines of responses: the buffer of `--print`, without its write to standard output.
struct Written {
    encoder: Encoder,
    draft: Box<Draft>,
    lines: String,
    counters: Counters,
}

impl Written {
    fn write_if_full(&mut self) {
        /// That of `export::print`.
        const BUFFER_BYTES: usize = 32 << 10;
        if self.lines.len() > BUFFER_BYTES {
            black_box(&self.lines);
            self.lines.clear();
        }
    }
}

impl Sink for Written {
    #[inline(always)]
    fn message(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
    ) -> Option<Result<(), MessageReject>> {
        let written = self
            .encoder
            .transcribe(message, envelope, &mut self.draft[..], 0)?;
        Some(written.map(|bytes| {
            let set = self.draft.get(..bytes).unwrap_or_default();
            Encoder::write_line(set, since_epoch(envelope.at), &mut self.lines);
            self.counters.exported += 1;
            self.write_if_full();
        }))
    }

    fn take(&mut self, fate: Fate<'_>, at: Timestamp) {
        self.counters.count(&fate);
        if let Fate::Response(response) = &fate {
            // Writing to a String does not fail.
            let _ = write_response(&mut self.lines, None, since_epoch(at), response);
            self.write_if_full();
        }
    }
}

fn since_epoch(at: Timestamp) -> Duration {
    Duration::new(at.seconds, at.nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a decoder counts over the measured packets of a flood.
    fn counted(flood: &Flood) -> Counters {
        let mut shard = new_shard();
        prepare(flood, &mut shard);
        shard.counters = Counters::default();
        for packet in &flood.packets {
            shard.take(&frame(packet));
        }
        shard.counters
    }

    /// A flood that is rejected on the way to what it is about would cost little and show nothing.
    #[test]
    fn floods_reach_what_they_are_about() {
        const RESPONSES: &[(&str, u64)] = &[
            ("CNAME chains, UDP", 64),
            ("chains of pointers, UDP", 64),
            ("CNAME chains, multicast DNS", 64),
            ("aliases of 127 labels, printed", 64),
            ("random bytes, UDP", 0),
            ("CNAME chains of 64 KiB, fragments", 4),
            ("CNAME chains, TCP", 64),
            ("A of 64 KiB, TCP", 8),
            ("VLAN tags, 15", 64),
            ("MPLS labels, 15", 64),
            ("IPv6 extension headers, 8", 64),
            ("IPv6 extension headers of 1,400 bytes", 64),
            ("IP in IP, 4 deep", 64),
            ("VXLAN, 4 deep, CNAME chains", 64),
            ("Geneve with options, 4 deep", 64),
            ("GTP with extensions", 64),
            ("fragments in 4 tunnels, each in fragments", 64),
        ];
        let floods = Flood::all();
        for (name, responses) in RESPONSES {
            let flood = floods.iter().find(|flood| flood.name == *name);
            let flood = flood.unwrap_or_else(|| panic!("no flood is named {name}"));
            assert_eq!(counted(flood).exported, *responses, "{name}");
        }
    }

    #[test]
    fn every_packet_of_a_flood_is_counted() {
        for flood in Flood::all() {
            let counters = counted(&flood);
            let packets = u64::try_from(flood.packets.len()).unwrap();
            assert_eq!(counters.received, packets, "{}", flood.name);
        }
    }

    #[test]
    fn printed_lines_are_those_of_the_responses() {
        let flood = Flood::all()
            .into_iter()
            .find(|flood| flood.name == "a question of 255 bytes, printed")
            .expect("it is one of them");
        let mut lines = Lines::new();
        for packet in &flood.packets[..2] {
            lines.take(&frame(packet));
        }
        let text = lines.written.lines;
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains(r"|\000.\000.\000"), "{text}");
    }
}
