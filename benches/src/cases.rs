//! The cases that are measured: named sets of frames.
//!
//! Responses come from the generator, with a fixed seed. Frames that it does not make (queries,
//! TCP, fragments, tunnels) are derived from its frames. Each case states the number of its
//! responses, and [`Case::decoder`] verifies it.

use crate::parts::decode;
use clap::Parser;
use dnsflow_capfile::pcap::Writer;
use dnsflow_generate::{Mix, Traffic};
use dnsflow_packet::tunnel::{Kind, Tunnels};
use dnsflow_packet::{Decoder, Selection};
use dnsflow_packet::{Frame, LinkType, Timestamp};
use dnsflow_wire::dns::Rules;
use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};

/// Responses in a case: more than fit into the caches and the branch predictor.
const RESPONSES: usize = 2048;

/// Generator options for answers to A over IPv4, without VLAN tags or aliases. Other cases change
/// the options that they are named for.
const PLAIN: &[&str] = &[
    "--noise=0",
    "--ipv6=0",
    "--vlan=0",
    "--aaaa=0",
    "--any=0",
    "--cname=0",
    "--dname=0",
    "--signed=0",
];

const SEED: u64 = 7;
const MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;
const VXLAN_PORT: u16 = 4789;

/// A named set of frames.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name of the case.
    pub name: &'static str,
    /// The frames, from the Ethernet header on.
    pub frames: Vec<Vec<u8>>,
    /// Number of responses that a decoder finds in them.
    pub responses: usize,
}

impl Case {
    /// All cases.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let plain = generated(PLAIN);
        let mut queries = plain.clone();
        for frame in &mut queries {
            frame[ETHERNET_BYTES + IPV4_BYTES + 8 + 2] &= 0x7f;
        }
        let fragments: Vec<_> = (0..)
            .zip(&plain)
            .flat_map(|(id, frame)| fragmented(frame, id))
            .collect();
        vec![
            Self::new("A over IPv4", plain.clone()),
            Self::new(
                "AAAA over IPv6",
                generated(&with(&["--ipv6=100", "--aaaa=100"])),
            ),
            Self::new("VLAN", generated(&with(&["--vlan=100"]))),
            Self::new("CNAME chain", generated(&with(&["--cname=100"]))),
            Self {
                name: "query",
                frames: queries,
                responses: 0,
            },
            Self {
                name: "TCP",
                frames: streams(&plain),
                responses: RESPONSES,
            },
            Self {
                name: "fragments",
                frames: fragments,
                responses: RESPONSES,
            },
            Self {
                name: "VXLAN",
                frames: plain.iter().map(|frame| in_vxlan(frame)).collect(),
                responses: RESPONSES,
            },
            Self::mix(),
        ]
    }

    /// The default traffic of the generator, without noise.
    #[must_use]
    pub fn mix() -> Self {
        Self::new("mix", generated(&["--noise=0"]))
    }

    fn new(name: &'static str, frames: Vec<Vec<u8>>) -> Self {
        Self {
            name,
            responses: frames.len(),
            frames,
        }
    }

    /// A decoder for the case, warmed up: it has decoded the case twice.
    ///
    /// # Panics
    /// If it does not find [`Case::responses`].
    #[must_use]
    pub fn decoder(&self) -> Decoder {
        let mut decoder = Decoder::new(selection());
        let capture = self.capture();
        for pass in ["first", "second"] {
            let found =
                usize::try_from(decode(&capture, &mut decoder).exported).unwrap_or(usize::MAX);
            assert_eq!(
                found, self.responses,
                "{}: responses in the {pass} pass",
                self.name
            );
        }
        decoder
    }

    /// The case as a capture file.
    ///
    /// # Panics
    /// Never: writes to memory do not fail.
    #[must_use]
    pub fn capture(&self) -> Vec<u8> {
        let mut writer =
            Writer::new(Vec::new(), LinkType::Ethernet).expect("writes to memory do not fail");
        for frame in &self.frames {
            writer
                .write(&frame_of(frame))
                .expect("writes to memory do not fail");
        }
        writer.into_inner()
    }
}

/// The selection for all cases: UDP and TCP from port 53, and VXLAN.
#[must_use]
pub fn selection() -> Selection {
    Selection {
        ports: vec![53],
        any_port: false,
        mdns: false,
        plain: false,
        tunnels: Tunnels::default().with(Kind::Vxlan),
        rules: Rules::default(),
        lists: None,
        sample: None,
    }
}

/// A frame as capture returns it: whole, with a fixed time.
#[inline]
#[must_use]
pub fn frame_of(bytes: &[u8]) -> Frame<'_> {
    Frame {
        vlan: None,
        bytes,
        wire_bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        at: Timestamp {
            seconds: 1_700_000_000,
            nanoseconds: 0,
        },
        link: LinkType::Ethernet,
    }
}

