//! All files of a time, searched.
//!
//! Each hour's folder is read by itself. If a file of it vanishes before it was opened, it was merged
//! or deleted meanwhile: what was found in the folder is forgotten, and its new listing is read. So a
//! merge neither loses a row nor has it twice.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::file::{self, FileError};
use crate::listing::{self, Folder};
use crate::reading::{Problem, Reading};
use crate::sought::{RowRef, Sought};

/// How often a folder is listed again because a file vanished.
const MAX_LISTINGS: usize = 8;

/// Threads that search at most.
const MAX_THREADS: usize = 8;

/// Takes rows.
pub(crate) trait Gather: Default + Send {
    /// Takes a row. Returns whether there was room for it.
    fn take(&mut self, row: &RowRef<'_>) -> bool;
}

/// Searches folders, several at once; `sought` says what for. Returns what was gathered of each, in
/// their order, and what was read.
pub(crate) fn visit<G: Gather>(
    folders: &[Folder],
    sought: impl Fn(&Folder) -> Option<Sought> + Sync,
) -> io::Result<(Vec<G>, Reading)> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(folders.len()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(of) = folders.get(number) else { break };
            if let Some(sought) = sought(of) {
                let found = folder::<G>(&of.path, &sought);
                if let Ok(mut done) = done.lock() {
                    done.push((number, found));
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MAX_THREADS).min(folders.len());
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    let (mut gathered, mut reading) = (Vec::with_capacity(done.len()), Reading::default());
    for (_, found) in done {
        let (found, read) = found?;
        gathered.push(found);
        reading.add(read);
    }
    Ok((gathered, reading))
}

/// Searches a folder.
fn folder<G: Gather>(path: &Path, sought: &Sought) -> io::Result<(G, Reading)> {
    let mut listings = 0;
    let mut reading = Reading::default();
    'listing: loop {
        let mut gathered = G::default();
        listings += 1;
        reading.problems.clear();
        reading.left_out = 0;
        for path in listing::files(path)? {
            let mut left_out = 0;
            let each = &mut |row: &RowRef<'_>| left_out += u64::from(!gathered.take(row));
            let searched = file::search(&path, sought, &mut reading.counts, each);
            reading.left_out += left_out;
            let reason = match searched {
                Ok(()) => continue,
                Err(FileError::Gone) if listings < MAX_LISTINGS => continue 'listing,
                Err(FileError::Gone) => "it vanished again and again; try again".to_owned(),
                Err(FileError::Bad(reason)) => reason,
            };
            reading.problems.push(Problem { path, reason });
        }
        return Ok((gathered, reading));
    }
}
