//! Outputs on this machine: the file of `-w`, and standard output. All shards share each of them.
//!
//! A regular file and `/dev/null` are written by the shards themselves. Anything else may block
//! (pipe, FIFO, terminal, socket, character device): a `queue` with a thread of its own stands in
//! front of it. An output that fails takes nothing more; what it did not take is counted. Whether
//! the run goes on without it is for the caller to decide.

mod queue;
mod unit;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError};
use std::thread;

use log::{error, warn};

use super::ExportError;
use queue::{Added, Queue};
pub use unit::Unit;

/// An output on this machine.
#[derive(Debug)]
pub struct LocalOutput {
    /// Its path, or `standard output`.
    name: String,
    manner: Manner,
    way: Way,
    /// Done when the header was written, and what was in the file before is gone.
    begun: Once,
    failure: OnceLock<io::Error>,
    is_failure_logged: AtomicBool,
    /// Whether a write has found no room since the queue was last empty.
    is_blocked: AtomicBool,
    /// Records or lines that found no room or came after a failure.
    dropped: AtomicU64,
}

/// How an output is written.
#[derive(Clone, Debug)]
pub struct Manner {
    /// What it consists of.
    pub unit: Unit,
    /// What comes before the first record or line.
    pub header: Vec<u8>,
    /// Whether shards wait while the output is blocked; otherwise what does not fit into the queue
    /// is dropped.
    pub is_patient: bool,
    /// Whether the run has no other output.
    pub is_alone: bool,
}

#[derive(Debug)]
enum Way {
    /// Written by the shards. The lock is held for the time of a write, in which the kernel holds
    /// one of the same scope: a record that was cut short can be taken back.
    Direct { file: Mutex<File>, truncate: bool },
    /// Written by a thread, which gets the file when it starts.
    Queued {
        queue: Arc<Queue>,
        file: Mutex<Option<File>>,
        awaits_reader: bool,
    },
}

/// Counts of an output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalSnapshot {
    /// Its path as it was given, or `standard output`.
    pub name: String,
    /// Whether it has not failed.
    pub is_up: bool,
    /// Records or lines that it did not take.
    pub dropped: u64,
}

impl LocalOutput {
    /// Opens a file, which is created if it is not there; `-` is standard output. What the file
    /// holds stays until [`begin`](Self::begin).
    ///
    /// # Errors
    /// Those of open(2). A FIFO without a reader is none.
    pub fn open(path: &Path, manner: Manner) -> io::Result<Self> {
        let name = path.display().to_string();
        if path.as_os_str() == "-" {
            return Self::stdout(name, manner);
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        match options.open(path) {
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) && is_fifo(path) => {
                let file = open_without_reader(path, &options)?;
                let mut output = Self::new(name, manner, file, true)?;
                if let Way::Queued { awaits_reader, .. } = &mut output.way {
                    *awaits_reader = true;
                }
                Ok(output)
            }
            opened => Self::new(name, manner, opened?, true),
        }
    }

