//! Floods of IP fragments.

use dnsflow_testkit::packets::{Ends, ethernet};

use super::messages::{CNAME, TXT, chain};
use super::{Flood, Packet, at, ends, ends_v6};

/// Bytes of the smallest fragment, and the unit of their offsets (RFC 791, section 3.1).
const UNIT_BYTES: usize = 8;
/// Payload of a fragment in a frame of 1,514 bytes over IPv4.
const FRAGMENT_BYTES: usize = 1480;
/// The largest UDP payload over IPv4.
const DATAGRAM_BYTES: usize = 65_507;
/// The offset of the last fragment of a datagram of nearly 64 KiB.
const LAST: usize = 65_520;
/// Pieces of a datagram, none of which touches another.
const PIECES: usize = 4095;
/// Incomplete datagrams that a decoder may hold at one time, with a kilobyte each.
const INCOMPLETE: u16 = 4096;
/// Seconds after which a decoder gives an incomplete datagram up.
const TIMEOUT_SECONDS: u64 = 61;
/// Packets of a flood.
const PACKETS: u16 = 8192;

/// All floods of fragments.
pub(super) fn floods() -> Vec<Flood> {
    vec![
        chains("CNAME chains of 64 KiB, fragments", CNAME),
        chains("TXT chains of 64 KiB, fragments", TXT),
        pieces("pieces, ascending", (0..PIECES).collect()),
        pieces("pieces, descending", (0..PIECES).rev().collect()),
        pieces("pieces, middle-out", middle_out(PIECES)),
        duplicates("duplicates of the last of 4,095 pieces", |_| PIECES - 1),
        duplicates("duplicates of any of 4,095 pieces", |index| {
            index * 1021 % PIECES
        }),
        overlap_at_the_end(),
        last_fragments("last fragments near 64 KiB", ends(0)),
        last_fragments("last fragments near 64 KiB, IPv6", ends_v6(0)),
        first_fragments(),
        first_fragments_of_chains(),
        overlapping("overlapping fragments of one datagram", false),
        overlapping("overlapping fragments of many datagrams", true),
        empty(),
        timeouts(),
    ]
}

fn fragment(of: u16, place: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    ethernet(&[], &ends(0).fragment(of, place, more, payload))
}

fn chains(flood: &'static str, kind: u16) -> Flood {
    let datagram = |id: u16| {
        let ends = ends(id.into());
        let datagram = ends.udp_datagram(53, 40_000, &chain(id, DATAGRAM_BYTES, kind));
        let fragments = ends.fragments(id, &datagram, FRAGMENT_BYTES);
        fragments.into_iter().map(|packet| ethernet(&[], &packet))
    };
    Flood::sequence(flood, Vec::new(), (0..4).flat_map(datagram).collect())
}

/// Every second unit of one datagram.
fn piece(of: u16, index: usize) -> Vec<u8> {
    fragment(of, 2 * UNIT_BYTES * index, true, &[7; UNIT_BYTES])
}

fn pieces(flood: &'static str, order: Vec<usize>) -> Flood {
    let frames = order.into_iter().map(|index| piece(0, index)).collect();
    Flood::sequence(flood, Vec::new(), frames)
}

/// The numbers below `count`, each in the middle of those before it.
pub(super) fn middle_out(count: usize) -> Vec<usize> {
    let middle = count / 2;
    let pairs = (0..middle).flat_map(|index| [middle + index, middle - 1 - index]);
    pairs.collect()
}

fn duplicates(flood: &'static str, which: impl Fn(usize) -> usize) -> Flood {
    let before = (0..PIECES).map(|index| piece(0, index)).collect();
    let again = |index| piece(0, which(index));
    Flood::sequence(
        flood,
        before,
        (0..usize::from(PACKETS)).map(again).collect(),
    )
}

/// Datagrams of 4,095 pieces, and a fragment that overlaps the last of them.
fn overlap_at_the_end() -> Flood {
    let mut frames = Vec::new();
    for of in 0..4 {
        frames.extend((0..PIECES).map(|index| piece(of, index)));
        let last = 2 * UNIT_BYTES * (PIECES - 1);
        frames.push(fragment(of, last, true, &[8; UNIT_BYTES]));
    }
    Flood::sequence("4,095 pieces, then an overlap", Vec::new(), frames)
}

/// Each makes a decoder find room for a datagram of nearly 64 KiB.
fn last_fragments(flood: &'static str, ends: Ends) -> Flood {
    let frame = |of| ethernet(&[], &ends.fragment(of, LAST, false, &[7; UNIT_BYTES]));
    Flood::sequence(
        flood,
        (0..256).map(frame).collect(),
        (256..PACKETS).map(frame).collect(),
    )
}

/// More datagrams than a decoder holds.
fn first_fragments() -> Flood {
    let frame = |of| fragment(of, 0, true, &[7; UNIT_BYTES]);
    Flood::sequence(
        "first fragments of 8,192 datagrams",
        (0..INCOMPLETE).map(frame).collect(),
        (INCOMPLETE..INCOMPLETE + PACKETS).map(frame).collect(),
    )
}

/// More bytes than a decoder holds, each with the start of a response: what is given up is read as
/// far as it is there.
fn first_fragments_of_chains() -> Flood {
    const PACKETS: u16 = 6000;
    const HELD: u16 = 4000;
    let datagram = ends(0).udp_datagram(53, 40_000, &chain(0, 2000, CNAME));
    let frame = |of| fragment(of, 0, true, &datagram[..FRAGMENT_BYTES]);
    Flood::sequence(
        "first fragments of CNAME chains",
        (0..HELD).map(frame).collect(),
        (HELD..PACKETS).map(frame).collect(),
    )
}

fn overlapping(flood: &'static str, many: bool) -> Flood {
    let pair = |number: u16| {
        let of = if many { number } else { 0 };
        [0, UNIT_BYTES].map(|place| fragment(of, place, true, &[7; 2 * UNIT_BYTES]))
    };
    Flood::sequence(flood, Vec::new(), (0..PACKETS).flat_map(pair).collect())
}

/// Fragments without a payload.
fn empty() -> Flood {
    let frame = |of| fragment(of, 0, true, &[]);
    Flood::repeated("fragments without a payload", (0..64).map(frame).collect())
}

/// Incomplete datagrams, each with the start of a response, that time out together.
fn timeouts() -> Flood {
    const START_BYTES: usize = 896;
    let start = |of: u16| {
        let ends = ends(of.into());
        let datagram = ends.udp_datagram(53, 40_000, &chain(of, 1472, TXT));
        ethernet(&[], &ends.fragment(of, 0, true, &datagram[..START_BYTES]))
    };
    let mut packets: Vec<Packet> = Vec::new();
    for turn in 0..3 {
        let seconds = turn * TIMEOUT_SECONDS;
        packets.extend(at(seconds, (0..INCOMPLETE).map(start).collect()));
    }
    Flood {
        packets,
        ..Flood::sequence("4,096 datagrams time out at once", Vec::new(), Vec::new())
    }
}
