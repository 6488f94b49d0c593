use std::fs;
use std::net::SocketAddr;

use super::*;
use crate::batch::{Builder, Stream};

/// Content of one datagram, which has `bytes` bytes and claims `records` records.
fn content(records: u64, bytes: usize) -> Content {
    let stream = || Stream {
        sensor: "tap".to_owned(),
        source: SocketAddr::from(([192, 0, 2, 1], 7)),
        core: None,
        boot: 1,
    };
    let mut builder = Builder::default();
    builder.push(
        1,
        stream,
        Duration::from_secs(1),
        1,
        records,
        &vec![4; bytes],
    );
    builder.take()
}

fn open(limits: &Limits, sinks: &[&str]) -> (Backlog, Vec<String>) {
    let mut notes = Vec::new();
    let sinks: Vec<String> = sinks.iter().map(|&name| name.to_owned()).collect();
    let backlog = Backlog::open(limits, &sinks, &mut |note| notes.push(note.to_string()));
    (backlog.expect("a spool that can be opened"), notes)
}

fn in_memory(memory: usize) -> Limits {
    Limits {
        memory,
        spool: None,
    }
}

fn spooled(folder: &std::path::Path, memory: usize, max: u64) -> Limits {
    let folder = folder.to_owned();
    Limits {
        memory,
        spool: Some(Spool { folder, max }),
    }
}

/// The numbers of all batches that there are now for a sink.
fn take(backlog: &Backlog, sink: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Next::Batch(batch) = backlog.next(sink, Instant::now()) {
        numbers.push(batch.id().number);
    }
    numbers
}

/// Number, then records, lost to a sink.
fn lost(backlog: &Backlog, sink: usize) -> (u64, u64) {
    let account = &backlog.accounts()[sink];
    (account.lost, account.lost_records)
}

#[test]
fn each_sink_gets_every_batch_once_and_in_order() {
    let (backlog, _) = open(&in_memory(1 << 20), &["a", "b"]);
    for records in 1..=3 {
        backlog
            .push(content(records, 10))
            .expect("there is no spool");
    }
    assert_eq!(take(&backlog, 0), [1, 2, 3]);
    assert_eq!(take(&backlog, 0), [0_u64; 0]);
    let waiting = |sink: usize| {
        let account = &backlog.accounts()[sink];
        (account.waiting, account.waiting_records)
    };
    assert_eq!((waiting(0), waiting(1)), ((3, 6), (3, 6)));
    backlog.note_stored(0, 2).expect("there is no spool");
    assert_eq!((waiting(0), waiting(1)), ((1, 3), (3, 6)));
    assert_eq!(take(&backlog, 1), [1, 2, 3]);
    backlog.note_stored(1, 3).expect("there is no spool");
    backlog.note_stored(0, 3).expect("there is no spool");
    assert_eq!(backlog.sizes(), (0, 0, 0));
    backlog.close().expect("there is no spool");
    let far = Instant::now() + Duration::from_secs(3600);
    assert!(matches!(backlog.next(0, far), Next::Closed));
}

#[test]
fn without_a_spool_the_oldest_go_and_are_counted_for_who_has_not_got_them() {
    let (backlog, _) = open(&in_memory(4 * 1000), &["fast", "slow", "busy"]);
    let Next::Batch(held) = ({
        backlog.push(content(1, 600)).expect("no spool");
        backlog.next(2, Instant::now())
    }) else {
        panic!("one batch is there");
    };
    for records in 2..=20 {
        backlog.push(content(records, 600)).expect("no spool");
        let last = take(&backlog, 0);
        assert_eq!(last.last(), Some(&records));
        backlog.note_stored(0, records).expect("no spool");
    }
    assert!(backlog.sizes().0 <= 4000);
    let left = take(&backlog, 1);
    assert_eq!(left.last(), Some(&20));
    let first = left[0];
    assert_eq!(left, (first..=20).collect::<Vec<_>>());
    assert_eq!(lost(&backlog, 0), (0, 0));
    assert_eq!(lost(&backlog, 1), (first - 1, (1..first).sum()));
    // The one that the third sink is writing is not lost to it.
    assert_eq!(held.id().number, 1);
    assert_eq!(lost(&backlog, 2), (first - 2, (2..first).sum()));
}

#[test]
fn a_spool_outlives_the_process_and_holds_what_memory_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = spooled(folder.path(), 2000, 1 << 20);
    let sinks = ["a", "b"];
    let collector = {
        let (backlog, notes) = open(&limits, &sinks);
        assert_eq!(notes, Vec::<String>::new());
        for records in 1..=50 {
            let id = backlog
                .push(content(records, 700))
                .expect("room on the disk");
            assert_eq!(id.number, records);
        }
        assert!(backlog.sizes().0 <= 2000);
        assert_eq!(take(&backlog, 0), (1..=50).collect::<Vec<_>>());
        backlog.note_stored(0, 30).expect("room on the disk");
        backlog.collector()
    };
    let (backlog, notes) = open(&limits, &["a", "b", "new"]);
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(backlog.collector(), collector);
    assert_eq!(take(&backlog, 0), (31..=50).collect::<Vec<_>>());
    assert_eq!(take(&backlog, 1), (1..=50).collect::<Vec<_>>());
    assert_eq!(take(&backlog, 2), [0_u64; 0]);
    assert_eq!(backlog.push(content(1, 5)).expect("room").number, 51);
    assert_eq!(take(&backlog, 2), [51]);
    for sink in 0..3 {
        assert_eq!(lost(&backlog, sink), (0, 0));
        backlog.note_stored(sink, 51).expect("room on the disk");
    }
    drop(backlog);
    // Numbers go on even where nothing is left.
    let (backlog, _) = open(&limits, &["a"]);
    assert_eq!(take(&backlog, 0), [0_u64; 0]);
    assert_eq!(backlog.push(content(1, 5)).expect("room").number, 52);
}

