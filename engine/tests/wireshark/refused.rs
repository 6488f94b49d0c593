//! Datagrams that are wrong: what was good before is shown, and what is wrong is said.

use crate::dissection::{Tree, capture, dissect, dissected, is_possible};
use crate::write::{HEADER_BYTES, Writer, group, name, opening, pointer};
use dnsflow_testkit::folder::Folder;

/// A good record.
fn good() -> Vec<u8> {
    [opening(0), name("good")].concat()
}

/// The record of [`good`] with more behind it.
fn and(more: &[u8]) -> Vec<u8> {
    [&good(), more].concat()
}

/// A record that must be refused costs those behind it, which is said; those before it stay.
#[test]
fn a_record() {
    if !is_possible("refused::a_record") {
        return;
    }
    let head = opening(0);
    let a_time = |time: &[u8]| [&head[..2], time, &head[3..], &name("a")].concat();
    let an_origin = |origin: &[u8]| [&head[..9], origin, &name("a")].concat();
    let a_name = |bytes: &[u8]| [&head, bytes].concat();
    let an_rcode = |rcode: &[u8]| [&[4], &head[1..], rcode, &name("a")].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("flags is cut", vec![0]),
        ("client is cut", head[..5].to_vec()),
        ("client port is cut", head[..8].to_vec()),
        ("time is above 2^64 - 1", a_time(&[0xff; 10])),
        ("no origin before has number 3", an_origin(&[3])),
        ("origin is cut", an_origin(&[0, 99, 0])),
        ("resolver is cut", an_origin(&[0, 4, 0, 192, 0, 2])),
        (
            "interface is cut",
            an_origin(&[0, 7, 4, 192, 0, 2, 53, 9, b'e']),
        ),
        ("RCODE is above 4095", an_rcode(&[0x80, 0x20])),
        ("name runs past its end", head.clone()),
        ("name runs past its end", a_name(&[3, b'a', b'b'])),
        ("name runs past its end", a_name(&[0xc0])),
        ("name has a label of an unknown form, 64", a_name(&[0x40])),
        ("where no name is", a_name(&pointer(0))),
        ("where no name is", a_name(&pointer(500))),
        ("answers of kind 0", and(&[1])),
        (
            "TTL is above 4294967295",
            and(&[group(1, false, 1), 0x80, 0x80, 0x80, 0x80, 0x10]),
        ),
        (
            "address is cut: 4 bytes are wanted, 3 left",
            and(&[group(1, false, 1), 0, 1, 2, 3]),
        ),
        (
            "shared bytes of an address is cut",
            and(&[&[group(2, false, 2), 0][..], &[1; 16]].concat()),
        ),
        (
            "address is cut: 1 bytes are wanted, 0 left",
            and(&[&[group(2, false, 2), 0][..], &[1; 16], &[15]].concat()),
        ),
        (
            "an address shares 16 bytes, of 16",
            and(&[&[group(2, false, 2), 0][..], &[1; 16], &[16]].concat()),
        ),
        ("target runs past its end", and(&[group(3, false, 1), 0])),
        (
            "RDATA is cut",
            and(&[group(4, false, 1), 0, 0, 16, 0, 1, 2, 0]),
        ),
        (
            "RDATA is cut: 18446744073709551616 bytes are wanted",
            and(&[&[group(4, false, 1), 0, 0, 16, 0, 1][..], &[0xff; 9], &[1]].concat()),
        ),
        (
            "answers of an unknown kind is cut",
            and(&[group(7, false, 1), 1]),
        ),
        ("part is cut", and(&[0, 1, 9, 0])),
    ];
    let in_datagram = |(wanted, bad): (&'static str, Vec<u8>)| {
        let writer = Writer::records().record(&good()).record(&bad);
        (wanted, writer.record(&good()).datagram())
    };
    let cases: Vec<_> = cases.into_iter().map(in_datagram).collect();
    for (wanted, tree) in trees(&cases) {
        let said = tree.complaints();
        assert_eq!(tree.all("record.name")[0], "good", "{wanted}");
        assert_eq!(tree.each("record").len(), 2, "{wanted}");
        assert_eq!(tree.all("lost").len(), 1, "{wanted}: {said:?}");
        // At the record, and at the datagram.
        let found = said.iter().filter(|said| said.contains(wanted));
        assert_eq!(found.count(), 2, "{wanted}: {said:?}");
    }
}

