//! Every counter goes up for what it stands for, and none goes up besides.
//!
//! A table of packets with what has to be counted for each. At the end every reason and every loss that
//! there is must have been counted in some row: a new one without a row fails.

mod table;

use dnsflow::shard::admission::{Admission, Verdict};
use dnsflow_packet::Counters;
use dnsflow_packet::{Decoder, Frame, Loss, Reject, Selection, Sets, Timestamp};
use dnsflow_wire::v4::Encoder;
use dnsflow_wire::v4::MIN_SET_ROOM_BYTES;
use table::{Captured, Row};

#[test]
fn every_counter_is_incremented_by_some_row() {
    let mut total = Counters::default();
    for row in table::rows() {
        let counted = run(&row, Decoder::decode);
        let slowly = run(&row, Decoder::decode_involved);
        assert_eq!(counted, slowly, "{}: layer by layer", row.name);
        assert!(counted.add_up(), "{}: {counted}", row.name);
        assert_eq!(counted.to_string(), row.counted, "{}", row.name);
        total.add(&counted);
    }
    let never: Vec<&str> = Reject::ALL
        .iter()
        .filter(|reason| total.rejected(**reason) == 0)
        .map(|reason| reason.counter())
        .chain(
            Loss::ALL
                .iter()
                .filter(|what| total.lost(**what) == 0)
                .map(|what| what.counter()),
        )
        .collect();
    assert!(never.is_empty(), "no row counts {never:?}");
}

/// Where a file is divided, a packet that may belong with others is read twice.
#[test]
fn what_stands_alone_is_known_at_once() {
    for row in table::transport() {
        let mut decoder = Decoder::new(row.selection.clone());
        for captured in &row.packets {
            let mut sink = sink(&row.selection);
            let alone = decoder.decode_alone(&frame(captured), &mut sink);
            assert!(alone, "{}", row.name);
            assert_eq!(sink.counters.exported, 0, "{}", row.name);
        }
    }
}

type Records = Sets<Encoder, fn(&[u8], Timestamp)>;

fn sink(selection: &Selection) -> Records {
    let encoder = Encoder::new(selection.rules.clone());
    Sets::new(encoder, MIN_SET_ROOM_BYTES, |_, _| {})
}

/// What a shard does with the packets of a file.
fn run(row: &Row, decode: fn(&mut Decoder, &Frame<'_>, &mut Records)) -> Counters {
    let mut sink = sink(&row.selection);
    let mut decoder = Decoder::new(row.selection.clone());
    let mut admission = Admission::new(None, row.share.clone(), row.expression.clone(), row.sample)
        .expect("the programs of the table are sound");
    for captured in &row.packets {
        sink.counters.received += 1;
        let frame = frame(captured);
        match admission.verdict(&frame).expect("the expression compiles") {
            Verdict::Ours => decode(&mut decoder, &frame, &mut sink),
            Verdict::Reject(reason) => sink.counters.reject(reason),
            Verdict::OtherShard => panic!("{}: there is one shard", row.name),
        }
        let counters = &sink.counters;
        assert!(counters.add_up(), "{}: on the way: {counters}", row.name);
    }
    decoder.finish(&mut sink);
    sink.counters
}

fn frame(captured: &Captured) -> Frame<'_> {
    let wire = captured.bytes.len() + captured.cut;
    Frame {
        bytes: &captured.bytes,
        wire_bytes: u32::try_from(wire).expect("a short packet"),
        at: Timestamp {
            seconds: captured.seconds,
            nanoseconds: 0,
        },
        link: captured.link,
        vlan: None,
    }
}
