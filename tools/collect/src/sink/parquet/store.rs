//! The folder: which files are part of it, and how that changes at once.
//!
//! ```text
//! FOLDER/responses/date=2026-01-31/hour=09/COLLECTOR-FIRST-LAST.parquet
//! FOLDER/names/date=2026-01-31/hour=09/COLLECTOR-FIRST-LAST.parquet
//! FOLDER/.dnsflow/COLLECTOR.commit
//! ```
//!
//! A change adds some files and removes others:
//!
//! 1. Each new file is written as `.COLLECTOR-FIRST-LAST.parquet.tmp` in its folder, and synced.
//! 2. `COLLECTOR.commit` is replaced by one that names what is added and removed, and the last batch
//!    that is stored. From here on the change has happened.
//! 3. The new files get their names, the old ones are deleted, and the folders are synced.
//!
//! Whoever stops after 2 finds in `COLLECTOR.commit` what was left undone. Before 2, nothing has
//! happened, and all temporary files of the collector are deleted. Only one process may write for a
//! collector: a lock says so.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dnsflow_archive::FileName;

/// The folder of what readers don't need; its name begins with a dot, so that no pattern finds it.
const OWN_FOLDER: &str = ".dnsflow";

/// The first line of a commit file.
const COMMIT_HEAD: &str = "dnsflow parquet 1";

/// Files of a collector.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    collector: u64,
    /// Held as long as this is open.
    lock: Option<File>,
    /// Where the next change stops, in tests.
    #[cfg(test)]
    pub(super) stop_after: Option<usize>,
}

/// What changes at once. Paths are relative to the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// The last batch of which everything is stored then.
    pub(super) stored: u64,
    /// Files that are there under their temporary names.
    pub(super) add: Vec<PathBuf>,
    /// Files that are there.
    pub(super) remove: Vec<PathBuf>,
}

/// The name under which a file is written.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

/// A file of the collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its folder, relative to that of the sink.
    pub(super) folder: PathBuf,
    pub(super) name: FileName,
    pub(super) bytes: u64,
}

impl Found {
    /// Its path, relative to the folder of the sink.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(self.name.text())
    }
}

/// What there is of a collector.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) files: Vec<Found>,
    pub(super) stored: Option<u64>,
}

impl Store {
    pub(super) fn new(root: PathBuf, collector: u64) -> Self {
        Self {
            root,
            collector,
            lock: None,
            #[cfg(test)]
            stop_after: None,
        }
    }

    /// The path of a file that is relative to the folder.
    pub(super) fn path(&self, relative: &Path) -> PathBuf {
        self.root.join(relative)
    }

    fn own(&self, suffix: &str) -> PathBuf {
        let name = format!("{:016x}.{suffix}", self.collector);
        self.root.join(OWN_FOLDER).join(name)
    }