/// What is against the specification without making what is behind it unreadable is shown all the same.
#[test]
fn what_can_be_read_all_the_same() {
    if !is_possible("refused::what_can_be_read_all_the_same") {
        return;
    }
    let cases: &[(&str, Vec<u8>)] = &[
        ("a count of 0", and(&[group(1, false, 0), 0])),
        ("a count of 2", and(&[group(3, false, 2), 0, 0])),
        ("this is no client subnet", and(&[0, 1, 3, 0, 1, 24])),
        ("this is no client subnet", and(&[0, 1, 4, 0, 9, 0, 0])),
        (
            "this is no client subnet",
            and(&[0, 1, 9, 0, 1, 32, 0, 1, 2, 3, 4, 5]),
        ),
    ];
    let in_datagram = |(wanted, record): &(&'static str, Vec<u8>)| {
        let writer = Writer::records().record(record);
        (*wanted, writer.record(&good()).datagram())
    };
    let cases: Vec<_> = cases.iter().map(in_datagram).collect();
    for (wanted, tree) in trees(&cases) {
        let said = tree.complaints();
        assert_eq!(tree.all("record.name"), ["good"; 2], "{wanted}");
        assert!(said.len() == 1 && said[0].contains(wanted), "{said:?}");
    }
}

/// The rest of a record behind its parts is skipped.
#[test]
fn what_is_left_of_a_record() {
    if !is_possible("refused::what_is_left_of_a_record") {
        return;
    }
    let writer = Writer::records().record(&and(&[0, 0, 7, 7]));
    let tree = dissect(&writer.record(&good()).datagram());
    assert_eq!(tree.all("record.name"), ["good"; 2]);
    assert_eq!(tree.all("record.left"), ["00:07:07"]);
    assert_eq!(tree.complaints(), [""; 0]);
}

/// What is wrong with a datagram, and its header where there is one.
#[test]
fn a_datagram() {
    if !is_possible("refused::a_datagram") {
        return;
    }
    let whole = Writer::records().record(&good()).datagram();
    let with = |at: usize, byte: u8| {
        let mut datagram = whole.clone();
        datagram[at] = byte;
        datagram
    };
    let stats = Writer::stats().counter(b"captured", 1);
    let cases: &[(&str, Vec<u8>)] = &[
        ("1 bytes are too few for a header of 32", vec![5]),
        ("31 bytes are too few", whole[..31].to_vec()),
        ("a header of 28 bytes", with(1, 7)),
        ("a header of 1020 bytes", with(1, 255)),
        ("version 6; known are 0 to 5", with(0, 6)),
        ("version 255", with(0, 255)),
        ("record is cut", whole[..whole.len() - 1].to_vec()),
        ("length of a record is cut", whole[..=HEADER_BYTES].to_vec()),
        (
            "length of a record is cut",
            Writer::records().announcing(1).datagram(),
        ),
        ("padding is not 0", [&whole[..], &[0, 1]].concat()),
        (
            "header part is cut",
            [&with(1, 9)[..HEADER_BYTES], &[9, 60, 0, 0]].concat(),
        ),
        (
            "name of a counter has 0 bytes",
            stats.clone().with(&[0]).datagram(),
        ),
        (
            "name of a counter has 64 bytes",
            stats.clone().with(&[64]).datagram(),
        ),
        (
            "name of a counter is cut",
            stats.clone().with(&[2, b'a']).datagram(),
        ),
        (
            "value of a counter is cut",
            stats.with(&[1, b'a', 0x80]).datagram(),
        ),
    ];
    for (wanted, tree) in trees(cases) {
        let said = tree.complaints();
        assert!(
            said.iter().any(|said| said.contains(wanted)),
            "{wanted}: {said:?}"
        );
    }
}

/// What each case has, dissected at once, with what is wanted of it.
fn trees<'c>(cases: &[(&'c str, Vec<u8>)]) -> impl Iterator<Item = (&'c str, Tree)> {
    let folder = Folder::new();
    let datagrams: Vec<_> = cases.iter().map(|(_, datagram)| datagram).collect();
    let trees = dissected(&capture(&folder, &datagrams));
    assert_eq!(trees.len(), cases.len());
    cases.iter().map(|(wanted, _)| *wanted).zip(trees)
}
