//! What happens when the process ends between any two steps of a change.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::thread;

use ::parquet::file::reader::{FileReader, SerializedFileReader};

use super::*;
use crate::batch::{BatchId, Builder, Stream};

const COLLECTOR: u64 = 1;

/// A datagram of version 4 with one set: 10.0.0.NUMBER asked for `a` and got 192.0.2.1.
fn batch(number: u64, received: u64) -> Arc<Batch> {
    let vectors = dnsflow_testkit::vectors::vectors();
    let mut builder = Builder::default();
    let stream = || Stream {
        sensor: "s".to_owned(),
        source: "192.0.2.1:1".parse().unwrap(),
        core: None,
        boot: number,
    };
    let vectors = vectors.iter().filter(|vector| vector.bytes[0] == 4);
    for (sequence, vector) in (0..).zip(vectors) {
        let time = Duration::from_micros(received);
        builder.push(1, stream, time, sequence, 1, &vector.bytes);
    }
    let id = BatchId {
        collector: COLLECTOR,
        number,
    };
    Arc::new(Batch::new(id, builder.take()))
}

fn rows_of(batch: &Batch) -> u64 {
    let mut rows = 0;
    let done: Result<(), ()> = batch.each_row(|_| {
        rows += 1;
        Ok(())
    });
    done.unwrap();
    rows
}

/// Rows of `responses`, and how many responses `names` counts.
fn count(folder: &Path) -> BTreeMap<Table, i64> {
    let mut counts = BTreeMap::new();
    let mut folders: Vec<_> = TABLES
        .map(|table| (table, folder.join(table.folder())))
        .into();
    while let Some((table, folder)) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push((table, path));
                continue;
            }
            assert!(
                path.extension().is_some_and(|kind| kind == "parquet"),
                "{path:?}"
            );
            let file = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
            let rows = match table {
                Table::Responses => file.metadata().file_metadata().num_rows(),
                Table::Names => {
                    let rows = file.get_row_iter(None).unwrap();
                    rows.map(|row| {
                        use ::parquet::record::RowAccessor;
                        i64::try_from(row.unwrap().get_ulong(6).unwrap()).unwrap()
                    })
                    .sum()
                }
            };
            *counts.entry(table).or_insert(0) += rows;
        }
    }
    counts
}

fn sink(folder: &Path, parameters: &str) -> Parquet {
    let options = Options::parse(&format!("{}?{parameters}", folder.display())).unwrap();
    let mut sink = Parquet::new(options, COLLECTOR);
    sink.open().unwrap();
    sink
}

/// Two hours in the past.
fn batches(numbers: std::ops::RangeInclusive<u64>) -> Vec<Arc<Batch>> {
    let hours = |number| 1_700_000_000_000_000 + number % 2 * 3_600_000_000;
    numbers.map(|number| batch(number, hours(number))).collect()
}

/// What is there once all batches are stored and nothing went wrong.
fn expected(batches: &[Arc<Batch>]) -> BTreeMap<Table, i64> {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path(), "compact=off");
    batches.iter().for_each(|batch| sink.write(batch).unwrap());
    sink.finish().unwrap();
    let counts = count(folder.path());
    let rows: u64 = batches.iter().map(|batch| rows_of(batch)).sum();
    assert_eq!(counts[&Table::Responses], i64::try_from(rows).unwrap());
    assert!(rows > 0 && counts[&Table::Names] > 0);
    counts
}

#[test]
fn a_rotation_may_end_anywhere() {
    let batches = batches(1..=4);
    let expected = expected(&batches);
    for step in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let mut first = sink(folder.path(), "compact=off");
        batches[..2]
            .iter()
            .for_each(|batch| first.write(batch).unwrap());
        first.finish().unwrap();
        batches[2..]
            .iter()
            .for_each(|batch| first.write(batch).unwrap());
        first.store.stop_after = Some(step);
        let stopped = first.finish();
        assert_eq!(first.stored(), Some(if stopped.is_ok() { 4 } else { 2 }));
        drop(first);
        let mut again = sink(folder.path(), "compact=off");
        assert!(
            again
                .stored()
                .is_some_and(|stored| stored == 4 || stored == 2)
        );
        batches.iter().for_each(|batch| again.write(batch).unwrap());
        again.finish().unwrap();
        assert_eq!(count(folder.path()), expected, "{step}");
    }
}

#[test]
fn a_failed_rotation_is_tried_again() {
    let batches = batches(1..=4);
    let expected = expected(&batches);
    for step in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = sink(folder.path(), "compact=off");
        batches[..3]
            .iter()
            .for_each(|batch| sink.write(batch).unwrap());
        sink.store.stop_after = Some(step);
        assert!(matches!(sink.finish(), Err(SinkError::Away(_))), "{step}");
        assert!(matches!(sink.write(&batches[3]), Err(SinkError::Away(_))));
        assert_eq!(sink.stored(), None);
        sink.store.stop_after = None;
        sink.write(&batches[3]).unwrap();
        assert_eq!(sink.stored(), Some(3));
        sink.finish().unwrap();
        assert_eq!(count(folder.path()), expected, "{step}");
    }
}

#[test]
fn a_merge_may_end_anywhere() {
    let batches = batches(1..=6);
    let expected = expected(&batches);
    for step in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let mut first = sink(folder.path(), "rows=1");
        batches.iter().for_each(|batch| first.write(batch).unwrap());
        first.store.stop_after = Some(step);
        let mut now = Instant::now();
        for _ in 0..10_000 {
            now = first.due().map_or(now, |due| due.max(now));
            if first.advance(now).is_err() || first.merged() == 12 {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        drop(first);
        let again = sink(folder.path(), "");
        assert_eq!(again.stored(), Some(6));
        assert_eq!(count(folder.path()), expected, "{step}");
    }
}

#[test]
fn what_cannot_be_a_folder_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = Options::parse(&file.path().display().to_string()).unwrap();
    let error = Parquet::new(options, COLLECTOR).open().unwrap_err();
    assert!(matches!(error, SinkError::Unfit(text) if text.contains("name a folder")));
    let folder = tempfile::tempdir().unwrap();
    drop(sink(folder.path(), ""));
    let commit = folder.path().join(".dnsflow/0000000000000001.commit");
    fs::write(commit, "x").unwrap();
    let options = Options::parse(&folder.path().display().to_string()).unwrap();
    let error = Parquet::new(options, COLLECTOR).open().unwrap_err();
    assert!(matches!(error, SinkError::Unfit(text) if text.contains("not a commit file")));
}

#[test]
fn batches_of_another_collector_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::parse(&folder.path().display().to_string()).unwrap();
    let mut sink = Parquet::new(options, 2);
    sink.open().unwrap();
    let refused = sink.write(&batch(1, 0));
    assert!(matches!(refused, Err(SinkError::Refused(_))));
}
