//! Streams as in captures: whole, in small segments, out of order, with gaps, retransmitted.

use proptest::prelude::*;

use super::*;

const KEY: Key = Key {
    endpoints: Endpoints::V4 {
        client: [192, 0, 2, 1],
        resolver: [192, 0, 2, 53],
    },
    resolver_port: 53,
    client_port: 40_000,
};

/// A response with one question. Its ID and its length distinguish it from others.
fn message(id: u8, padding: usize) -> Vec<u8> {
    let mut out = vec![0, id, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend(b"\x01a\x00\x00\x01\x00\x01");
    out.extend(vec![0xee; padding]);
    out
}

/// The bytes of a stream of `messages`.
fn stream(messages: &[Vec<u8>]) -> Vec<u8> {
    messages
        .iter()
        .flat_map(|message| {
            let length = u16::try_from(message.len()).expect("it is short");
            [&length.to_be_bytes()[..], message].concat()
        })
        .collect()
}

fn data(sequence: u32, payload: &[u8]) -> Segment<'_> {
    Segment {
        sequence,
        syn: false,
        fin: false,
        rst: false,
        payload,
        cut: 0,
    }
}

fn syn(sequence: u32) -> Segment<'static> {
    Segment {
        syn: true,
        ..data(sequence, &[])
    }
}

/// The output of streams, in order: messages, and names of losses.
#[derive(Default)]
struct Feed {
    streams: Streams,
    messages: Vec<Vec<u8>>,
    losses: Vec<&'static str>,
}

impl Feed {
    fn segment(&mut self, segment: &Segment<'_>, seconds: u64) -> Taken {
        let Self {
            streams,
            messages,
            losses,
        } = self;
        streams.segment(KEY, segment, seconds, &mut |_, found| {
            note(found, messages, losses);
        })
    }

    fn drain(&mut self) {
        let Self {
            streams,
            messages,
            losses,
        } = self;
        streams.drain(&mut |_, found| note(found, messages, losses));
    }
}

fn note(found: Found<'_>, messages: &mut Vec<Vec<u8>>, losses: &mut Vec<&'static str>) {
    match found {
        Found::Message(bytes) => messages.push(bytes.to_vec()),
        Found::Incomplete => losses.push("incomplete"),
        Found::Gap => losses.push("gap"),
        Found::Evicted => losses.push("evicted"),
    }
}

fn messages() -> Vec<Vec<u8>> {
    (0..6).map(|id| message(id, 40 * usize::from(id))).collect()
}

/// Start and end of the segments of a stream, of `bytes` bytes each.
fn cuts(length: usize, bytes: usize) -> Vec<(usize, usize)> {
    (0..length)
        .step_by(bytes)
        .map(|from| (from, length.min(from + bytes)))
        .collect()
}

fn at(offset: usize) -> u32 {
    // Close to the largest sequence number, so that they wrap.
    u32::MAX - 200 + u32::try_from(offset).expect("it is short") % 1000
}

#[test]
fn segments_of_any_size() {
    let bytes = stream(&messages());
    for size in [1, 2, 3, 13, 14, 61, 100, bytes.len()] {
        let mut feed = Feed::default();
        feed.segment(&syn(999), 0);
        for (from, to) in cuts(bytes.len(), size) {
            let sequence = 1000 + u32::try_from(from).expect("it is short");
            assert_eq!(
                feed.segment(&data(sequence, &bytes[from..to]), 0),
                Taken::New
            );
        }
        feed.drain();
        assert_eq!(feed.messages, messages(), "{size}");
        assert_eq!(feed.losses, Vec::<&str>::new(), "{size}");
    }
}

#[test]
fn a_stream_that_starts_before_the_capture() {
    let bytes = stream(&messages());
    // Starts in the middle of the first message: that one is lost, all others are found.
    let mut feed = Feed::default();
    feed.segment(&data(5, &bytes[5..]), 0);
    assert_eq!(feed.messages, messages()[1..]);
    assert_eq!(feed.losses, ["gap"]);
}