    /// Makes the folders, finishes or undoes what was interrupted, and says what there is. `tables`
    /// are the folders below which files are.
    pub(super) fn open(&mut self, tables: &[&str]) -> io::Result<Contents> {
        let own = self.root.join(OWN_FOLDER);
        fs::create_dir_all(&own)?;
        for table in tables {
            fs::create_dir_all(self.root.join(table))?;
        }
        sync(&self.root)?;
        if self.lock.is_none() {
            let lock = File::create(self.own("lock"))?;
            lock.try_lock().map_err(io::Error::from)?;
            self.lock = Some(lock);
        }
        let change = match fs::read_to_string(self.own("commit")) {
            Ok(text) => Some(parse(&text).ok_or_else(|| {
                let path = self.own("commit");
                io::Error::new(io::ErrorKind::InvalidData, path.display().to_string())
            })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(change) = &change {
            self.carry_out(change)?;
        }
        let mut contents = Contents {
            files: Vec::new(),
            stored: change.map(|change| change.stored),
        };
        for table in tables {
            self.scan(Path::new(table), 0, &mut contents)?;
        }
        Ok(contents)
    }

    /// Notes the files of a folder and those below, and deletes temporary ones of this collector.
    fn scan(&self, folder: &Path, depth: usize, contents: &mut Contents) -> io::Result<()> {
        // Below a table there are dates, and hours below these.
        const MAX_DEPTH: usize = 2;
        let own = format!(".{:016x}-", self.collector);
        for entry in fs::read_dir(self.root.join(folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if entry.file_type()?.is_dir() {
                if depth < MAX_DEPTH {
                    self.scan(&folder.join(name), depth + 1, contents)?;
                }
            } else if name.starts_with(&own) && name.ends_with(".parquet.tmp") {
                fs::remove_file(entry.path())?;
            } else if let Some(name) = FileName::parse(name)
                && name.collector == self.collector
            {
                contents.stored = contents.stored.max(Some(name.last));
                contents.files.push(Found {
                    folder: folder.to_owned(),
                    name,
                    bytes: entry.metadata()?.len(),
                });
            }
        }
        Ok(())
    }

    /// Creates a file of a change under its temporary name.
    pub(super) fn create(&self, relative: &Path) -> io::Result<File> {
        let path = self.path(relative);
        if let Some(folder) = path.parent() {
            self.create_folder(folder)?;
        }
        File::create(temporary(&path))
    }

    /// Creates a folder and those above, and syncs where they are listed.
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(folder)?;
        let above = folder.ancestors().skip(1);
        for above in above.take_while(|above| above.starts_with(&self.root)) {
            sync(above)?;
        }
        Ok(())
    }

    /// Makes a change. Its new files are written and synced.
    pub(super) fn commit(&self, change: &Change) -> io::Result<()> {
        self.step(0)?;
        let path = self.own("commit");
        let new = self.own("commit.tmp");
        let mut file = File::create(&new)?;
        file.write_all(write(change).as_bytes())?;
        file.sync_all()?;
        self.step(1)?;
        fs::rename(&new, &path)?;
        self.step(2)?;
        if let Some(folder) = path.parent() {
            sync(folder)?;
        }
        self.step(3)?;
        self.carry_out(change)
    }

    /// Does what a change says, as far as it is not done.
    fn carry_out(&self, change: &Change) -> io::Result<()> {
        let mut step = 4;
        let mut folders = BTreeSet::new();
        for path in &change.add {
            let path = self.path(path);
            // Readers may have moved or deleted a file that got its name before.
            allow_missing(fs::rename(temporary(&path), &path))?;
            folders.extend(path.parent().map(Path::to_owned));
            self.step(step)?;
            step += 1;
        }
        for folder in &folders {
            allow_missing(sync(folder))?;
        }
        for path in &change.remove {
            let path = self.path(path);
            allow_missing(fs::remove_file(&path))?;
            self.step(step)?;
            step += 1;
            if let Some(folder) = path.parent() {
                allow_missing(sync(folder))?;
            }
        }
        Ok(())
    }

    /// Stops here if a test says so.
    #[cfg(test)]
    fn step(&self, step: usize) -> io::Result<()> {
        if self.stop_after == Some(step) {
            return Err(io::Error::other("stopped"));
        }
        Ok(())
    }

    #[cfg(not(test))]
    #[allow(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "as the one of tests, which stops"
    )]
    fn step(&self, _step: usize) -> io::Result<()> {
        Ok(())
    }
}

fn allow_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The text of a commit file.
fn write(change: &Change) -> String {
    let mut text = format!("{COMMIT_HEAD}\nstored {}\n", change.stored);
    for (word, paths) in [("add", &change.add), ("remove", &change.remove)] {
        for path in paths {
            text.push_str(&format!("{word} {}\n", path.display()));
        }
    }
    text.push_str("end\n");
    text
}

