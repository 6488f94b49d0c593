//! Packets from a small language: frames as they stand, and frames built of a message, what carries
//! it, and tunnels and link layers around that.
//!
//! ```text
//! travel: kind 1 | raw:   link type 1 | time 1 | cut 1 | count 2 | bytes
//!                | flood: shape 1 | count 2
//!                | built: message | transport | IP | around .. 0 | link | disorder | cut
//! ```

use std::net::IpAddr;

use dnsflow_packet::{Frame, LinkType, Timestamp};
use dnsflow_testkit::packets::{self, Ends};

use crate::input::Input;
use crate::message::message;

/// When the first packet was captured, in seconds.
const START_SECONDS: u64 = 1_700_000_000;

/// Most frames of one input, and of one travel.
const MAX_FRAMES: usize = 1_000;
const MAX_PARTS: usize = 200;

/// Most frames of a flood: more than datagrams that wait.
const MAX_FLOOD: u16 = 6_000;

/// Bytes of one travel after which it gets no further frame.
const MAX_TRAVEL_BYTES: usize = 256 << 10;

/// Bytes after which nothing more is put around a packet: lengths have 16 bits.
const ENOUGH_BYTES: usize = 60_000;

/// Most layers around a packet.
const MAX_AROUND: usize = 7;

/// LINKTYPE_ numbers that are decoded, and two that are not.
const LINKS: [u32; 27] = [
    1, 101, 0, 6, 7, 9, 10, 50, 51, 104, 105, 108, 113, 119, 163, 127, 129, 192, 204, 239, 253,
    276, 281, 284, 285, 195, 147,
];

/// Ports of resolvers, tunnels, mirrors and others.
const PORTS: [u16; 13] = [
    53, 40_000, 53, 5353, 5300, 4789, 8472, 6081, 4754, 2152, 30_030, 30_031, 99,
];

/// The kind of a flood.
const FLOOD: u8 = 0xfd;

const UDP: u8 = 17;
const TCP: u8 = 6;

/// A captured packet.
#[derive(Clone, Debug)]
pub struct Captured {
    bytes: Vec<u8>,
    wire_bytes: u32,
    at: Timestamp,
    link: LinkType,
}

impl Captured {
    /// It as the decoder takes it.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            bytes: &self.bytes,
            wire_bytes: self.wire_bytes,
            at: self.at,
            link: self.link,
            vlan: None,
        }
    }
}

/// Packets that belong together: one as it stands, or what one response was made into.
pub type Travel = Vec<Captured>;

/// All that an input stands for.
pub fn travels(input: &mut Input<'_>) -> Vec<Travel> {
    let mut seconds = START_SECONDS;
    let mut travels: Vec<Travel> = Vec::new();
    let mut frames = 0;
    while !input.is_empty() && frames < MAX_FRAMES {
        let travel = travel(input, &mut seconds);
        frames += travel.len().max(1);
        travels.push(travel);
    }
    travels
}

fn travel(input: &mut Input<'_>, seconds: &mut u64) -> Travel {
    let kind = input.byte();
    if kind & 3 == 0 {
        let link = link_type(input.byte());
        *seconds += u64::from(input.byte());
        let cut = u32::from(input.byte());
        let bytes = input.counted().to_vec();
        return vec![captured(bytes, cut, *seconds, link)];
    }
    if kind == FLOOD {
        return flood(input, *seconds);
    }
    let message = if kind & 4 == 0 {
        message(input)
    } else {
        input.counted().to_vec()
    };
    let ends = ends(input, kind & 8 != 0);
    let payloads = transport(input, &message);
    let mut parts = ip(input, ends, &payloads);
    for _ in 0..MAX_AROUND {
        match input.byte() {
            0 => break,
            layer => parts = around(input, layer, &parts),
        }
    }
    let (link, frames) = linked(input, &parts);
    let frames = disordered(input, frames);
    let cut = if kind & 0x10 != 0 { input.half() } else { 0 };
    frames
        .into_iter()
        .map(|mut bytes| {
            *seconds += u64::from(kind >> 5 == 7);
            let left = bytes.len().saturating_sub(cut.into());
            let missing = u32::try_from(bytes.len() - left).unwrap_or(0);
            bytes.truncate(left);
            captured(bytes, missing, *seconds, link)
        })
        .collect()
}