#[test]
fn a_stream_without_a_start_in_small_segments() {
    let bytes = stream(&messages());
    for size in [1, 2, 5, 14, 20, 33] {
        let mut feed = Feed::default();
        for (from, to) in cuts(bytes.len(), size) {
            let sequence = u32::try_from(from).expect("it is short");
            feed.segment(&data(sequence, &bytes[from..to]), 0);
        }
        feed.drain();
        assert_eq!(feed.messages, messages(), "{size}");
        assert_eq!(feed.losses, Vec::<&str>::new(), "{size}");
    }
}

#[test]
fn retransmissions_count_once() {
    let bytes = stream(&messages());
    let mut feed = Feed::default();
    feed.segment(&syn(0), 0);
    assert_eq!(feed.segment(&data(1, &bytes), 0), Taken::New);
    assert_eq!(feed.segment(&data(1, &bytes), 0), Taken::Duplicate);
    assert_eq!(feed.segment(&data(20, &bytes[19..40]), 0), Taken::Duplicate);
    // Repeats the handshake too, and after the end of the stream.
    assert_eq!(feed.segment(&syn(0), 0), Taken::Empty);
    let end = 1 + u32::try_from(bytes.len()).expect("it is short");
    let fin = Segment {
        fin: true,
        ..data(end, &[])
    };
    assert_eq!(feed.segment(&fin, 0), Taken::Empty);
    assert_eq!(feed.segment(&data(1, &bytes), 0), Taken::Duplicate);
    feed.drain();
    assert_eq!(feed.messages, messages());
    assert_eq!(feed.losses, Vec::<&str>::new());
}

#[test]
fn a_gap_in_one_message_loses_that_message() {
    let bytes = stream(&messages());
    let starts: Vec<usize> = (0..6)
        .map(|count| stream(&messages()[..count]).len())
        .collect();
    let mut feed = Feed::default();
    feed.segment(&syn(u32::MAX), 0);
    let (hole, behind) = (starts[2] + 10, starts[2] + 30);
    feed.segment(&data(0, &bytes[..hole]), 0);
    let sequence = u32::try_from(behind).expect("it is short");
    feed.segment(&data(sequence, &bytes[behind..]), 1);
    assert_eq!(feed.messages.len(), 2, "what is behind the hole waits");
    // Longer than a stream waits for a missing segment.
    let end = u32::try_from(bytes.len()).expect("it is short");
    feed.segment(&data(end, &stream(&[message(9, 0)])), 1 + GAP_SECONDS);
    let mut expected = messages();
    expected.remove(2);
    expected.push(message(9, 0));
    assert_eq!(feed.messages, expected);
    assert_eq!(feed.losses, ["gap", "incomplete"]);
}

#[test]
fn a_gap_over_a_boundary_is_recovered() {
    let bytes = stream(&messages());
    let starts: Vec<usize> = (0..6)
        .map(|count| stream(&messages()[..count]).len())
        .collect();
    let mut feed = Feed::default();
    feed.segment(&syn(u32::MAX), 0);
    feed.segment(&data(0, &bytes[..starts[1] + 5]), 0);
    let sequence = u32::try_from(starts[2] + 5).expect("it is short");
    feed.segment(&data(sequence, &bytes[starts[2] + 5..]), 0);
    feed.drain();
    assert_eq!(feed.messages, [&messages()[..1], &messages()[3..]].concat());
}

#[test]
fn another_connection_of_the_same_ports() {
    let mut feed = Feed::default();
    feed.segment(&syn(0), 0);
    feed.segment(&data(1, &stream(&[message(1, 0)])[..8]), 0);
    feed.segment(&syn(1 << 30), 0);
    feed.segment(&data((1 << 30) + 1, &stream(&[message(2, 0)])), 0);
    assert_eq!(feed.messages, [message(2, 0)]);
    assert_eq!(feed.losses, ["incomplete"]);
}

#[test]
fn a_cut_segment_loses_only_its_message() {
    let (first, second) = (stream(&[message(1, 60)]), stream(&[message(2, 0)]));
    let mut feed = Feed::default();
    feed.segment(&syn(u32::MAX), 0);
    let cut = Segment {
        cut: first.len() - 30,
        ..data(0, &first[..30])
    };
    feed.segment(&cut, 0);
    let sequence = u32::try_from(first.len()).expect("it is short");
    feed.segment(&data(sequence, &second), 0);
    assert_eq!(feed.messages, [message(2, 0)]);
}

