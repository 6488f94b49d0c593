//! Floods of TCP segments.

use dnsflow_testkit::packets::{ACK, FIN_ACK, PUSH_ACK, SYN_ACK};

use super::fragments::middle_out;
use super::messages::{
    A, AAAA, CNAME, TXT, addresses, aliases, chain, in_stream, long_labels, lookalikes, pointers,
    tiny,
};
use super::{Flood, MESSAGE_BYTES, OFFLOADED_BYTES, Random, TCP_BYTES, at, tcp};

/// The RST flag (RFC 9293, section 3.1).
const RST: u8 = 0x04;
/// The sequence number of every SYN, unless it matters.
const INITIAL: u32 = 1000;
/// Sequence number of the first byte behind it.
const FIRST: u32 = INITIAL + 1;
/// Segments of a flood.
const SEGMENTS: u32 = 8192;
/// Segments of one byte that a decoder may hold behind a gap in one stream.
const HELD: usize = 6000;
/// Streams that a decoder may follow.
const STREAMS: u32 = 16_384;
/// Seconds after which a stream counts as idle.
const IDLE_SECONDS: u64 = 121;
/// Seconds after which a missing segment is given up.
const GAP_SECONDS: u64 = 11;

/// All floods of segments.
pub(super) fn floods() -> Vec<Flood> {
    let small = TCP_BYTES - 2;
    vec![
        messages("CNAME chains, TCP", &|id| chain(id, small, CNAME)),
        messages("A chains, TCP", &|id| chain(id, small, A)),
        messages("TXT chains, TCP", &|id| chain(id, small, TXT)),
        messages("chains of pointers, TCP", &|id| pointers(id, small)),
        messages("CNAME chains of 64 KiB, TCP", &|id| {
            chain(id, MESSAGE_BYTES, CNAME)
        }),
        messages("TXT chains of 64 KiB, TCP", &|id| {
            chain(id, MESSAGE_BYTES, TXT)
        }),
        messages("CNAME chains of 64 KiB, TCP, printed", &|_| {
            chain(0, MESSAGE_BYTES, CNAME)
        })
        .printed(),
        messages("aliases of 4 long labels, 64 KiB, TCP", &|id| {
            aliases(id, MESSAGE_BYTES, &long_labels(b'x'))
        }),
        messages("A of 64 KiB, TCP", &|id| addresses(id, MESSAGE_BYTES, A)),
        messages("AAAA of 64 KiB, TCP", &|id| {
            addresses(id, MESSAGE_BYTES, AAAA)
        }),
        cut_into(
            "the smallest responses, TCP",
            TCP_BYTES,
            &repeat(&in_stream(&tiny(1)), 1 << 18),
        )
        .of_responses(in_stream(&tiny(1)).len()),
        cut_into(
            "the smallest responses, offloaded",
            OFFLOADED_BYTES,
            &repeat(&in_stream(&tiny(1)), 1 << 20),
        )
        .of_responses(in_stream(&tiny(1)).len()),
        cut_into(
            "headers alone, TCP",
            TCP_BYTES,
            &repeat(&in_stream(&[0; 12]), 1 << 18),
        ),
        cut_into(
            "headers alone, offloaded",
            OFFLOADED_BYTES,
            &repeat(&in_stream(&[0; 12]), 1 << 20),
        ),
        cut_into(
            "lengths below a header, TCP",
            TCP_BYTES,
            &repeat(&[0, 1], 1 << 18),
        ),
        cut_into(
            "a byte a segment, in step",
            1,
            &in_stream(&chain(0, 8000, TXT)),
        ),
        lost("lookalikes, 1,460 bytes", TCP_BYTES, lookalikes),
        lost("lookalikes, offloaded", OFFLOADED_BYTES, lookalikes),
        lost("lookalikes, a byte a segment", 1, lookalikes),
        lost("lookalikes, 14 bytes a segment", 14, lookalikes),
        lost("random bytes, TCP", TCP_BYTES, random),
        lost("random bytes, offloaded", OFFLOADED_BYTES, random),
        lost("random bytes, a byte a segment", 1, random),
        lost("zeros, TCP", TCP_BYTES, |bytes, _| vec![0; bytes]),
        ahead(
            "ahead, descending, then filled",
            &descending(),
            Ending::Filled,
        ),
        ahead(
            "ahead, descending, then RST",
            &descending(),
            Ending::Flag(RST),
        ),
        ahead(
            "ahead, descending, then SYN",
            &descending(),
            Ending::Flag(SYN_ACK),
        ),
        ahead(
            "ahead, descending, then FIN",
            &descending(),
            Ending::Flag(FIN_ACK),
        ),
        ahead(
            "ahead, middle-out, then filled",
            &middle_out(HELD),
            Ending::Filled,
        ),
        ahead(
            "ahead, every other byte, then RST",
            &every_other(),
            Ending::Flag(RST),
        ),
        ahead(
            "ahead, every other byte, then filled",
            &every_other(),
            Ending::Filled,
        ),
        late(),
        at_the_bound(),
        duplicates(),
        overlapping(),
        spoofed("a stream for each segment", ACK, &[7]),
        spoofed("a stream for each SYN", SYN_ACK, &[]),
        spoofed("a stream for each RST", RST, &[]),
        spoofed(
            "a stream for each lookalike",
            ACK,
            &lookalikes(TCP_BYTES, &mut Random(1)),
        ),
        spoofed(
            "a stream for each large start of a message",
            SYN_ACK,
            &start(),
        ),
        structured(),
        resets(),
        idle(),
        idle_with_gaps(),
    ]
}

