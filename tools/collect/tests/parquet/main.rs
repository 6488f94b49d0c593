//! The sink of Parquet files: what it is given is what DuckDB reads, whatever happens between.

mod duckdb;
mod expected;
mod traffic;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dnsflow_collect::batch::Batch;
use dnsflow_collect::sink::parquet::{Options, Parquet};
use dnsflow_collect::sink::{Sink, SinkError};
use parquet::data_type::ByteArray;
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use traffic::COLLECTOR;

/// 2023-11-14 22:13:20 UTC, in microseconds.
const START: u64 = 1_700_000_000_000_000;
const HOUR: u64 = 3_600_000_000;

fn sink(folder: &Path, parameters: &str) -> Parquet {
    let text = format!("{}?{parameters}", folder.display());
    Parquet::new(Options::parse(&text).unwrap(), COLLECTOR)
}

fn write(sink: &mut Parquet, batches: &[Arc<Batch>]) {
    for batch in batches {
        sink.write(batch).unwrap();
    }
}

/// All files below a folder that readers see, relative to it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "parquet") {
                found.push(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn assert_same(found: &[String], expected: &[String]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

fn assert_all(folder: &Path, batches: &[Arc<Batch>]) {
    assert_same(&duckdb::responses(folder), &expected::responses(batches));
    assert_same(&duckdb::names(folder), &expected::names(batches));
}

#[test]
fn each_field_is_read_back() {
    for parameters in ["", "compression=none&partition=day&rows=1"] {
        let folder = tempfile::tempdir().unwrap();
        let batches = [
            traffic::vectors(1, START),
            traffic::mixed(2, 5000, START, 1_000_000),
            traffic::mixed(3, 3000, START + HOUR / 2, 10),
        ];
        let mut sink = sink(folder.path(), parameters);
        assert_eq!(sink.open().unwrap(), None);
        write(&mut sink, &batches);
        sink.finish().unwrap();
        assert_eq!(sink.stored(), Some(3));
        assert_all(folder.path(), &batches);
    }
}

#[test]
fn what_was_not_stored_comes_again_and_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let batches: Vec<_> = (1..=4)
        .map(|n| traffic::mixed(n, 100, START, 1000))
        .collect();
    let mut first = sink(folder.path(), "rows=300");
    first.open().unwrap();
    write(&mut first, &batches[..3]);
    assert_eq!(first.stored(), Some(2));
    let other = sink(folder.path(), "").open();
    assert!(matches!(other, Err(SinkError::Unfit(text)) if text.contains("another process")));
    drop(first);
    let mut again = sink(folder.path(), "");
    assert_eq!(again.open().unwrap(), Some(2));
    write(&mut again, &batches);
    write(&mut again, &batches[2..3]);
    again.finish().unwrap();
    assert_eq!(again.stored(), Some(4));
    assert_all(folder.path(), &batches);
}

#[test]
fn late_rows_go_to_their_hour() {
    let folder = tempfile::tempdir().unwrap();
    let batches = [
        traffic::mixed(1, 10, START, 1),
        traffic::mixed(2, 10, START - 5 * HOUR, 1),
        traffic::mixed(3, 10, 1_000_000, 1),
    ];
    let mut sink = sink(folder.path(), "");
    sink.open().unwrap();
    write(&mut sink, &batches);
    sink.finish().unwrap();
    let found = files(&folder.path().join("responses"));
    let folders: Vec<_> = found
        .iter()
        .filter_map(|path| path.parent()?.to_str())
        .collect();
    let hours = [
        "date=1970-01-01/hour=00",
        "date=2023-11-14/hour=17",
        "date=2023-11-14/hour=22",
    ];
    assert_eq!(folders, hours);
    assert_all(folder.path(), &batches);
}

#[test]
fn rows_wait_no_longer_than_they_may() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path(), "every=60s&compact=off");
    sink.open().unwrap();
    assert_eq!(sink.due(), None);
    sink.write(&traffic::mixed(1, 10, START, 1)).unwrap();
    let due = sink.due().unwrap();
    sink.advance(due - Duration::from_millis(1)).unwrap();
    assert_eq!(sink.stored(), None);
    sink.advance(due).unwrap();
    assert_eq!(sink.stored(), Some(1));
    assert_eq!(sink.due(), None);
}