/// [`PLAIN`] with some options replaced.
fn with(more: &[&'static str]) -> Vec<&'static str> {
    let replaced = |option: &&&str| {
        !more
            .iter()
            .any(|new| new.split('=').next() == option.split('=').next())
    };
    PLAIN.iter().filter(replaced).chain(more).copied().collect()
}

/// The options of the generator that set the mix of its traffic.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    mix: Mix,
}

/// Frames of the generator, made with these options.
fn generated(options: &[&str]) -> Vec<Vec<u8>> {
    let options = Options::parse_from(["mix"].iter().chain(options));
    let mut traffic = Traffic::new(&options.mix, MACS, SEED, 0);
    let make = || {
        let mut frame = Vec::new();
        traffic.next_frame(&mut frame);
        frame
    };
    std::iter::repeat_with(make).take(RESPONSES).collect()
}

/// The DNS message in a UDP frame.
///
/// # Panics
/// If the frame is not UDP over Ethernet.
#[must_use]
pub fn message(frame: &[u8]) -> &[u8] {
    match SlicedPacket::from_ethernet(frame)
        .ok()
        .and_then(|packet| packet.transport)
    {
        Some(TransportSlice::Udp(udp)) => udp.payload(),
        _ => panic!("not a UDP frame"),
    }
}

/// Connections of 16 messages, with one segment per message, a SYN and a FIN. Each pair of ports is
/// used by two connections with distant sequence numbers, so that a second pass over the frames
/// opens new connections again.
fn streams(plain: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (first, second) = plain.split_at(plain.len() / 2);
    [connections(first, 0), connections(second, 1 << 31)].concat()
}

fn connections(plain: &[Vec<u8>], initial: u32) -> Vec<Vec<u8>> {
    const MESSAGES: usize = 16;
    let mut frames = Vec::new();
    for (port, messages) in (10_000..).zip(plain.chunks(MESSAGES)) {
        let segment = |sequence| {
            PacketBuilder::ethernet2(MACS[0], MACS[1])
                .ipv4([192, 0, 2, 53], [192, 0, 2, 1], 64)
                .tcp(53, port, sequence, 65_535)
                .ack(1)
        };
        let mut sequence = initial + 1;
        frames.push(built(&[], |frame, payload| {
            segment(initial).syn().write(frame, payload)
        }));
        for frame in messages {
            let message = message(frame);
            let length = u16::try_from(message.len()).expect("a message has at most 65,535 bytes");
            let payload = [&length.to_be_bytes(), message].concat();
            frames.push(built(&payload, |frame, payload| {
                segment(sequence).write(frame, payload)
            }));
            sequence += u32::from(length) + 2;
        }
        frames.push(built(&[], |frame, payload| {
            segment(sequence).fin().write(frame, payload)
        }));
    }
    frames
}

/// A frame divided into two IP fragments.
fn fragmented(frame: &[u8], identification: u16) -> [Vec<u8>; 2] {
    let (headers, payload) = frame.split_at(ETHERNET_BYTES + IPV4_BYTES);
    // Offsets count in units of 8 bytes (RFC 791, section 3.1).
    let units = payload.len() / 16;
    let (first, second) = payload.split_at(8 * units);
    let fragment = |part: &[u8], flags: u16| {
        let mut out = [headers, part].concat();
        let total = u16::try_from(out.len() - ETHERNET_BYTES).expect("a frame is short");
        out[ETHERNET_BYTES + 2..][..2].copy_from_slice(&total.to_be_bytes());
        out[ETHERNET_BYTES + 4..][..2].copy_from_slice(&identification.to_be_bytes());
        out[ETHERNET_BYTES + 6..][..2].copy_from_slice(&flags.to_be_bytes());
        out
    };
    let offset = u16::try_from(units).expect("a frame is short");
    [fragment(first, 0x2000), fragment(second, offset)]
}

/// The frame in VXLAN (RFC 7348, section 5): flags with the I bit, reserved, network 42, reserved;
/// then the inner frame.
fn in_vxlan(frame: &[u8]) -> Vec<u8> {
    let payload = [&[8, 0, 0, 0, 0, 0, 42, 0], frame].concat();
    let tunnel = PacketBuilder::ethernet2(MACS[0], MACS[1])
        .ipv4([198, 51, 100, 1], [198, 51, 100, 2], 64)
        .udp(50_000, VXLAN_PORT);
    built(&payload, |frame, payload| tunnel.write(frame, payload))
}

fn built<E: std::fmt::Debug>(
    payload: &[u8],
    write: impl FnOnce(&mut Vec<u8>, &[u8]) -> Result<(), E>,
) -> Vec<u8> {
    let mut frame = Vec::new();
    write(&mut frame, payload).expect("a frame that fits, into memory");
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pass_over_a_case_finds_all_responses() {
        for case in Case::all() {
            drop(case.decoder());
        }
    }
}
