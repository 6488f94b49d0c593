//! Damaged and foreign files: an error of theirs, and the others are read.

use std::fs;

use dnsflow_archive::{Archive, Name, Range};

use crate::writer;
use crate::{FIRST_HOUR, rows_of};

/// A file of 300 rows, and an archive of which it is one of two.
fn store() -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>) {
    let root = tempfile::tempdir().unwrap();
    let mut rows: Vec<_> = rows_of(1, 300).map(|(_, row)| row).collect();
    rows.sort();
    for batches in [(1, 1), (2, 2)] {
        writer::write(root.path(), FIRST_HOUR, batches, rows.iter().cloned()).unwrap();
    }
    let folder = root.path().join("names/date=2023-11-14/hour=22");
    let path = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let bytes = fs::read(&path).unwrap();
    (root, path, bytes)
}

#[test]
fn no_damage_ends_a_search() {
    let (root, path, bytes) = store();
    let archive = Archive::open(root.path()).unwrap();
    let mut random = 1_u64;
    let mut below = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % end as u64).unwrap()
    };
    // Where the metadata starts, which is what breaks most.
    let length = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap());
    let metadata = bytes.len() - 8 - usize::try_from(length).unwrap();
    let mut problems = 0;
    for round in 0..1200 {
        let mut bytes = bytes.clone();
        for _ in 0..=below(3) {
            let from = [0, metadata.saturating_sub(3000), metadata][round % 3];
            let at = from + below(bytes.len() - from);
            bytes[at] = [
                0,
                0x7f,
                0x80,
                0xff,
                bytes[at] ^ 1,
                bytes[at].wrapping_add(1),
            ][below(6)];
        }
        if round % 10 == 0 {
            bytes.truncate(below(bytes.len()));
        }
        fs::write(&path, bytes).unwrap();
        let found = match round % 2 {
            0 => archive.names_of_address("198.51.1.5".parse().unwrap(), None, Range::default()),
            _ => archive.addresses_of_name(Name::Exact("n61.example"), None, Range::default()),
        };
        let found = found.unwrap();
        // The other file is read.
        assert!(!found.rows.is_empty());
        problems += found.reading.problems.len();
    }
    assert!(problems > 200, "{problems}");
}

#[test]
fn foreign_files_are_told() {
    let (root, path, _) = store();
    let archive = Archive::open(root.path()).unwrap();
    fs::write(&path, "no Parquet").unwrap();
    fs::create_dir(path.with_file_name("folder.parquet")).unwrap();
    let found = archive
        .names_of_address("198.51.1.5".parse().unwrap(), None, Range::default())
        .unwrap();
    assert_eq!(found.rows.len(), 1);
    let problems = found.reading.problems;
    assert_eq!(problems.len(), 2);
    assert!(
        problems
            .iter()
            .any(|problem| problem.to_string().contains("no file of dnsflow-collect's"))
    );
    assert!(
        problems
            .iter()
            .any(|problem| problem.to_string().contains("not a regular file"))
    );
}