    /// Standard output under the name `name`. What it holds stays.
    ///
    /// # Errors
    /// Those of dup(2).
    pub fn stdout(name: String, manner: Manner) -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Self::new(name, manner, file, false)
    }

    /// `is_ours` says that the file was opened here, and may be emptied.
    fn new(name: String, manner: Manner, file: File, is_ours: bool) -> io::Result<Self> {
        let found = file.metadata()?;
        let way = if found.is_file() || is_null(&found) {
            Way::Direct {
                file: Mutex::new(file),
                truncate: is_ours && found.is_file(),
            }
        } else {
            Way::Queued {
                queue: Arc::new(Queue::new(manner.unit, manner.is_patient)?),
                file: Mutex::new(Some(file)),
                awaits_reader: false,
            }
        };
        Ok(Self {
            name,
            manner,
            way,
            begun: Once::new(),
            failure: OnceLock::new(),
            is_failure_logged: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        })
    }

    /// Its path as it was given, or `standard output`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it consists of.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.manner.unit
    }

    /// What fstat(2) says of it; `None` once a thread writes it.
    #[must_use]
    pub fn metadata(&self) -> Option<Metadata> {
        match &self.way {
            Way::Direct { file, .. } => lock(file).metadata().ok(),
            Way::Queued { file, .. } => lock(file).as_ref()?.metadata().ok(),
        }
    }

    /// Starts the thread that writes, if the output can block. `at_end` is called at its end.
    ///
    /// # Errors
    /// If the thread can't be had.
    pub fn start(&self, at_end: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let Way::Queued {
            queue,
            file,
            awaits_reader,
        } = &self.way
        else {
            return Ok(());
        };
        let Some(file) = lock(file).take() else {
            return Ok(());
        };
        let (queue, name) = (Arc::clone(queue), self.name.clone());
        let awaited = awaits_reader.then_some(name);
        let work = move || {
            queue.empty_into(&file, awaited.as_deref());
            at_end();
        };
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(work)?;
        Ok(())
    }

    /// Removes what a file of ours held before, and writes the header; only the first call does
    /// anything. Until then, nothing is written.
    pub fn begin(&self) {
        self.begun.call_once(|| {
            let header = &self.manner.header;
            match &self.way {
                Way::Direct { file, truncate } => {
                    let file = lock(file);
                    let emptied = if *truncate { file.set_len(0) } else { Ok(()) };
                    let slices = &mut [IoSlice::new(header)];
                    let written = emptied.and_then(|()| {
                        let written = write_whole(&file, slices, [header.len()].into_iter());
                        written.map_err(|(error, _)| error)
                    });
                    written.unwrap_or_else(|error| self.fail(error));
                }
                Way::Queued { queue, .. } => queue.begin(header.clone()),
            }
        });
    }

    /// Writes `count` records or lines of the sizes `sizes`, in bytes, which are only asked for if
    /// that fails. What is not taken is counted.
    pub(super) fn write(
        &self,
        slices: &mut [IoSlice<'_>],
        count: u64,
        sizes: impl Iterator<Item = usize>,
    ) {
        if !self.begun.is_completed() {
            return;
        }
        match &self.way {
            Way::Direct { file, .. } => {
                let file = lock(file);
                if self.failure.get().is_some() {
                    self.dropped.fetch_add(count, Ordering::Relaxed);
                } else if let Err((error, written)) = write_whole(&file, slices, sizes) {
                    self.fail(error);
                    let lost = count.saturating_sub(written);
                    self.dropped.fetch_add(lost, Ordering::Relaxed);
                }
            }
            Way::Queued { queue, .. } => self.add(queue, slices, count),
        }
    }

    fn add(&self, queue: &Queue, slices: &[IoSlice<'_>], count: u64) {
        match queue.add(slices, count) {
            Added::Taken { was_empty } => {
                if was_empty && self.is_blocked.load(Ordering::Relaxed) {
                    self.is_blocked.store(false, Ordering::Relaxed);
                }
                return;
            }
            Added::NoRoom if !self.is_blocked.swap(true, Ordering::Relaxed) => warn!(
                "{} is not read fast enough: {} that it has no room for are dropped and counted",
                self.name,
                self.unit().name()
            ),
            Added::NoRoom => {}
            Added::Failed(error) => self.fail(error),
        }
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// Tells that the run ends: a blocked output is not waited for much longer.
    pub fn hurry(&self) {
        if let Way::Queued { queue, .. } = &self.way {
            queue.hurry();
        }
    }

    /// Tells that nothing more is written. The thread then ends, once it has written everything.
    pub fn close(&self) {
        if let Way::Queued { queue, .. } = &self.way {
            queue.close();
        }
    }

    /// Whether nothing more will be written. After [`hurry`](Self::hurry) this waits until it is
    /// so.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match &self.way {
            Way::Direct { .. } => true,
            Way::Queued { queue, .. } => queue.is_done(),
        }
    }

    /// The error after which it takes nothing more.
    #[must_use]
    pub fn failure(&self) -> Option<ExportError> {
        if let Way::Queued { queue, .. } = &self.way
            && self.failure.get().is_none()
            && let Some(error) = queue.failure()
        {
            self.fail(error);
        }
        self.failure.get().map(|error| ExportError::Local {
            output: self.name.clone(),
            source: copy(error),
        })
    }

    /// Whether a write has found that it takes nothing more.
    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// Whether its failure is none of the run: whoever read the only output has seen enough.
    #[must_use]
    pub fn is_closed_by_reader(&self) -> bool {
        let is_closed = |error: &io::Error| error.kind() == ErrorKind::BrokenPipe;
        self.manner.is_alone && self.failure.get().is_some_and(is_closed)
    }

    /// Logs its failure, once, however many shards meet it. `goes_on` says whether the run does.
    pub fn log_failure(&self, goes_on: bool) {
        if self.is_failure_logged.load(Ordering::Relaxed) {
            return;
        }
        let Some(failure) = self.failure() else {
            return;
        };
        if (self.is_closed_by_reader() && !goes_on)
            || self.is_failure_logged.swap(true, Ordering::Relaxed)
        {
            return;
        }
        let rest = if goes_on {
            "; the other outputs go on without it"
        } else {
            ""
        };
        let remedy = self.failure.get().map_or("", remedy);
        error!("{failure}{rest}{remedy}");
    }

    /// What it has not taken so far.
    #[must_use]
    pub fn snapshot(&self) -> LocalSnapshot {
        let lost = match &self.way {
            Way::Direct { .. } => 0,
            Way::Queued { queue, .. } => queue.lost(),
        };
        LocalSnapshot {
            name: self.name.clone(),
            is_up: self.failure().is_none(),
            dropped: self.dropped.load(Ordering::Relaxed) + lost,
        }
    }

    fn fail(&self, error: io::Error) {
        // The first error is the one to report.
        let _ = self.failure.set(error);
    }
}