#[test]
fn merges_keep_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path(), "rows=1");
    sink.open().unwrap();
    // Two hours, and times that overlap.
    let batches: Vec<_> = (1..=20)
        .map(|n| traffic::mixed(n, 500 + 50 * (n % 3), START + n * 300_000_000, 1_000_000))
        .collect();
    write(&mut sink, &batches);
    let before = files(folder.path());
    assert!(before.len() > 40, "{before:?}");
    let until = Instant::now() + Duration::from_secs(120);
    let mut now = Instant::now();
    while files(folder.path()).len() > 6 {
        assert!(Instant::now() < until, "{:?}", files(folder.path()));
        now = sink.due().map_or(now, |due| due.max(now));
        sink.advance(now).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    assert!(sink.merged() > 30);
    assert_all(folder.path(), &batches);
    for file in files(&folder.path().join("names")) {
        let path = folder.path().join("names").join(file);
        let repeated = duckdb::query(&format!(
            "select 1 from read_parquet('{}') group by address, client, name, question \
             having count(*) > 1",
            path.display()
        ));
        assert!(repeated.is_empty(), "{repeated:?}");
    }
    drop(sink);
    let mut again = self::sink(folder.path(), "");
    assert_eq!(again.open().unwrap(), Some(20));
}

#[test]
fn an_address_is_found_by_one_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path(), "");
    sink.open().unwrap();
    sink.write(&traffic::mixed(1, 60_000, START, 1)).unwrap();
    sink.finish().unwrap();
    let names = files(&folder.path().join("names"));
    let path = folder.path().join("names").join(&names[0]);
    let reader = ParquetMetaDataReader::new().with_page_index_policy(true.into());
    let metadata = reader
        .parse_and_finish(&File::open(&path).unwrap())
        .unwrap();
    let wanted = "198.51.100.5";
    let mut pages = (0, 0);
    for group in 0..metadata.num_row_groups() {
        let group = metadata.page_index_for_row_group(group);
        let Some(ColumnIndexMetaData::BYTE_ARRAY(index)) = group.column_index(0) else {
            panic!("addresses are texts, and have an index");
        };
        for page in 0..usize::try_from(index.num_pages()).unwrap() {
            let least = index.min_value(page).unwrap();
            let most = index.max_value(page).unwrap();
            pages.0 += 1;
            pages.1 += usize::from((least..=most).contains(&wanted.as_bytes()));
        }
    }
    assert!(pages.0 > 20 && (1..=2).contains(&pages.1), "{pages:?}");
    for group in metadata.row_groups() {
        let columns: Vec<_> = group
            .sorting_columns()
            .unwrap()
            .iter()
            .map(|c| c.column_idx)
            .collect();
        assert_eq!(columns, [0, 1, 2, 3]);
    }
    let with_filters = ReaderProperties::builder()
        .set_read_bloom_filter(true)
        .build();
    let options = ReadOptionsBuilder::new().with_reader_properties(with_filters);
    let file = File::open(&path).unwrap();
    let reader = SerializedFileReader::new_with_options(file, options.build()).unwrap();
    let groups = (0..reader.num_row_groups()).map(|group| reader.get_row_group(group).unwrap());
    let may_have = |group: &dyn RowGroupReader, address: &str| {
        group
            .get_column_bloom_filter(0)
            .unwrap()
            .check(&ByteArray::from(address))
    };
    let groups: Vec<_> = groups.collect();
    assert!(groups.iter().any(|group| may_have(group.as_ref(), wanted)));
    let absent = (0..100).filter(|n| may_have(groups[0].as_ref(), &format!("203.0.113.{n}")));
    assert!(absent.count() < 10);
    let found = duckdb::query(&format!(
        "select count(*) from read_parquet('{}') where address = '{wanted}'",
        path.display()
    ));
    assert_ne!(found, ["[0]"]);
}
