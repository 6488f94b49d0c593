//! The decoder, by both of its ways.

use std::sync::Arc;

use dnsflow_packet::lists::{Listed, Lists, NameSet, Prefix};
use dnsflow_packet::tunnel::Tunnels;
use dnsflow_packet::{Counters, Decoder, Held, Selection, Sets, Timestamp};
use dnsflow_wire::text::write_set;
use dnsflow_wire::v4::{Encoder, Set, Version};

use crate::input::Input;
use crate::packets::{Captured, travels};
use crate::text::assert_line;

/// Room for one set: what a datagram has at an MTU of 1500.
const SET_ROOM_BYTES: usize = 1464;

/// Most that may wait: what `packet::fragments` and `packet::streams` hold at most, 4 MiB each, and
/// one datagram or message more.
const MAX_HELD: Held = Held {
    datagrams: 4096 + 1,
    datagram_bytes: (4 << 20) + (512 << 10),
    streams: 16_384,
    stream_bytes: (4 << 20) + (512 << 10),
};

/// Decodes packets from the fastest path on, and layer by layer: both ways give the same sets, in the
/// same order, and the same counts; the counts add up; memory is bounded; nothing is left at the end.
///
/// # Panics
/// If one of that does not hold.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let selection = selection(&mut input);
    let packets: Vec<Captured> = travels(&mut input).into_iter().flatten().collect();
    let fast = decoded(&selection, &packets, |decoder, frame, sink| {
        decoder.decode(frame, sink);
    });
    let slow = decoded(&selection, &packets, |decoder, frame, sink| {
        decoder.decode_involved(frame, sink);
    });
    assert_eq!(fast.0, slow.0, "counts");
    assert!(
        fast.1 == slow.1,
        "sets differ: {:02x?} and {:02x?}",
        fast.1,
        slow.1
    );
    assert!(fast.0.add_up(), "{}", fast.0);
    for (set, _) in &fast.1 {
        let (read, length) = Set::parse(Version::V4, set).expect("what was written can be read");
        assert_eq!(length, set.len());
        let mut line = String::new();
        let _ = write_set(&mut line, None, core::time::Duration::ZERO, &read);
        assert_line(&line);
    }
}

/// What an input selects.
pub fn selection(input: &mut Input<'_>) -> Selection {
    let shape = input.byte();
    let tunnels = match shape >> 2 & 3 {
        0 => Tunnels::default(),
        1 => Tunnels::all(),
        2 => Tunnels::all()
            .with_juniper_ports([30_030])
            .with_record_ports([30_031]),
        _ => "gre,vxlan".parse().unwrap_or_default(),
    };
    let ports: &[u16] = match shape >> 4 & 3 {
        0 => &[],
        1 => &[53, 5300],
        2 => &[5353, 99],
        _ => &[5353],
    };
    let selection = Selection {
        any_port: shape & 0x40 != 0,
        ..Selection::new(ports.iter().copied(), shape & 2 != 0)
    };
    let selection = if shape & 1 == 0 {
        selection
    } else {
        selection.plain()
    };
    Selection {
        lists: (shape & 0x80 != 0).then(lists),
        ..selection.tunnels(tunnels)
    }
}

/// Lists that some of the hosts and names of packets are on.
fn lists() -> Arc<Lists> {
    let prefix = |text: &str| text.parse::<Prefix>().into_iter().collect();
    let mut never = NameSet::default();
    let _ = never.insert(b"a.example");
    Arc::new(Lists {
        names: Listed {
            only: None,
            never: Some(never),
        },
        clients: Listed {
            only: None,
            never: Some(prefix("10.0.0.0/9")),
        },
        resolvers: Listed {
            only: Some(prefix("::/0")),
            never: None,
        },
    })
}

type Exported = Vec<(Vec<u8>, Timestamp)>;
type Sink<'a> = Sets<Encoder, Box<dyn FnMut(&[u8], Timestamp) + 'a>>;

fn decoded(
    selection: &Selection,
    packets: &[Captured],
    decode: impl Fn(&mut Decoder, &dnsflow_packet::Frame<'_>, &mut Sink<'_>),
) -> (Counters, Exported) {
    let mut decoder = Decoder::new(selection.clone());
    let mut exported = Exported::new();
    let counters = {
        let hand_out = |set: &[u8], at| exported.push((set.to_vec(), at));
        let mut sink: Sink<'_> = Sets::new(Encoder::default(), SET_ROOM_BYTES, Box::new(hand_out));
        for packet in packets {
            sink.counters.received += 1;
            decode(&mut decoder, &packet.frame(), &mut sink);
            assert_bounded(decoder.held());
        }
        decoder.finish(&mut sink);
        sink.counters
    };
    assert_eq!(decoder.held(), Held::default(), "nothing waits at the end");
    (counters, exported)
}

fn assert_bounded(held: Held) {
    let is_bounded = held.datagrams <= MAX_HELD.datagrams
        && held.datagram_bytes <= MAX_HELD.datagram_bytes
        && held.streams <= MAX_HELD.streams
        && held.stream_bytes <= MAX_HELD.stream_bytes;
    assert!(is_bounded, "{held:?}");
}
