//! Every counter goes up for what it stands for, and none goes up besides.
//!
//! A table of packets with what has to be counted for each. At the end every reason and every loss that
//! there is must have been counted in some row: a new one without a row fails.

mod table;

use dnsflow::counters::Counters;
use dnsflow::decode::{Decoder, Fate, Loss, Reject, Unusual};
use dnsflow::frame::{Frame, Timestamp};
use dnsflow::shard::admission::{Admission, Verdict};
use table::{Captured, Row};

#[test]
fn every_counter_is_incremented_by_some_row() {
    let mut total = Counters::default();
    for row in table::rows() {
        let counted = run(&row, |decoder, frame, mut fate| {
            decode(decoder, frame, &mut fate)
        });
        let slowly = run(&row, |decoder, frame, mut fate| {
            decoder.involved(frame, &mut fate)
        });
        assert_eq!(counted, slowly, "{}: with no short way", row.name);
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
            let found = decoder.datagram(&frame(captured));
            assert!(
                matches!(found, Err(Unusual::Reject(_))),
                "{}: {found:?}",
                row.name
            );
        }
    }
}

type Decode = fn(&mut Decoder, &Frame<'_>, &mut dyn FnMut(Fate<'_>));

/// What a shard does with the packets of a file.
fn run(row: &Row, decode: Decode) -> Counters {
    let mut counters = Counters::default();
    let mut decoder = Decoder::new(row.selection.clone());
    let mut admission = Admission::new(None, row.share.clone(), row.expression.clone(), row.sample)
        .expect("the programs of the table are sound");
    for captured in &row.packets {
        counters.received += 1;
        let frame = frame(captured);
        match admission.verdict(&frame).expect("the expression compiles") {
            Verdict::Ours => decode(&mut decoder, &frame, &mut |fate| count(&mut counters, fate)),
            Verdict::Reject(reason) => counters.reject(reason),
            Verdict::OtherShard => panic!("{}: there is one shard", row.name),
        }
        assert!(counters.add_up(), "{}: on the way: {counters}", row.name);
    }
    decoder.finish(&mut |fate| count(&mut counters, fate));
    counters
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
    }
}

fn count(counters: &mut Counters, fate: Fate<'_>) {
    match fate {
        Fate::Response(_) => counters.exported += 1,
        Fate::Reject(reason) => counters.reject(reason),
        Fate::Rebuilt => counters.rebuilt += 1,
        Fate::Loss(what) => counters.lose(what),
    }
}

/// A packet's way through the decoder, as a shard has it: what becomes of it, and of what it completes.
fn decode(decoder: &mut Decoder, frame: &Frame<'_>, fate: &mut impl FnMut(Fate<'_>)) {
    match decoder.datagram(frame) {
        Ok(response) => fate(Fate::Response(response)),
        Err(Unusual::Reject(reason)) => fate(Fate::Reject(reason)),
        Err(Unusual::Involved) => decoder.involved(frame, fate),
    }
}