#[test]
fn an_idle_stream_is_removed() {
    let mut feed = Feed::default();
    feed.segment(&syn(0), 0);
    feed.segment(&data(1, &stream(&[message(1, 0)])[..8]), 0);
    let other = Key {
        client_port: 1,
        ..KEY
    };
    let mut losses = Vec::new();
    feed.streams
        .segment(other, &syn(0), IDLE_SECONDS, &mut |key, found| {
            losses.push((key.client_port, found == Found::Incomplete));
        });
    assert_eq!(losses, [(KEY.client_port, true)]);
    assert_eq!(feed.streams.streams.len(), 1);
}

fn key(client_port: u16) -> Key {
    Key { client_port, ..KEY }
}

/// 100 streams that become idle at once are not one segment's to end; and what is idle has ended.
#[test]
fn one_segment_pays_for_few_idle_streams() {
    let bytes = stream(&[message(1, 0)]);
    let mut streams = Streams::default();
    let mut found = Vec::new();
    for port in 0..100 {
        streams.segment(key(port), &syn(0), 0, &mut |_, _| {});
        streams.segment(key(port), &data(1, &bytes[..8]), 0, &mut |_, _| {});
    }
    let late = data(9, &bytes[8..]);
    let taken = streams.segment(key(50), &late, IDLE_SECONDS, &mut |key, what| {
        found.push((key.client_port, what == Found::Incomplete));
    });
    assert_eq!(taken, Taken::New);
    assert_eq!(found.len(), MAX_REMOVED + 1);
    assert!(found.contains(&(50, true)), "it is another stream");
    for port in 1000..1020 {
        streams.segment(key(port), &syn(0), IDLE_SECONDS, &mut |_, _| {});
    }
    assert_eq!(streams.streams.len(), 1 + 20);
}

/// One byte a segment, each second one is missing: there is a bound on what is held, and behind it
/// gaps are given up.
#[test]
fn segments_behind_a_gap_are_bounded_in_number() {
    let mut feed = Feed::default();
    feed.segment(&syn(0), 0);
    for place in (3..3000).step_by(2) {
        feed.segment(&data(place, &[0]), 0);
        assert!(feed.streams.bytes < 256 << 10);
    }
    assert!(feed.losses.len() > 100);
    let before = feed.losses.len();
    let reset = Segment {
        rst: true,
        ..data(3001, &[])
    };
    feed.segment(&reset, 0);
    assert!((1000..1100).contains(&(feed.losses.len() - before)));
    assert_eq!(feed.streams.bytes, 0);
}

/// A place that could be the start of a message hides the one behind it, until there is no more.
#[test]
fn what_is_undecided_at_the_end_does_not_hide_a_message() {
    let mut bytes = stream(&[message(1, 300)])[..14].to_vec();
    // A name of which the end never comes.
    bytes.extend([63; 5]);
    bytes.extend(stream(&[message(2, 0)]));
    let mut feed = Feed::default();
    feed.segment(&data(0, &bytes), 0);
    feed.drain();
    assert_eq!(feed.messages, [message(2, 0)]);
    assert_eq!(feed.losses, ["gap"]);
}

/// The second message is known by its header alone when the first has to be told.
#[test]
fn a_segment_that_ends_in_the_question_of_the_second_message() {
    let bytes = stream(&[message(1, 400), message(2, 0)]);
    let first = stream(&[message(1, 400)]).len();
    let mut feed = Feed::default();
    let middle = first + 2 + 12 + 1;
    feed.segment(&data(0, &bytes[..middle]), 0);
    assert_eq!(feed.messages, [message(1, 400)]);
    let sequence = u32::try_from(middle).expect("it is short");
    feed.segment(&data(sequence, &bytes[middle..]), 0);
    assert_eq!(feed.messages, [message(1, 400), message(2, 0)]);
}