/// Writes all of `slices`. If that fails, takes back a piece that was written in part; returns the
/// error and the number of whole pieces that were written.
fn write_whole(
    mut file: &File,
    mut slices: &mut [IoSlice<'_>],
    sizes: impl Iterator<Item = usize>,
) -> Result<(), (io::Error, u64)> {
    let error = loop {
        if slices.is_empty() {
            return Ok(());
        }
        match file.write_vectored(slices) {
            Ok(0) => break ErrorKind::WriteZero.into(),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break error,
        }
    };
    let sizes: Vec<usize> = sizes.collect();
    let left: usize = slices.iter().map(|slice| slice.len()).sum();
    let mut written = sizes.iter().sum::<usize>().saturating_sub(left);
    let mut whole = 0;
    for size in sizes {
        if size > written {
            break;
        }
        written -= size;
        whole += 1;
    }
    take_back(file, written);
    Err((error, whole))
}

/// Removes the last `bytes` bytes of a file that ends where it is written.
fn take_back(mut file: &File, bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap_or(0);
    let (Ok(found), Ok(position)) = (file.metadata(), file.stream_position()) else {
        return;
    };
    // Another process may have written behind it.
    if bytes > 0 && found.is_file() && found.len() == position {
        // If this fails, the file ends with a part of a record.
        let _ = file.set_len(position.saturating_sub(bytes));
    }
}

/// Opens a FIFO that has no reader. For a moment it is its own reader, and the kernel lets it be
/// opened.
fn open_without_reader(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let _reader = options.clone().read(true).open(path)?;
    options.open(path)
}

fn is_fifo(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.file_type().is_fifo())
}

/// Whether a file is `/dev/null`, by its device number (Documentation/admin-guide/devices.txt).
fn is_null(found: &Metadata) -> bool {
    found.file_type().is_char_device() && found.rdev() == libc::makedev(1, 3)
}

/// What to do about an error.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            ". Make room there, or give another place, and start dnsflow again"
        }
        _ => "",
    }
}

fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A shard that has panicked in the middle of a write has left what it could.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
