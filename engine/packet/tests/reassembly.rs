//! Reassembly through the decoder: what packets make of each other, in their order and at their times.

use dnsflow_packet::tunnel::Tunnels;
use dnsflow_packet::{
    Counters, Decoder, Fate, Frame, LinkType, Loss, Reject, Selection, Sets, Sink, Timestamp,
};
use dnsflow_testkit::packets::{ACK, CLIENT_PORT, Ends, Response, SYN_ACK, ethernet};
use dnsflow_wire::dns::MessageReject;
use dnsflow_wire::response::Envelope;
use dnsflow_wire::v4::{Encoder, MIN_SET_ROOM_BYTES};

const NOW: u64 = 1_700_000_000;

/// What is counted of packets that start with IP and came at these seconds.
fn counted(packets: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Counters {
    let selection = Selection::default().tunnels(Tunnels::all());
    let mut decoder = Decoder::new(selection);
    let mut sink = Sets::new(Encoder::default(), MIN_SET_ROOM_BYTES, |_, _| {});
    for (seconds, packet) in packets {
        let bytes = ethernet(&[], &packet);
        sink.counters.received += 1;
        let frame = Frame {
            bytes: &bytes,
            wire_bytes: u32::try_from(bytes.len()).expect("a short packet"),
            at: Timestamp {
                seconds,
                nanoseconds: 0,
            },
            link: LinkType::Ethernet,
            vlan: None,
        };
        decoder.decode(&frame, &mut sink);
        assert!(sink.counters.add_up());
    }
    decoder.finish(&mut sink);
    sink.counters
}

fn halves(number: u16) -> [Vec<u8>; 2] {
    let response = Response::new(Ends::new(false, number), "big.example", 40);
    let parts = response.ends.fragments(number, &response.datagram(), 512);
    parts.try_into().expect("about 700 bytes in pieces of 512")
}

/// Each datagram, put together, is a fragment that completes the next. They end somewhere, and before the stack does.
#[test]
fn fragments_that_complete_each_other() {
    const IPV6_FRAGMENT: u8 = 44;
    const LEVELS: u16 = 4000;
    let ends = Ends::new(true, 1);
    let header = |next, of: u16, more: bool, place: u16| {
        let place = place << 3 | u16::from(more);
        let mut header = vec![next, 0];
        header.extend(place.to_be_bytes());
        header.extend(u32::from(of).to_be_bytes());
        header
    };
    // The first fragment of datagram N holds that datagram N + 1 ends with what follows.
    let first = |of: u16| {
        let inside = header(IPV6_FRAGMENT, of + 1, false, 1);
        let outside = header(IPV6_FRAGMENT, of, true, 0);
        ends.ip(IPV6_FRAGMENT, &[outside, inside].concat())
    };
    let last = ends.ip(
        IPV6_FRAGMENT,
        &[header(IPV6_FRAGMENT, 1, false, 1), vec![0; 8]].concat(),
    );
    let packets = (1..=LEVELS).map(first).chain([last]);
    let counted = counted(packets.map(|packet| (NOW, packet)));
    assert_eq!(counted.rejected(Reject::TunnelDepth), 1);
    assert_eq!(counted.exported, 0);
}

/// The halves of a datagram belong together for a minute, whatever timestamps come between.
#[test]
fn timestamps_that_jump() {
    let whole = |times: [u64; 2], between: &[u64]| {
        let [first, second] = halves(1);
        let others = between.iter().map(|seconds| {
            let [first, _] = halves(2);
            (*seconds, first)
        });
        let packets = [(times[0], first)].into_iter().chain(others);
        let counted = counted(packets.chain([(times[1], second)]));
        counted.lost(Loss::DatagramTimeout) == 0
    };
    assert!(whole([NOW, NOW + 59], &[]));
    assert!(!whole([NOW, NOW + 69], &[]));
    // Without time, and an hour ago.
    assert!(whole([NOW, NOW + 1], &[0, 0, NOW - 3600]));
    assert!(!whole([NOW, NOW + 69], &[0, 0, NOW - 3600]));
    // The clock is set back by an hour between the halves.
    assert!(whole([NOW, NOW - 3600 + 9], &[NOW - 3600; 9]));
}

/// What comes behind a packet from the future waits no longer than it should.
#[test]
fn a_packet_from_the_future() {
    let [first, second] = halves(1);
    let [other, _] = halves(2);
    let mut packets = vec![(NOW + 1_000_000, other.clone())];
    packets.extend((0..10).map(|count| (NOW + count, other.clone())));
    packets.push((NOW + 10, first));
    packets.push((NOW + 10 + 1001, second));
    let counted = counted(packets);
    assert_eq!(counted.rejected(Reject::DatagramHeadless), 1);
    assert_eq!(counted.lost(Loss::DatagramTimeout), 2);
}

/// A segment that is missing is given up ten seconds later, behind a packet from the future too.
#[test]
fn a_gap_behind_a_packet_from_the_future() {
    let ends = Ends::new(false, 1);
    let stream = [
        Response::new(ends, "a.example", 1).in_stream(),
        Response::new(ends, "b.example", 1).in_stream(),
    ]
    .concat();
    let of = |port, at: usize, flags, bytes: &[u8]| {
        ends.tcp(port, u32::try_from(at).expect("it is short"), flags, bytes)
    };
    let half = stream.len() / 2;
    let mut packets = vec![(NOW + 1_000_000, of(1, 0, SYN_ACK, &[]))];
    packets.extend((0..10).map(|_| (NOW, of(2, 0, SYN_ACK, &[]))));
    packets.push((NOW, of(CLIENT_PORT, 0, SYN_ACK, &[])));
    packets.push((NOW, of(CLIENT_PORT, 11, ACK, &stream[10..half])));
    packets.push((NOW + 11, of(CLIENT_PORT, 1 + half, ACK, &stream[half..])));
    // The gap was given up: the first message does not become whole any more.
    packets.push((NOW + 11, of(CLIENT_PORT, 1, ACK, &stream[..10])));
    let counted = counted(packets);
    assert_eq!(counted.exported, 1);
    assert_eq!(counted.rejected(Reject::SegmentDuplicate), 1);
}

/// A stream that is idle for two minutes has ended, behind a packet from the future too.
#[test]
fn an_idle_stream_behind_a_packet_from_the_future() {
    let ends = Ends::new(false, 1);
    let stream = Response::new(ends, "a.example", 1).in_stream();
    let other = ends.tcp(1, 0, SYN_ACK, &[]);
    let mut packets = vec![(NOW + 1_000_000, other)];
    packets.extend((0..10).map(|_| (NOW, ends.tcp(2, 0, SYN_ACK, &[]))));
    packets.push((NOW, ends.tcp(CLIENT_PORT, 0, SYN_ACK, &[])));
    packets.push((NOW, ends.tcp(CLIENT_PORT, 1, ACK, &stream[..20])));
    packets.push((NOW + 121, ends.tcp(CLIENT_PORT, 21, ACK, &stream[20..])));
    let counted = counted(packets);
    assert_eq!(counted.exported, 0);
    assert_eq!(counted.lost(Loss::MessageIncomplete), 1);
}

/// What is given up at the end has the time of the last part of anything, whichever way the packets
/// behind it were decoded. Found by fuzzing: one way took the time of the last packet.
#[test]
fn what_is_given_up_at_the_end_has_the_time_of_the_last_part() {
    let [first, _] = halves(1);
    let other = Response::new(Ends::new(false, 2), "small.example", 1).packet();
    let times = |decode: fn(&mut Decoder, &Frame<'_>, &mut Times)| {
        let mut decoder = Decoder::new(Selection::default());
        let mut sink = Times::default();
        for (seconds, packet) in [(NOW, &first), (NOW + 10, &other)] {
            let frame = Frame {
                bytes: packet,
                wire_bytes: u32::try_from(packet.len()).expect("a short packet"),
                at: Timestamp {
                    seconds,
                    nanoseconds: 0,
                },
                link: LinkType::Ip,
                vlan: None,
            };
            decode(&mut decoder, &frame, &mut sink);
        }
        decoder.finish(&mut sink);
        sink.0
    };
    let fast = times(|decoder, frame, sink| decoder.decode(frame, sink));
    let slow = times(|decoder, frame, sink| decoder.decode_involved(frame, sink));
    assert_eq!(fast, [NOW + 10, NOW]);
    assert_eq!(fast, slow);
}

/// The seconds of all responses.
#[derive(Default)]
struct Times(Vec<u64>);

impl Sink for Times {
    fn message(&mut self, _: &[u8], _: &Envelope) -> Option<Result<(), MessageReject>> {
        None
    }

    fn take(&mut self, fate: Fate<'_>, at: Timestamp) {
        if let Fate::Response(response) = fate {
            assert_eq!(response.envelope.at, at);
            self.0.push(at.seconds);
        }
    }
}
