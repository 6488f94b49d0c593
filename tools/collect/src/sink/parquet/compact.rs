//! Merges the small files of an hour that is over.
//!
//! What is merged are neighbours in the order of their batches, of about one size, so that a row is
//! written again a few times at most. A thread writes the merged file; the sink's own thread makes it
//! part of the folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::parquet::errors::ParquetError;
use dnsflow_archive::{FileName, Partition, TABLES, Table};

use super::options::Options;
use super::store::{Change, Found, temporary};
use super::{finish, merge};

/// Most files that are merged into one: bounds the memory of their pages.
const MAX_INPUTS: usize = 16;

/// A file of so many bytes is not merged any more.
const LARGE_BYTES: u64 = 512 << 20;

/// How many times as large as the smallest one a file may be to be merged with it. Files of up to
/// [`SMALL_BYTES`] are all alike.
const MAX_RATIO: u64 = 4;
const SMALL_BYTES: u64 = 1 << 20;

/// How often is looked whether a merge is through.
const WHILE_MERGING: Duration = Duration::from_millis(200);

/// How often is looked for something to merge.
const BETWEEN: Duration = Duration::from_secs(5);

/// How long no merge is tried after one failed.
const AFTER_FAILURE: Duration = Duration::from_secs(300);

/// A merge whose file is written.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) from: Vec<Found>,
    pub(super) into: Found,
}

/// A merge that runs.
#[derive(Debug)]
struct Job {
    from: Vec<Found>,
    into: Found,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<u64, ParquetError>>,
}

/// Finds what to merge, and has it merged.
#[derive(Debug)]
pub(super) struct Compactor {
    is_on: bool,
    root: PathBuf,
    partition: Partition,
    compress: bool,
    collector: u64,
    /// How long after its end an hour may still get rows in time.
    grace: Duration,
    /// Small files, by folder and in the order of their batches.
    files: BTreeMap<PathBuf, Vec<Found>>,
    job: Option<Job>,
    next: Option<Instant>,
    /// How many files were merged.
    pub(super) merged: u64,
    /// How many merges failed; their files stay as they are.
    pub(super) failed: u64,
}

impl Compactor {
    pub(super) fn new(options: &Options, collector: u64) -> Self {
        Self {
            is_on: options.compact,
            root: options.folder.clone(),
            partition: options.partition,
            compress: options.compress,
            collector,
            grace: options.every * 2,
            files: BTreeMap::new(),
            job: None,
            next: None,
            merged: 0,
            failed: 0,
        }
    }

    /// Starts over with the files that there are.
    pub(super) fn found(&mut self, files: Vec<Found>) {
        self.files.clear();
        self.note(files);
        self.files.retain(|_, files| files.len() > 1);
        self.next = self.is_on.then(Instant::now);
    }

    fn note(&mut self, files: Vec<Found>) {
        if !self.is_on {
            return;
        }
        for file in files {
            if file.bytes < LARGE_BYTES {
                let files = self.files.entry(file.folder.clone()).or_default();
                files.push(file);
                files.sort_by_key(|file| file.name);
            }
        }
    }