/// A stream of messages, each of which begins a segment.
fn messages(flood: &'static str, message: &dyn Fn(u16) -> Vec<u8>) -> Flood {
    let several = if message(0).len() > TCP_BYTES { 8 } else { 64 };
    let mut frames = vec![tcp(0, INITIAL, SYN_ACK, &[])];
    let mut sequence = FIRST;
    for id in 0..several {
        for part in in_stream(&message(id)).chunks(TCP_BYTES) {
            frames.push(tcp(0, sequence, PUSH_ACK, part));
            sequence += offset(part.len());
        }
    }
    Flood::sequence(flood, Vec::new(), frames)
}

/// A stream from its SYN on, in segments of so many bytes.
fn stream(client: u32, bytes: usize, content: &[u8]) -> Vec<Vec<u8>> {
    let opening = tcp(client, INITIAL, SYN_ACK, &[]);
    let segments = (FIRST..).step_by(bytes).zip(content.chunks(bytes));
    let segments = segments.map(|(sequence, part)| tcp(client, sequence, PUSH_ACK, part));
    std::iter::once(opening).chain(segments).collect()
}

fn cut_into(flood: &'static str, bytes: usize, content: &[u8]) -> Flood {
    Flood::sequence(flood, Vec::new(), stream(0, bytes, content))
}

fn repeat(content: &[u8], bytes: usize) -> Vec<u8> {
    content.repeat(bytes / content.len())
}

/// One stream without a SYN: where its messages start is not known.
fn lost(flood: &'static str, bytes: usize, content: fn(usize, &mut Random) -> Vec<u8>) -> Flood {
    let total = (1 << 20).min(bytes * 4096);
    let content = content(total, &mut Random(1));
    let frames = stream(0, bytes, &content).split_off(1);
    Flood::sequence(flood, Vec::new(), frames)
}

fn random(bytes: usize, random: &mut Random) -> Vec<u8> {
    random.bytes(bytes)
}

/// The start of a message of 64 KiB that fills a segment.
fn start() -> Vec<u8> {
    in_stream(&addresses(0, MESSAGE_BYTES, A))[..TCP_BYTES].to_vec()
}

/// What ends a gap.
enum Ending {
    /// The segment that was missing.
    Filled,
    /// An empty segment with flags.
    Flag(u8),
}

/// Streams with segments of one byte ahead of a missing one.
fn ahead(flood: &'static str, order: &[usize], ending: Ending) -> Flood {
    const GAP: u32 = 1;
    let content = in_stream(&addresses(0, 2 * HELD, A));
    let mut frames = Vec::new();
    for client in 0..2 {
        frames.push(tcp(client, INITIAL, SYN_ACK, &[]));
        for (place, sequence) in order
            .iter()
            .map(|index| (index + 1, FIRST + GAP + offset(*index)))
        {
            let byte = content.get(place..=place).unwrap_or(&[7]);
            frames.push(tcp(client, sequence, ACK, byte));
        }
        frames.push(match ending {
            Ending::Filled => tcp(client, FIRST, ACK, &content[..1]),
            // Far away: of another connection.
            Ending::Flag(SYN_ACK) => tcp(client, FIRST + (1 << 31), SYN_ACK, &[]),
            Ending::Flag(flags) => tcp(client, FIRST, flags, &[]),
        });
    }
    Flood::sequence(flood, Vec::new(), frames)
}

fn offset(index: usize) -> u32 {
    u32::try_from(index).expect("a stream of less than 4 GiB")
}

fn descending() -> Vec<usize> {
    (0..HELD).rev().collect()
}