/// Fragments or segments, each of something else of which the rest never comes.
fn flood(input: &mut Input<'_>, seconds: u64) -> Travel {
    let shape = input.byte();
    let count = input.half() % MAX_FLOOD;
    let ends = Ends {
        resolver: [192, 0, 2, 53].into(),
        client: [198, 51, 100, 7].into(),
    };
    let part = vec![shape; 8 << (shape & 7)];
    let packet = |number| {
        if shape & 8 == 0 {
            let place = usize::from(shape >> 4) * 8;
            fragment(ends, UDP, number, place, true, &part)
        } else {
            ends.tcp(number, u32::from(shape >> 4), packets::PUSH_ACK, &part)
        }
    };
    (0..count)
        .map(|number| captured(packet(number), 0, seconds, LinkType::Ip))
        .collect()
}

/// Adds a part to those of a travel, unless they are enough.
fn push(parts: &mut Vec<Vec<u8>>, part: Vec<u8>) {
    let bytes: usize = parts.iter().map(Vec::len).sum();
    if parts.len() < MAX_PARTS && bytes < MAX_TRAVEL_BYTES {
        parts.push(part);
    }
}

fn captured(bytes: Vec<u8>, cut: u32, seconds: u64, link: LinkType) -> Captured {
    Captured {
        wire_bytes: u32::try_from(bytes.len())
            .unwrap_or(u32::MAX)
            .saturating_add(cut),
        bytes,
        at: Timestamp {
            seconds,
            nanoseconds: 0,
        },
        link,
    }
}

/// The link type that a byte stands for.
fn link_type(byte: u8) -> LinkType {
    match byte {
        0xfd => LinkType::Network(packets::IPV4),
        0xfe => LinkType::Network(packets::IPV6),
        0xff => LinkType::Network(0x8100),
        other => LinkType::from_number(LINKS[usize::from(other) % LINKS.len()]),
    }
}

/// The byte that stands for a link type, given by its LINKTYPE_ number.
#[must_use]
pub fn link_byte(number: u32) -> Option<u8> {
    let wanted = LinkType::from_number(number);
    let index = LINKS
        .iter()
        .position(|known| LinkType::from_number(*known) == wanted)?;
    u8::try_from(index).ok()
}

fn ends(input: &mut Input<'_>, ipv6: bool) -> Ends {
    let who = input.byte();
    let address = |last: u8| -> IpAddr {
        if ipv6 {
            [0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()].into()
        } else {
            [192, 0, 2, last].into()
        }
    };
    Ends {
        resolver: address(who >> 4),
        client: address(0x80 | who),
    }
}

/// A protocol, and packets' payloads of it.
type Payloads = (u8, Vec<Vec<u8>>);

fn transport(input: &mut Input<'_>, message: &[u8]) -> Payloads {
    match input.byte() {
        0..=0x9f => {
            let (from, to) = (port(input), port(input));
            (UDP, vec![datagram(from, to, message)])
        }
        shape @ 0xa0..=0xef => (TCP, segments(input, shape, message)),
        _ => (input.byte(), vec![message.to_vec()]),
    }
}

fn port(input: &mut Input<'_>) -> u16 {
    match input.byte() {
        0xff => input.half(),
        chosen => PORTS[usize::from(chosen) % PORTS.len()],
    }
}

fn datagram(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let payload = payload.get(..ENOUGH_BYTES).unwrap_or(payload);
    packets::udp(from, to, 0, payload)
}