#[test]
fn one_collector_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = spooled(folder.path(), 2000, 1 << 20);
    let (_first, _) = open(&limits, &["a"]);
    let second = Backlog::open(&limits, &["a".to_owned()], &mut |_| ());
    assert!(matches!(second, Err(OpenError::InUse(_))), "{second:?}");
}

#[test]
fn beyond_the_bound_of_the_spool_the_oldest_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = spooled(folder.path(), 2000, 40_000);
    let (backlog, _) = open(&limits, &["away"]);
    for records in 1..=200 {
        backlog.push(content(records, 700)).expect("room");
        assert!(backlog.sizes().1 <= 40_000);
    }
    let left = take(&backlog, 0);
    let first = left[0];
    assert!((150..=180).contains(&first), "{first}");
    assert_eq!(left, (first..=200).collect::<Vec<_>>());
    assert_eq!(lost(&backlog, 0), (first - 1, (1..first).sum()));
}

fn segments(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let paths = fs::read_dir(folder).expect("the folder");
    let paths = paths.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "batches"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn a_batch_that_was_half_written_is_cut_off() {
    for cut in [1, 39, 41, 300] {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = spooled(folder.path(), 2000, 1 << 20);
        let (backlog, _) = open(&limits, &["a"]);
        for records in 1..=3 {
            backlog.push(content(records, 700)).expect("room");
        }
        drop(backlog);
        let path = segments(folder.path()).remove(0);
        let bytes = fs::read(&path).expect("the segment");
        fs::write(&path, &bytes[..bytes.len() - cut]).expect("room");
        let (backlog, notes) = open(&limits, &["a"]);
        assert!(notes[0].contains("was not written to its end"), "{notes:?}");
        // It was never handed over under that number by this process, so the number is free.
        assert_eq!(backlog.push(content(9, 5)).expect("room").number, 3);
        assert_eq!(take(&backlog, 0), [1, 2, 3]);
    }
}

#[test]
fn a_segment_of_another_version_is_left_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = spooled(folder.path(), 2000, 8 * 2000);
    let (backlog, _) = open(&limits, &["a"]);
    for records in 1..=6 {
        backlog.push(content(records, 700)).expect("room");
    }
    drop(backlog);
    let paths = segments(folder.path());
    assert_eq!(paths.len(), 3, "two batches each");
    let mut bytes = fs::read(&paths[1]).expect("the segment");
    bytes[4] = 9;
    fs::write(&paths[1], &bytes).expect("room");
    let (backlog, notes) = open(&limits, &["a"]);
    assert!(
        notes[0].contains("it has version 9, known is 1 at byte 0"),
        "{notes:?}"
    );
    assert_eq!(take(&backlog, 0), [1, 2, 5, 6]);
    assert_eq!(lost(&backlog, 0).0, 2);
    assert_eq!(
        fs::read(paths[1].with_extension("unread")).expect("it is kept"),
        bytes
    );
}

#[test]
fn a_batch_that_is_damaged_in_the_middle_costs_only_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = spooled(folder.path(), 2000, 1 << 20);
    let (backlog, _) = open(&limits, &["a"]);
    for records in 1..=4 {
        backlog.push(content(records, 700)).expect("room");
    }
    drop(backlog);
    let path = segments(folder.path()).remove(0);
    let mut bytes = fs::read(&path).expect("the segment");
    let middle = bytes.len() / 4 + 200;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).expect("room");
    let (backlog, notes) = open(&limits, &["a"]);
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(take(&backlog, 0), [1, 3, 4]);
    assert_eq!(lost(&backlog, 0), (1, 2));
}

#[test]
fn a_sink_that_lost_what_it_held_gets_it_again() {
    let (backlog, _) = open(&in_memory(1 << 20), &["a"]);
    for records in 1..=5 {
        backlog.push(content(records, 10)).expect("no spool");
    }
    assert_eq!(take(&backlog, 0), [1, 2, 3, 4, 5]);
    backlog.note_stored(0, 2).expect("no spool");
    backlog.rewind(0);
    assert_eq!(take(&backlog, 0), [3, 4, 5]);
    assert_eq!(lost(&backlog, 0), (0, 0));
}

#[test]
fn what_it_held_and_is_not_here_any_more_is_lost_only_then() {
    let (backlog, _) = open(&in_memory(2000), &["a"]);
    for records in 1..=10 {
        backlog.push(content(records, 600)).expect("no spool");
        assert_eq!(take(&backlog, 0), [records]);
    }
    let account = &backlog.accounts()[0];
    assert_eq!((account.waiting, account.waiting_records), (10, 55));
    assert_eq!(lost(&backlog, 0), (0, 0));
    backlog.note_stored(0, 3).expect("no spool");
    backlog.rewind(0);
    let left = take(&backlog, 0);
    let first = left[0];
    assert!(first > 5, "{first}");
    assert_eq!(left, (first..=10).collect::<Vec<_>>());
    assert_eq!(lost(&backlog, 0), (first - 4, (4..first).sum()));
}
