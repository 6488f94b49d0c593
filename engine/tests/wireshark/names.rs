//! Names of version 5: how they are told and how they are shown.

use crate::dissection::{Tree, dissect, is_possible};
use crate::write::{Writer, labels, name, opening, pointer};

/// Datagrams of a record for each of these names, of which each is told where it begins.
fn names(names: &[&dyn Fn(usize) -> Vec<u8>]) -> Tree {
    let mut writer = Writer::records();
    for name in names {
        let at = writer.next() + opening(0).len();
        writer = writer.record(&[opening(0), name(at)].concat());
    }
    dissect(&writer.datagram())
}

#[test]
fn they_are_escaped() {
    if !is_possible("names::they_are_escaped") {
        return;
    }
    let odd = |_| labels(&[b"a.b,c|d\\e", b"\0\n \x7f\xff", b"\"(;@Az~!", b""]);
    let tree = names(&[&odd, &|_| vec![0]]);
    let wanted = [
        r#"a\046b\044c\124d\092e.\000\010\032\127\255."(;@Az~!"#,
        ".",
    ];
    assert_eq!(tree.all("record.name"), wanted);
    assert_eq!(tree.complaints(), [""; 0]);
}

/// The tail of a name, a root and a pointer may all be pointed at.
#[test]
fn pointers_lead_to_labels_roots_and_pointers() {
    if !is_possible("names::pointers_lead_to_labels_roots_and_pointers") {
        return;
    }
    let start = Writer::records().next() + opening(0).len();
    let second = start + name("www.example").len() + 2 + opening(0).len();
    let tree = names(&[
        &|_| name("www.example"),
        &|at| [labels(&[b"b"]), pointer(at + 2 - start - 4).to_vec()].concat(),
        &|at| [labels(&[b"c"]), pointer(at + 2 - second - 2).to_vec()].concat(),
        &|at| pointer(at - start - 12).to_vec(),
    ]);
    let wanted = ["www.example", "b.example", "c.example", "."];
    assert_eq!(tree.all("record.name"), wanted);
    assert_eq!(tree.complaints(), [""; 0]);
}

/// A name of the greatest length is read, and one with a byte more is not.
#[test]
fn the_longest() {
    if !is_possible("names::the_longest") {
        return;
    }
    let of = |last: usize| {
        let label = [b'x'; 63];
        let labels = labels(&[&label, &label, &label, &label[..last]]);
        [labels, vec![0]].concat()
    };
    let tree = names(&[&|_| of(61)]);
    assert_eq!(tree.all("record.name")[0].len(), 63 * 3 + 61 + 3);
    assert_eq!(tree.complaints(), [""; 0]);
    let tree = names(&[&|_| of(62)]);
    assert_eq!(tree.all("record.name"), [""; 0]);
    assert!(tree.complaints()[0].contains("more than 255 bytes"));
}

/// A chain of pointers of the greatest length is followed, and one with a pointer more is not.
#[test]
fn the_most_pointers() {
    if !is_possible("names::the_most_pointers") {
        return;
    }
    let chain = |pointers: usize| {
        let mut writer = Writer::records().record(&[opening(0), name("end")].concat());
        // Each record has one pointer more: to that of the record before.
        let mut target = Writer::records().next() + opening(0).len();
        for _ in 0..pointers {
            let at = writer.next() + opening(0).len();
            let record = [opening(0), pointer(at - target).to_vec()].concat();
            writer = writer.record(&record);
            target = at;
        }
        dissect(&writer.datagram())
    };
    let tree = chain(127);
    assert_eq!(tree.all("record.name"), ["end"; 128]);
    assert_eq!(tree.complaints(), [""; 0]);
    let tree = chain(128);
    assert_eq!(tree.all("record.name"), ["end"; 128]);
    assert!(tree.complaints()[0].contains("more than 127 pointers"));
}

/// A name that points into itself would never end.
#[test]
fn what_points_into_itself_ends() {
    if !is_possible("names::what_points_into_itself_ends") {
        return;
    }
    let tree = names(&[&|_| [labels(&[b"a"]), pointer(2).to_vec()].concat()]);
    assert_eq!(tree.all("record.name"), [""; 0]);
    assert!(tree.complaints()[0].contains("more than 255 bytes"));
}

/// What is behind a pointer that no name has led to may be a name by accident: it is shown, with a warning.
#[test]
fn pointers_to_what_is_no_name() {
    if !is_possible("names::pointers_to_what_is_no_name") {
        return;
    }
    let start = Writer::records().next() + opening(0).len();
    let tree = names(&[&|_| name("\u{1}a.example"), &|at| {
        pointer(at - start - 1).to_vec()
    }]);
    let complaints = tree.complaints();
    assert_eq!(tree.all("record.name").len(), 2, "{tree:?}");
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(complaints[0].contains("no name before has a label"));
}
