//! The reader against a scan of the same rows, over files that are damaged, and while files vanish.

#[path = "../../benches/lookup/writer.rs"]
mod writer;

mod damage;
mod naive;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dnsflow_archive::{Archive, Limits, Name, NamesRow, Range};
use dnsflow_names::{Question, Time};
use proptest::prelude::*;
use writer::Row;

/// The first hour of the rows, since 1970, and the microseconds of one.
const FIRST_HOUR: i64 = 472_222;
const HOUR: i64 = 3_600_000_000;

fn address(number: u8) -> IpAddr {
    match number {
        0 => "2001:db8::1".parse().unwrap(),
        _ => IpAddr::from([192, 0, 2, number]),
    }
}

fn client(number: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, number])
}

prop_compose! {
    fn row()(
        of in 0_u8..4,
        by in 0_u8..3,
        name in prop::sample::select(vec!["a.example", "B.Example", "cdn.test", "xa.example"]),
        question in prop::option::of(prop::sample::select(vec!["www.a.example", "b.example", "."])),
        start in 0_i64..3 * HOUR / 1_000_000,
        length in 0_i64..1000,
        count in 1_i64..50,
        ttl in prop::option::of(0_i32..600),
    ) -> (i64, Row) {
        let hour = start * 1_000_000 / HOUR;
        let first = start * 1_000_000;
        let last = (first + length * 1_000_000).min((hour + 1) * HOUR - 1);
        let row = Row {
            address: address(of).to_string(),
            client: client(by).to_string(),
            name: name.to_owned(),
            question: question.map(str::to_owned),
            first: FIRST_HOUR * HOUR + first,
            last: FIRST_HOUR * HOUR + last,
            count,
            ttl,
        };
        (FIRST_HOUR + hour, row)
    }
}

/// Writes rows to two files an hour.
fn store(root: &Path, rows: &[(i64, Row)]) {
    fs::create_dir_all(root.join("names")).unwrap();
    let mut files: BTreeMap<(i64, u64), Vec<Row>> = BTreeMap::new();
    for (number, (hour, row)) in (0_u64..).zip(rows) {
        files
            .entry((*hour, number % 2))
            .or_default()
            .push(row.clone());
    }
    for ((hour, number), mut rows) in files {
        rows.sort();
        writer::write(root, hour, (number, number), rows.into_iter()).unwrap();
    }
}

fn time(seconds: i64) -> Time {
    Time::from_micros(FIRST_HOUR * HOUR + seconds * 1_000_000)
}

fn rows_of(hours: u8, rows: usize) -> impl Iterator<Item = (i64, Row)> {
    (0..hours).flat_map(move |hour| {
        (0..rows).map(move |number| {
            let at = (FIRST_HOUR + i64::from(hour)) * HOUR + 1_000_000;
            let row = Row {
                address: format!("198.51.{}.{}", number / 256 % 256, number % 256),
                client: client(u8::try_from(number % 7).unwrap()).to_string(),
                name: format!("n{}.example", number % 100),
                question: Some(format!("www{number}.example")),
                first: at,
                last: at + 5,
                count: 1,
                ttl: Some(60),
            };
            (FIRST_HOUR + i64::from(hour), row)
        })
    })
}