/// The reverse of [`write`].
fn parse(text: &str) -> Option<Change> {
    let mut lines = text.lines();
    if lines.next() != Some(COMMIT_HEAD) || !text.ends_with("\nend\n") {
        return None;
    }
    let mut change = Change::default();
    for line in lines {
        match line.split_once(' ') {
            Some(("stored", number)) => change.stored = number.parse().ok()?,
            Some(("add", path)) => change.add.push(path.into()),
            Some(("remove", path)) => change.remove.push(path.into()),
            None if line == "end" => {}
            _ => return None,
        }
    }
    Some(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLLECTOR: u64 = 7;

    fn file(folder: &str, first: u64, last: u64) -> PathBuf {
        let name = FileName {
            collector: COLLECTOR,
            first,
            last,
        };
        Path::new("responses").join(folder).join(name.text())
    }

    fn open(root: &Path) -> (Store, Contents) {
        let mut store = Store::new(root.to_owned(), COLLECTOR);
        let contents = store.open(&["responses"]).unwrap();
        (store, contents)
    }

    fn paths(contents: &Contents) -> Vec<PathBuf> {
        let mut paths: Vec<_> = contents.files.iter().map(Found::path).collect();
        paths.sort();
        paths
    }

    fn created(store: &Store, paths: &[PathBuf]) {
        for path in paths {
            store.create(path).unwrap().sync_all().unwrap();
        }
    }

    #[test]
    fn a_change_happens_as_a_whole_or_not_at_all() {
        let before = Change {
            stored: 2,
            add: vec![file("date=a/hour=1", 1, 2), file("date=a/hour=2", 1, 2)],
            remove: Vec::new(),
        };
        let rotation = Change {
            stored: 9,
            add: vec![file("date=a/hour=1", 3, 9), file("date=b/hour=3", 3, 9)],
            remove: Vec::new(),
        };
        let merge = Change {
            stored: 2,
            add: vec![file("date=a/hour=1", 1, 1)],
            remove: before.add.clone(),
        };
        for change in [rotation, merge] {
            let mut finished = false;
            let mut step = 0;
            while !finished {
                let root = tempfile::tempdir().unwrap();
                let (mut store, _) = open(root.path());
                created(&store, &before.add);
                store.commit(&before).unwrap();
                created(&store, &change.add);
                store.stop_after = Some(step);
                finished = store.commit(&change).is_ok();
                drop(store);
                let (_, contents) = open(root.path());
                let has_happened = step >= 2;
                let mut expected = before.add.clone();
                if has_happened {
                    expected.extend(change.add.clone());
                    expected.retain(|path| !change.remove.contains(path));
                }
                expected.sort();
                assert_eq!(paths(&contents), expected, "{step}");
                let stored = if has_happened {
                    change.stored
                } else {
                    before.stored
                };
                assert_eq!(contents.stored, Some(stored), "{step}");
                for path in &change.add {
                    assert!(!temporary(&root.path().join(path)).exists(), "{step}");
                }
                step += 1;
            }
            assert_eq!(step, 5 + change.add.len() + change.remove.len());
        }
    }

    #[test]
    fn files_of_others_stay() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("responses/date=a");
        fs::create_dir_all(&folder).unwrap();
        let other = FileName {
            collector: 8,
            first: 1,
            last: 99,
        };
        let others = [folder.join(other.text()), folder.join("mine.parquet")];
        let others = others
            .iter()
            .flat_map(|path| [path.clone(), temporary(path)]);
        let others: Vec<_> = others.collect();
        for path in &others {
            fs::write(path, "").unwrap();
        }
        let (_store, contents) = open(root.path());
        assert_eq!(contents.stored, None);
        assert!(contents.files.is_empty());
        assert!(others.iter().all(|path| path.exists()));
    }

    #[test]
    fn a_commit_file_is_read_whole_or_refused() {
        let change = Change {
            stored: 12,
            add: vec![file("date=a/hour=1", 1, 2)],
            remove: vec![file("date=a/hour=1", 1, 1), file("date=a/hour=1", 2, 2)],
        };
        let text = write(&change);
        assert_eq!(parse(&text), Some(change));
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]), None);
        }
    }
}