proptest! {
    /// Segments in any order, each once or twice, give every message once if the start of the
    /// stream is known.
    #[test]
    fn any_order(size in 5_usize..200, order in any::<u64>(), twice in any::<u64>()) {
        let bytes = stream(&messages());
        let mut segments = cuts(bytes.len(), size);
        for index in 0..segments.len() {
            let turn = order.rotate_left(u32::try_from(7 * index % 64).expect("it is less than 64"));
            segments.swap(index, usize::try_from(turn % 97).expect("it is small") % (index + 1));
        }
        let mut feed = Feed::default();
        feed.segment(&syn(at(0).wrapping_sub(1)), 0);
        for (index, (from, to)) in segments.iter().enumerate() {
            let sequence = at(0).wrapping_add(u32::try_from(*from).expect("it is short"));
            for _ in 0..=(twice >> (index % 64)) & 1 {
                feed.segment(&data(sequence, &bytes[*from..*to]), 0);
            }
        }
        feed.drain();
        prop_assert_eq!(feed.messages, messages());
        prop_assert_eq!(feed.losses, Vec::<&str>::new());
    }

    /// A stream that began before the capture: whatever the segments, the messages from the first
    /// whole one on are found.
    #[test]
    fn any_start_in_any_segments(
        paddings in prop::collection::vec(0_usize..600, 2..8),
        start in any::<prop::sample::Index>(),
        sizes in prop::collection::vec(1_usize..200, 1..20),
    ) {
        let all: Vec<Vec<u8>> = (1..).zip(&paddings).map(|(id, padding)| message(id, *padding)).collect();
        let bytes = stream(&all);
        let first = stream(&all[..1]).len();
        let start = start.index(first + 1);
        let mut feed = Feed::default();
        let (mut from, mut sizes) = (start, sizes.iter().cycle());
        while from < bytes.len() {
            let to = bytes.len().min(from + sizes.next().expect("it repeats"));
            let sequence = u32::try_from(from).expect("it is short");
            feed.segment(&data(at(0).wrapping_add(sequence), &bytes[from..to]), 0);
            from = to;
        }
        feed.drain();
        prop_assert_eq!(&feed.messages, if start == 0 { &all } else { &all[1..] });
        let gaps = if start == 0 || start == first { vec![] } else { vec!["gap"] };
        prop_assert_eq!(feed.losses, gaps);
    }

    /// Segments that overlap in any way, against the plain way: put all bytes in their places, then
    /// divide them by their lengths.
    #[test]
    fn as_the_plain_way(pieces in prop::collection::vec((0_usize..800, 1_usize..300), 0..40)) {
        let bytes = stream(&messages());
        let mut there = vec![false; bytes.len()];
        let mut feed = Feed::default();
        feed.segment(&syn(at(0).wrapping_sub(1)), 0);
        for (from, length) in pieces {
            let from = from.min(bytes.len() - 1);
            let to = bytes.len().min(from + length);
            there[from..to].fill(true);
            feed.segment(&data(at(0).wrapping_add(u32::try_from(from).expect("it is short")), &bytes[from..to]), 0);
        }
        let reached = there.iter().position(|there| !there).unwrap_or(bytes.len());
        let whole = (0..=messages().len()).rfind(|count| stream(&messages()[..*count]).len() <= reached);
        let whole = &messages()[..whole.expect("no message needs no bytes")];
        prop_assert_eq!(&feed.messages, whole);
        feed.drain();
        prop_assert_eq!(feed.streams.bytes, 0);
        prop_assert_eq!(&feed.messages[..whole.len()], whole);
    }

    /// No bytes or sequence numbers cause a panic, and memory stays within its bounds.
    #[test]
    fn any_segments(segments in prop::collection::vec(
        (any::<u32>(), any::<[bool; 3]>(), prop::collection::vec(any::<u8>(), 0..80), 0_usize..3, 0_u64..200), 0..40)
    ) {
        let mut feed = Feed::default();
        let mut now = 0;
        for (sequence, [syn, fin, rst], payload, cut, seconds) in &segments {
            now += seconds;
            let near = sequence % 4096;
            let segment = Segment { sequence: near, syn: *syn, fin: *fin, rst: *rst, payload, cut: *cut };
            feed.segment(&segment, now);
            prop_assert!(feed.streams.bytes <= MAX_BYTES);
        }
        feed.drain();
    }
}