    /// Takes note of a change that was made.
    pub(super) fn changed(&mut self, change: &Change, added: Vec<Found>) {
        for path in &change.remove {
            if let Some(files) = path.parent().and_then(|folder| self.files.get_mut(folder)) {
                files.retain(|file| file.path() != *path);
            }
        }
        if !change.remove.is_empty() {
            self.merged += change.remove.len() as u64;
        }
        self.note(added);
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Starts what can be merged, and returns what was merged.
    pub(super) fn advance(&mut self, now: Instant) -> Option<Merged> {
        if !self.is_on || self.next.is_some_and(|next| next > now) {
            return None;
        }
        self.next = Some(now + BETWEEN);
        match self.job.take() {
            None => {
                self.start();
                if self.job.is_some() {
                    self.next = Some(now + WHILE_MERGING);
                }
                None
            }
            Some(job) if !job.thread.is_finished() => {
                self.next = Some(now + WHILE_MERGING);
                self.job = Some(job);
                None
            }
            Some(mut job) => {
                if let Ok(Ok(bytes)) = job.thread.join() {
                    job.into.bytes = bytes;
                    self.next = Some(now);
                    return Some(Merged {
                        from: job.from,
                        into: job.into,
                    });
                }
                let _ = std::fs::remove_file(temporary(&self.root.join(job.into.path())));
                self.failed += 1;
                self.next = Some(now + AFTER_FAILURE);
                None
            }
        }
    }

    /// Ends the merge that runs. Its file is not used.
    pub(super) fn stop(&mut self) {
        if let Some(job) = self.job.take() {
            job.stop.store(true, Ordering::Relaxed);
            let _ = job.thread.join();
            let _ = std::fs::remove_file(temporary(&self.root.join(job.into.path())));
        }
    }

    fn start(&mut self) {
        let now = SystemTime::now();
        let over = now
            .checked_sub(self.grace)
            .and_then(|over| over.duration_since(UNIX_EPOCH).ok());
        let over = over.and_then(|over| i64::try_from(over.as_micros()).ok());
        let over = over.unwrap_or(0);
        let is_over = |folder: &PathBuf| {
            let table = TABLES.into_iter().find_map(|table| {
                let below = folder.strip_prefix(table.folder()).ok()?;
                Some((table, self.partition.number_of(below.to_str()?)?))
            });
            table.filter(|(_, number)| self.partition.end(*number) < over)
        };
        self.files
            .retain(|folder, files| files.len() > 1 || is_over(folder).is_none());
        let found = self.files.iter().find_map(|(folder, files)| {
            let (table, _) = is_over(folder)?;
            Some((table, choose(files)?.to_vec()))
        });
        let Some((table, from)) = found else { return };
        let (Some(first), Some(last)) = (from.first(), from.last()) else {
            return;
        };
        let into = Found {
            folder: first.folder.clone(),
            name: FileName {
                collector: self.collector,
                first: first.name.first,
                last: last.name.last,
            },
            bytes: 0,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let work = Work {
            table,
            from: from
                .iter()
                .map(|file| self.root.join(file.path()))
                .collect(),
            into: temporary(&self.root.join(into.path())),
            compress: self.compress,
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new().name("parquet-merge".to_owned());
        match thread.spawn(move || work.run()) {
            Ok(thread) => {
                self.job = Some(Job {
                    from,
                    into,
                    stop,
                    thread,
                });
            }
            Err(_) => self.failed += 1,
        }
    }
}

impl Drop for Compactor {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The longest run of neighbours of about one size; at least two.
fn choose(files: &[Found]) -> Option<&[Found]> {
    let runs = (0..files.len()).filter_map(|start| {
        let rest = files.get(start..)?;
        let mut sizes = (u64::MAX, 0);
        let is_alike = |file: &&Found| {
            let bytes = file.bytes.max(SMALL_BYTES);
            sizes = (sizes.0.min(bytes), sizes.1.max(bytes));
            sizes.1 <= sizes.0.saturating_mul(MAX_RATIO)
        };
        let length = rest.iter().take(MAX_INPUTS).take_while(is_alike).count();
        rest.get(..length)
    });
    // Of runs of one length, the first one.
    let longest = runs.max_by(|one, other| {
        one.len()
            .cmp(&other.len())
            .then(std::cmp::Ordering::Greater)
    });
    longest.filter(|run| run.len() > 1)
}

/// What the thread of a merge does.
struct Work {
    table: Table,
    from: Vec<PathBuf>,
    into: PathBuf,
    compress: bool,
    stop: Arc<AtomicBool>,
}

impl Work {
    fn run(self) -> Result<u64, ParquetError> {
        let out = std::fs::File::create(&self.into)?;
        let file = merge::merge(self.table, &self.from, out, self.compress, &self.stop)?;
        Ok(finish(&file)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(sizes: &[u64]) -> Vec<Found> {
        let files = (1..).zip(sizes).map(|(number, size)| Found {
            folder: PathBuf::new(),
            name: FileName {
                collector: 1,
                first: number,
                last: number,
            },
            bytes: size * SMALL_BYTES,
        });
        files.collect()
    }

    /// Numbers of the first and last file that are chosen.
    fn chosen(sizes: &[u64]) -> Option<(u64, u64)> {
        let files = files(sizes);
        let run = choose(&files)?;
        Some((run.first()?.name.first, run.last()?.name.last))
    }

    #[test]
    fn neighbours_of_about_one_size_are_merged() {
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[5]), None);
        assert_eq!(chosen(&[5, 5]), Some((1, 2)));
        assert_eq!(chosen(&[100, 5, 6, 100]), Some((2, 3)));
        assert_eq!(chosen(&[100, 0]), None);
        assert_eq!(chosen(&[0, 1, 0]), Some((1, 3)));
        assert_eq!(chosen(&[5; 40]), Some((1, 16)));
    }

    #[test]
    fn a_row_is_written_again_a_few_times_at_most() {
        let mut sizes = vec![8; 240];
        let mut written = 0;
        while let Some((first, last)) = chosen(&sizes) {
            let at = usize::try_from(first - 1).unwrap();
            let end = usize::try_from(last).unwrap();
            let size = sizes[at..end].iter().sum();
            written += size;
            sizes.splice(at..end, [size]);
        }
        assert!(sizes.len() <= 2, "{sizes:?}");
        assert!(written <= 3 * 8 * 240, "{written}");
    }
}