/// Descending, with a gap behind each.
fn every_other() -> Vec<usize> {
    (0..HELD).rev().map(|index| 2 * index).collect()
}

/// Gaps that are all given up with the segment that arrives when the time is over.
fn late() -> Flood {
    let mut flood = ahead(
        "ahead, every other byte, then late",
        &every_other(),
        Ending::Filled,
    );
    let more = tcp(1, FIRST + 1 + 2 * offset(HELD), ACK, &[7]);
    flood.packets.pop();
    flood.packets.extend(at(GAP_SECONDS, vec![more]));
    flood
}

/// A stream with as much held as a decoder allows, and more ahead of that, with gaps.
fn at_the_bound() -> Flood {
    let segment = |index: u32| tcp(0, FIRST + 2 * index + 1, ACK, &[7]);
    let mut before = vec![tcp(0, INITIAL, SYN_ACK, &[])];
    before.extend((0..SEGMENTS).map(segment));
    let frames = (SEGMENTS..2 * SEGMENTS).map(segment).collect();
    Flood::sequence("ahead, every other byte, at the bound", before, frames)
}

/// Duplicates of segments that are held.
fn duplicates() -> Flood {
    let segment = |index: usize| tcp(0, FIRST + 1 + 2 * offset(index), ACK, &[7]);
    let mut before = vec![tcp(0, INITIAL, SYN_ACK, &[])];
    before.extend((0..HELD).map(segment));
    let frames = (0..2 * HELD)
        .map(|index| segment(index * 1021 % HELD))
        .collect();
    Flood::sequence("duplicates of segments ahead", before, frames)
}

/// Segments at one place ahead, each a byte longer than the one before.
fn overlapping() -> Flood {
    let mut frames = vec![tcp(0, INITIAL, SYN_ACK, &[])];
    let content = [7; TCP_BYTES];
    frames.extend((1..=TCP_BYTES).map(|bytes| tcp(0, FIRST + 1, ACK, &content[..bytes])));
    frames.push(tcp(0, FIRST, ACK, &[0]));
    Flood::sequence("ahead, each longer than the one before", Vec::new(), frames)
}

/// More streams than a decoder follows, of random clients.
fn spoofed(flood: &'static str, flags: u8, payload: &[u8]) -> Flood {
    let mut random = Random(2);
    let mut segment = |_| {
        let client = u32::try_from(random.number() >> 40).expect("24 bits");
        tcp(client, INITIAL, flags, payload)
    };
    let (streams, segments) = if payload.len() < 100 {
        (STREAMS, 2 * SEGMENTS)
    } else {
        (STREAMS / 4, SEGMENTS / 4)
    };
    let before = (0..streams).map(&mut segment).collect();
    Flood::sequence(flood, before, (0..segments).map(segment).collect())
}

/// Clients that differ in their upper bits alone, which a weak hash throws away.
fn structured() -> Flood {
    let segment = |index: u32| tcp(index.reverse_bits() >> 8, INITIAL, ACK, &[7]);
    Flood::sequence(
        "streams that differ in upper bits",
        (0..STREAMS).map(segment).collect(),
        (STREAMS..STREAMS + SEGMENTS).map(segment).collect(),
    )
}

/// SYN and RST in turn to streams that wait for the rest of a message.
fn resets() -> Flood {
    const WAITING: u32 = 2048;
    let open = |client| tcp(client, INITIAL, SYN_ACK, &start());
    let end = |client: u32| {
        let syn = tcp(client, INITIAL + (client % 7 + 1) * (1 << 24), SYN_ACK, &[]);
        [syn, tcp(client, INITIAL, RST, &[])]
    };
    Flood::sequence(
        "SYN and RST to streams with half a message",
        (0..WAITING).map(open).collect(),
        (0..WAITING).flat_map(end).collect(),
    )
}

/// Streams that all become idle at the same time, each with part of a message.
fn idle() -> Flood {
    let open = |client| tcp(client, INITIAL, SYN_ACK, &[1, 0, 7]);
    let mut packets = Vec::new();
    for turn in 0..3 {
        packets.extend(at(turn * IDLE_SECONDS, (0..STREAMS).map(open).collect()));
    }
    Flood {
        packets,
        ..Flood::sequence("16,384 streams become idle at once", Vec::new(), Vec::new())
    }
}

/// The same with segments ahead of missing ones.
fn idle_with_gaps() -> Flood {
    let mut flood = ahead(
        "streams with gaps become idle at once",
        &every_other(),
        Ending::Filled,
    );
    let more = tcp(7, INITIAL, SYN_ACK, &[]);
    flood.packets.extend(at(IDLE_SECONDS, vec![more]));
    flood
}