/// A stream of the message, one to four times, cut into segments.
fn segments(input: &mut Input<'_>, shape: u8, message: &[u8]) -> Vec<Vec<u8>> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let once = [&length.to_be_bytes()[..], message].concat();
    let stream = once.repeat(1 + usize::from(shape & 3));
    let (from, to) = (port(input), port(input));
    let start = match input.byte() {
        0 => 100,
        1 => u32::MAX - 20,
        _ => input.word(),
    };
    let bytes = 1 + usize::from(input.byte()) * 8;
    let segment =
        |sequence, flags, payload: &[u8]| packets::segment(from, to, sequence, flags, payload);
    let mut segments = Vec::new();
    if shape & 4 == 0 {
        segments.push(segment(start.wrapping_sub(1), packets::SYN_ACK, &[]));
    }
    let mut sequence = start;
    for part in stream.chunks(bytes).take(MAX_PARTS) {
        push(&mut segments, segment(sequence, packets::PUSH_ACK, part));
        sequence = sequence.wrapping_add(u32::try_from(part.len()).unwrap_or(0));
    }
    if shape & 8 == 0 {
        segments.push(segment(sequence, packets::FIN_ACK, &[]));
    }
    segments
}

/// IP packets of the payloads, in fragments or whole.
fn ip(input: &mut Input<'_>, ends: Ends, (protocol, payloads): &Payloads) -> Vec<Vec<u8>> {
    let shape = input.byte();
    let of = u16::from(input.byte());
    let bytes = 8 * (1 + usize::from(input.byte()));
    let mut packets = Vec::new();
    for (payload, number) in payloads.iter().zip(0_u16..) {
        if payload.len() > ENOUGH_BYTES {
            continue;
        }
        if shape & 3 == 1 {
            let parts = (0..).step_by(bytes).zip(payload.chunks(bytes));
            for (place, part) in parts.take(MAX_PARTS) {
                let more = place + part.len() < payload.len();
                let of = of.wrapping_add(number);
                push(
                    &mut packets,
                    fragment(ends, *protocol, of, place, more, part),
                );
            }
        } else if ends.is_ipv6() {
            let extended = match shape >> 2 & 3 {
                0 | 1 => (*protocol, payload.clone()),
                2 => (0, packets::extension(*protocol, payload)),
                _ => (44, packets::fragment(*protocol, of, 0, false, payload)),
            };
            push(&mut packets, ends.ip(extended.0, &extended.1));
        } else {
            let options = [1; 40];
            let options = &options[..usize::from(shape >> 2 & 3) * 4];
            push(&mut packets, ends.ipv4(options, of, 0, *protocol, payload));
        }
    }
    packets
}

fn fragment(ends: Ends, protocol: u8, of: u16, place: usize, more: bool, part: &[u8]) -> Vec<u8> {
    let units = u16::try_from(place / 8).unwrap_or(u16::MAX) & 0x1fff;
    if ends.is_ipv6() {
        let part = packets::fragment(protocol, of, units, more, part);
        ends.ip(44, &part)
    } else {
        ends.ipv4(&[], of, units | u16::from(more) << 13, protocol, part)
    }
}