fn found(archive: &Archive, wanted: &str) -> Vec<NamesRow> {
    let found = archive.names_of_address(wanted.parse().unwrap(), None, Range::default());
    let found = found.unwrap();
    assert_eq!(found.reading.problems, []);
    found.rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_search_finds_what_a_scan_does(
        rows in prop::collection::vec(row(), 0..120),
        asked in (0_u8..4, prop::option::of(0_u8..4), -100_i64..12_000, 0_i64..8000),
    ) {
        let root = tempfile::tempdir().unwrap();
        store(root.path(), &rows);
        let archive = Archive::open(root.path()).unwrap();
        let (wanted, of_client) = (address(asked.0), asked.1.map(client));
        let range = Range { since: Some(time(asked.2)), until: Some(time(asked.2 + asked.3)) };
        let rows = naive::rows(&rows, range);
        let is_client = |row: &NamesRow| of_client.is_none_or(|client| client == row.client);

        let found = archive.names_of_address(wanted, of_client, range).unwrap();
        prop_assert_eq!(&found.reading.problems, &[]);
        prop_assert_eq!(found.rows, naive::rolled(&rows, |row| row.address == wanted && is_client(row)));

        let found = archive.addresses_of_name(Name::Exact("b.EXAMPLE"), of_client, range).unwrap();
        let is_named = |row: &NamesRow| row.name == "b.example" || row.question.as_deref() == Some("b.example");
        prop_assert_eq!(found.rows, naive::rolled(&rows, |row| is_named(row) && is_client(row)));

        let found = archive.addresses_of_name(Name::Suffix("a.example"), of_client, range).unwrap();
        let is_below = |name: &str| name == "a.example" || name.ends_with(".a.example");
        let is_named = |row: &NamesRow| is_below(&row.name) || row.question.as_deref().is_some_and(is_below);
        prop_assert_eq!(found.rows, naive::rolled(&rows, |row| is_named(row) && is_client(row)));

        if let Some(client) = of_client {
            let found = archive.names_of_client(client, range).unwrap();
            prop_assert_eq!(found.rows, naive::rolled(&rows, |row| row.client == client));
        }
    }

    #[test]
    fn questions_are_answered_as_a_scan_does(
        rows in prop::collection::vec(row(), 0..120),
        asked in prop::collection::vec((0_u8..5, prop::option::of(0_u8..4), -100_i64..14_000), 1..20),
    ) {
        let root = tempfile::tempdir().unwrap();
        store(root.path(), &rows);
        let archive = Archive::open(root.path()).unwrap();
        let questions: Vec<_> = asked.into_iter().map(|(of, by, at)| Question {
            client: by.map(client),
            address: address(of),
            at: Some(time(at)),
        }).collect();
        let limits = Limits { lookback: Duration::from_secs(5000), candidates: 100, ..Limits::default() };
        let asked = archive.ask(&questions, &limits).unwrap();
        prop_assert_eq!(asked.answers.len(), questions.len());
        for (answer, question) in asked.answers.iter().zip(&questions) {
            prop_assert_eq!((answer.client, answer.address), (question.client, question.address));
            naive::assert_answer(answer, question, &rows, &limits);
            // The others of its batch make no difference.
            let alone = archive.ask(&[*question], &limits).unwrap();
            prop_assert_eq!(&alone.answers[..], std::slice::from_ref(answer));
        }
    }
}

#[test]
fn few_pages_are_read_for_an_address() {
    let root = tempfile::tempdir().unwrap();
    let mut rows: Vec<_> = rows_of(1, 50_000).map(|(_, row)| row).collect();
    rows.sort();
    writer::write(root.path(), FIRST_HOUR, (1, 9), rows.into_iter()).unwrap();
    let archive = Archive::open(root.path()).unwrap();
    let range = Range::default();
    let found = archive
        .names_of_address("198.51.7.9".parse().unwrap(), None, range)
        .unwrap();
    assert_eq!(found.rows.len(), 1);
    assert_eq!(found.rows[0].question.as_deref(), Some("www1801.example"));
    let counts = found.reading.counts;
    assert_eq!(
        (counts.files, counts.groups, counts.pages),
        (1, 1, 8),
        "{counts:?}"
    );
    assert!(counts.rows <= 3000, "{counts:?}");
    let absent = archive
        .names_of_address("198.51.255.255".parse().unwrap(), None, range)
        .unwrap();
    assert_eq!((absent.rows.len(), absent.reading.counts.pages), (0, 0));
    let early = Range {
        since: None,
        until: Some(time(-1)),
    };
    let early = archive
        .names_of_address("198.51.7.9".parse().unwrap(), None, early)
        .unwrap();
    assert_eq!(early.reading.counts.files, 0);
}

#[test]
fn a_merge_loses_nothing_and_has_nothing_twice() {
    let root = tempfile::tempdir().unwrap();
    let mut rows: Vec<_> = rows_of(1, 300).map(|(_, row)| row).collect();
    rows.sort();
    let put =
        |batches| writer::write(root.path(), FIRST_HOUR, batches, rows.iter().cloned()).unwrap();
    let folder = root.path().join("names/date=2023-11-14/hour=22");
    let away = |batches: (u64, u64)| {
        let name = dnsflow_archive::FileName {
            collector: 1,
            first: batches.0,
            last: batches.1,
        };
        fs::remove_file(folder.join(name.text())).unwrap();
    };
    put((1, 1));
    let archive = Archive::open(root.path()).unwrap();
    std::thread::scope(|scope| {
        let merges = scope.spawn(|| {
            for last in 2..300 {
                put((1, last));
                away((1, last - 1));
            }
        });
        while !merges.is_finished() {
            let found = archive
                .names_of_address("198.51.1.5".parse().unwrap(), None, Range::default())
                .unwrap();
            // A file that this test has just begun to write is no file yet; a collector renames.
            if found.reading.problems.is_empty() {
                let counts: Vec<_> = found.rows.iter().map(|row| row.count).collect();
                assert_eq!(counts, [1]);
            }
        }
    });
    assert_eq!(found(&archive, "198.51.1.5").len(), 1);
}

#[test]
fn a_folder_without_names_is_none() {
    let root = tempfile::tempdir().unwrap();
    let error = Archive::open(root.path()).unwrap_err().to_string();
    assert!(error.contains("--to parquet:FOLDER"), "{error}");
    assert!(Archive::open(&PathBuf::from("/nowhere/at/all")).is_err());
}
