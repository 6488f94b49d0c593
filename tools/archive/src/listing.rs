//! Which files there are of a time.
//!
//! A merge adds its file before those that it was made of are deleted, so that a row may be there
//! twice. Names of files say which batches they have: one whose batches are all in another one of
//! the same folder is left out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file_name::FileName;
use crate::partition::Partition;

/// The folder of an hour or day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// Its first microsecond since 1970, and the one behind its last.
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// The folders below that of a table whose time has something of `since..=until`, in order. Those of
/// days have the hours below them as folders of their own.
pub(crate) fn folders(table: &Path, since: i64, until: i64) -> io::Result<Vec<Folder>> {
    let mut found = Vec::new();
    let overlaps = |folder: &Folder| folder.start <= until && folder.end > since;
    for date in named(table)? {
        let of = |partition: Partition, name: &str, path: PathBuf| {
            let number = partition.number_of(name)?;
            Some(Folder {
                path,
                start: partition.start(number),
                end: partition.end(number),
            })
        };
        let Some(day) = of(Partition::Day, &date, table.join(&date)).filter(overlaps) else {
            continue;
        };
        for hour in allow_missing(named(&day.path))? {
            let name = format!("{date}/{hour}");
            found.extend(of(Partition::Hour, &name, day.path.join(&hour)).filter(overlaps));
        }
        found.push(day);
    }
    found.sort_by_key(|folder| (folder.start, folder.end));
    Ok(found)
}

/// The names in a folder that are text.
fn named(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

/// A folder may be deleted at any time.
fn allow_missing(names: io::Result<Vec<String>>) -> io::Result<Vec<String>> {
    match names {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Vec::new()),
        names => names,
    }
}

/// The files of a folder, in order, without those that were merged into others.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = allow_missing(named(folder))?;
    names.retain(|name| name.ends_with(".parquet") && !name.starts_with('.'));
    names.sort();
    let known: Vec<_> = names
        .iter()
        .filter_map(|name| FileName::parse(name))
        .collect();
    names.retain(|name| {
        let name = FileName::parse(name);
        !name.is_some_and(|name| known.iter().any(|other| other.contains(&name)))
    });
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn make(root: &Path, names: &[&str]) {
        for name in names {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    #[test]
    fn folders_go_by_time() {
        let root = tempfile::tempdir().unwrap();
        make(
            root.path(),
            &[
                "date=1970-01-01/hour=00/x",
                "date=1970-01-01/hour=05/x",
                "date=1970-01-02/x",
                "date=other/x",
                "x",
            ],
        );
        let found = |since, until| -> Vec<String> {
            let found = folders(root.path(), since, until).unwrap();
            let names = found
                .iter()
                .map(|folder| folder.path.strip_prefix(root.path()));
            names
                .map(|name| name.unwrap().display().to_string())
                .collect()
        };
        assert_eq!(
            found(0, HOUR - 1),
            ["date=1970-01-01/hour=00", "date=1970-01-01"]
        );
        assert_eq!(found(HOUR, 5 * HOUR - 1), ["date=1970-01-01"]);
        assert_eq!(found(24 * HOUR, i64::MAX), ["date=1970-01-02"]);
        assert_eq!(found(i64::MIN, i64::MAX).len(), 4);
    }

    #[test]
    fn what_was_merged_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        let name = |collector, first, last| {
            FileName {
                collector,
                first,
                last,
            }
            .text()
        };
        let (merged, parts) = (name(1, 1, 4), [name(1, 1, 2), name(1, 3, 4)]);
        let others = [name(1, 5, 6), name(2, 1, 2), "other.parquet".to_owned()];
        let hidden = [format!(".{}.tmp", name(1, 7, 8)), ".x.parquet".to_owned()];
        let all = parts.iter().chain([&merged]).chain(&others).chain(&hidden);
        let all: Vec<_> = all.map(String::as_str).collect();
        make(root.path(), &all);
        let found = files(root.path()).unwrap();
        let mut expected: Vec<_> = others
            .iter()
            .chain([&merged])
            .map(|name| root.path().join(name))
            .collect();
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(
            files(&root.path().join("away")).unwrap(),
            Vec::<PathBuf>::new()
        );
    }
}