/// Something around each of the packets.
fn around(input: &mut Input<'_>, layer: u8, parts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let shape = input.byte();
    let outer = ends(input, shape & 1 != 0);
    let udp = |to: u16, payload: Vec<u8>| (UDP, datagram(9, to, &payload));
    let mut made = Vec::new();
    for part in parts {
        if part.is_empty() || part.len() > ENOUGH_BYTES {
            continue;
        }
        let kind = packets::ether_type(part);
        let ethernet = || packets::ethernet(tags(shape), part);
        let (protocol, payload) = match layer % 14 {
            1 => udp(4789, packets::vxlan(&ethernet())),
            2 => udp(6081, packets::geneve(shape >> 6, 0x6558, &ethernet())),
            3 => udp(6081, packets::geneve(shape >> 6, kind, part)),
            4 => udp(2152, packets::gtp(0, &[], part)),
            5 => udp(
                2152,
                packets::gtp(4, &[0, 0, 0, 0x85, 1, shape, 0, 0], part),
            ),
            6 => (47, packets::gre(shape & 0xb0, kind, part)),
            7 => (47, packets::gre(shape & 0x30, 0x6558, &ethernet())),
            8 => (
                47,
                packets::gre(
                    0x10,
                    0x88be,
                    &[&[0x10, 1, 0, 0, 0, 0, 0, 0][..], &ethernet()].concat(),
                ),
            ),
            9 => (
                47,
                packets::gre(
                    0,
                    0x22eb,
                    &[&[0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &ethernet()].concat(),
                ),
            ),
            10 => udp(30_030, [&[0; 8][..], part].concat()),
            11 => udp(30_031, [&[0; 16][..], &ethernet()].concat()),
            12 => udp(4754, packets::gre(0, kind, part)),
            13 => (
                47,
                packets::gre(0, 0x8847, &packets::mpls(1 + (shape >> 6), part)),
            ),
            _ => {
                push(&mut made, outer.ip_in_ip(part));
                continue;
            }
        };
        if payload.len() <= ENOUGH_BYTES {
            for packet in ip(&mut input.clone(), outer, &(protocol, vec![payload])) {
                push(&mut made, packet);
            }
        }
    }
    input.take(3);
    made
}

fn tags(shape: u8) -> &'static [u16] {
    match shape >> 1 & 7 {
        1 => &[0x8100],
        2 => &[0x88a8, 0x8100],
        3 => &[0x9100],
        4 => &[0x88a8],
        5 => &[0x8100, 0x9100, 0x88a8, 0x8100],
        _ => &[],
    }
}

/// Frames of the packets, and their link type.
fn linked(input: &mut Input<'_>, parts: &[Vec<u8>]) -> (LinkType, Vec<Vec<u8>>) {
    let shape = input.byte();
    let parts = parts
        .iter()
        .filter(|part| !part.is_empty() && part.len() <= ENOUGH_BYTES);
    let tags = tags(shape);
    let way = shape >> 4;
    let header = if way == 11 { input.take(24) } else { &[] };
    let frame = |part: &Vec<u8>| {
        let kind = packets::ether_type(part);
        match way {
            4 => packets::snap(tags, kind, part),
            5 => packets::ethernet_of(tags, 0x8847, &packets::mpls(2, part)),
            6 => {
                let protocol = if kind == packets::IPV6 { 0x57 } else { 0x21 };
                packets::ethernet_of(tags, 0x8864, &packets::pppoe(protocol, part))
            }
            7 => packets::cooked(part),
            8..=10 => part.clone(),
            // Whatever stands before it on any link type.
            11 => [header, part].concat(),
            12 => packets::llc(tags, &[6, 6, 3], part),
            _ => packets::ethernet(tags, part),
        }
    };
    let frames: Vec<Vec<u8>> = parts.map(frame).collect();
    let link = match way {
        7 => LinkType::Cooked,
        8 => LinkType::Ip,
        9 => LinkType::Network(packets::IPV4),
        10 => LinkType::Network(packets::IPV6),
        11 => link_type(input.byte()),
        _ => LinkType::Ethernet,
    };
    (link, frames)
}

/// The frames in another order; one may be missing, one may come twice.
fn disordered(input: &mut Input<'_>, mut frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let how = input.byte();
    if frames.len() < 2 || how == 0 {
        return frames;
    }
    let at = usize::from(input.byte()) % frames.len();
    if how & 1 != 0 {
        frames.reverse();
    }
    if how & 2 != 0 {
        frames.rotate_left(at);
    }
    if how & 4 != 0 {
        let twice = frames[at].clone();
        frames.push(twice);
    }
    if how & 8 != 0 {
        frames.remove(at);
    }
    if how & 0x10 != 0 {
        let other = usize::from(input.byte()) % frames.len();
        let at = at % frames.len();
        frames.swap(at, other);
    }
    if how & 0x20 != 0 {
        let place = usize::from(input.half());
        let byte = input.byte();
        let at = at % frames.len();
        if let Some(changed) = frames[at].get_mut(place) {
            *changed = byte;
        }
    }
    frames
}
