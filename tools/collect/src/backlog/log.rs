//! The spool: segments of batches in a folder, and what each sink has stored.
//!
//! ```text
//! DIR/lock              held while a collector uses the folder
//! DIR/collector         which collector it is, 16 hexadecimal digits
//! DIR/NUMBER.batches    segments, named by the number of their first batch
//! DIR/SINK.stored       the number up to which a sink has stored everything
//! DIR/streams           the accounts of all streams, as of some batch
//! ```
//!
//! A batch is appended before any sink has it. What a crash left half written is cut off when the folder
//! is opened; a segment that can't be read is left as it is, and said.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::Spool;
use super::accounts::{Accounts, Recovered};
use super::segment::{Found, Place, Segment};
use crate::batch::{Batch, FormatError, encode};

/// Bytes of a segment, above which another one is started.
const SEGMENT_BYTES: u64 = 64 << 20;

/// Segments that the bound of a spool is divided into at least, so that few batches go at a time.
const SEGMENTS_MIN: u64 = 8;

/// The file of the accounts.
const STREAMS: &str = "streams";

/// The end of a segment's name.
const EXTENSION: &str = "batches";

/// Why a spool can't be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another collector uses it.
    #[error("{}: another dnsflow-collect uses this spool; give each one a folder of its own", .0.display())]
    InUse(PathBuf),
    /// The file that says which collector it is says something else.
    #[error("{}: expected 16 hexadecimal digits; remove the file, and batches that a store has already may be stored again", .0.display())]
    Collector(PathBuf),
    /// A file or folder can't be made or read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

/// What was amiss in a spool, and went on nevertheless.
#[derive(Debug, Error)]
pub enum Note {
    /// The end of the last segment was half written, and was cut off.
    #[error("{}: the last batch was not written to its end and was removed ({bytes} bytes)", path.display())]
    Torn {
        /// The segment.
        path: PathBuf,
        /// What was cut off.
        bytes: u64,
    },
    /// A segment, or the rest of it, can't be read, and is left where it is.
    #[error("{}: {reason} at byte {at}; what follows is not sent, and the file is left as {}", path.display(), kept.display())]
    Unread {
        /// The segment.
        path: PathBuf,
        /// What it is called now.
        kept: PathBuf,
        /// Offset of what can't be read.
        at: u64,
        /// Why.
        reason: FormatErrorText,
    },
}

/// Why a batch can't be read, as text.
#[derive(Debug)]
pub struct FormatErrorText(FormatError);

impl std::fmt::Display for FormatErrorText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A spool that was opened.
pub(super) struct Opened {
    pub(super) log: Log,
    pub(super) collector: u64,
    /// Number, records and place of each batch in it.
    pub(super) batches: Vec<(u64, u64, Place)>,
}

/// The segments of a spool.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    max: u64,
    segments: VecDeque<Segment>,
    /// The number of the batch to come.
    next: u64,
    /// Whether the last segment can be added to.
    is_open: bool,
    accounts: Accounts,
    /// Held as long as the folder is used.
    _lock: File,
}

impl Log {
    pub(super) fn open(spool: &Spool, note: &mut dyn FnMut(Note)) -> Result<Opened, OpenError> {
        let folder = &spool.folder;
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::File { path, source }
        };
        fs::create_dir_all(folder).map_err(at(folder))?;
        let path = folder.join("lock");
        let lock = options().open(&path).map_err(at(&path))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => OpenError::InUse(folder.clone()),
            fs::TryLockError::Error(source) => at(&path)(source),
        })?;
        let collector = collector(folder)?;
        let mut log = Self {
            folder: folder.clone(),
            max: spool.max,
            segments: VecDeque::new(),
            next: 1,
            is_open: false,
            accounts: Accounts::load(&folder.join(STREAMS)),
            _lock: lock,
        };
        let batches = log.find(note)?;
        for (number, _, place) in &batches {
            // One that is damaged is counted when a sink comes to it.
            if *number > log.accounts.saved
                && let Ok(batch) = place.read()
            {
                log.accounts.note(&batch);
            }
        }
        // Numbers that sinks have stored are never given again.
        let stored = log.highest_stored().map_err(at(folder))?;
        if stored >= log.next {
            log.next = stored + 1;
            log.is_open = false;
        }
        Ok(Opened {
            log,
            collector,
            batches,
        })
    }

    /// Finds the segments and their batches.
    fn find(&mut self, note: &mut dyn FnMut(Note)) -> Result<Vec<(u64, u64, Place)>, OpenError> {
        let folder = self.folder.clone();
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::File { path, source }
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let path = entry.map_err(failed(&folder))?.path();
            let is_segment = path.extension().is_some_and(|end| end == EXTENSION);
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            if let (true, Some(number)) = (is_segment, number) {
                names.push((number, path));
            }
        }
        names.sort_unstable();
        let mut batches: Vec<(u64, u64, Place)> = Vec::new();
        let last = names.last().map(|(first, _): &(u64, _)| *first);
        for (first, path) in names {
            let file = Arc::new(options().open(&path).map_err(failed(&path))?);
            let length = file.metadata().map_err(failed(&path))?.len();
            let mut found = Found::in_file(&file).map_err(failed(&path))?;
            // Numbers go on upwards from segment to segment.
            let floor = self.next;
            found.batches.retain(|(number, ..)| *number >= floor);
            self.next = self.next.max(first);
            self.next = found.batches.last().map_or(self.next, |last| last.0 + 1);
            match found.end {
                Some(FormatError::Cut | FormatError::Damaged) if Some(first) == last => {
                    file.set_len(found.bytes).map_err(failed(&path))?;
                    let bytes = length - found.bytes;
                    note(Note::Torn {
                        path: path.clone(),
                        bytes,
                    });
                }
                None => {}
                Some(error) => {
                    let kept = path.with_extension("unread");
                    fs::rename(&path, &kept).map_err(failed(&path))?;
                    let at = found.bytes;
                    let reason = FormatErrorText(error);
                    note(Note::Unread {
                        path: path.clone(),
                        kept,
                        at,
                        reason,
                    });
                    // The name is taken: what can be read stays readable through the open file.
                    if found.batches.is_empty() {
                        continue;
                    }
                }
            }
            self.is_open = found.end.is_none_or(|_| Some(first) == last);
            self.segments.push_back(Segment {
                path,
                first,
                end: self.next,
                bytes: found.bytes,
                file,
            });
            batches.extend(found.batches);
        }
        Ok(batches)
    }

    /// The number of the batch to come.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest batch that may be there.
    pub(super) fn oldest(&self) -> u64 {
        self.segments
            .front()
            .map_or(self.next, |segment| segment.first)
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Bytes of all segments at most.
    pub(super) fn max(&self) -> u64 {
        self.max
    }

    /// The file that was written to last.
    pub(super) fn file(&self) -> Option<Arc<File>> {
        self.segments
            .back()
            .map(|segment| Arc::clone(&segment.file))
    }

    /// Writes a batch behind the others, and removes the oldest segments where the bound asks for it.
    ///
    /// After an error nothing of the batch is there, and its number is not given again.
    pub(super) fn append(&mut self, batch: &Batch) -> io::Result<Place> {
        let number = batch.id().number;
        self.next = number + 1;
        let bytes = encode(batch).ok_or(ErrorKind::FileTooLarge)?;
        let length = bytes.len() as u64;
        while self.segments.len() > 1 && self.bytes() + length > self.max {
            self.remove_oldest();
        }
        let limit = SEGMENT_BYTES.min(self.max / SEGMENTS_MIN);
        let is_full = |segment: &Segment| segment.bytes > 0 && segment.bytes + length > limit;
        if !self.is_open || self.segments.back().is_none_or(is_full) {
            self.start_segment(number)?;
        }
        let segment = self.segments.back_mut().ok_or(ErrorKind::NotFound)?;
        let offset = segment.bytes;
        if let Err(error) = write_at(&segment.file, &bytes, offset) {
            // Whatever was written would stand in the way of the next batch. If this fails too, that
            // batch overwrites it.
            let _ = segment.file.set_len(offset);
            return Err(error);
        }
        segment.bytes += length;
        segment.end = number + 1;
        let place = Place {
            file: Arc::clone(&segment.file),
            offset,
            length: bytes.len(),
        };
        self.accounts.note(batch);
        Ok(place)
    }

    fn start_segment(&mut self, first: u64) -> io::Result<()> {
        self.save_accounts()?;
        let path = self.folder.join(format!("{first:020}.{EXTENSION}"));
        let file = Arc::new(options().open(&path)?);
        self.segments.push_back(Segment {
            path,
            first,
            end: first,
            bytes: 0,
            file,
        });
        self.is_open = true;
        Ok(())
    }

    /// Removes segments all of whose batches are before `oldest`, but for the one that is written to.
    pub(super) fn remove_before(&mut self, oldest: u64) {
        while self.segments.len() > 1
            && self
                .segments
                .front()
                .is_some_and(|segment| segment.end <= oldest)
        {
            self.remove_oldest();
        }
        // The last one starts anew where everything is stored: an idle spool is empty.
        if let Some(segment) = self.segments.back_mut()
            && segment.end <= oldest
            && segment.bytes >= SEGMENT_BYTES.min(self.max / SEGMENTS_MIN) / 2
        {
            self.remove_oldest();
            self.is_open = false;
        }
    }

    fn remove_oldest(&mut self) {
        // It may be the only place where the accounts of its streams are.
        let is_newer = |segment: &Segment| segment.end > self.accounts.saved + 1;
        if self.segments.front().is_some_and(is_newer) {
            // Without room they are found again in the batches that are there still.
            let _ = self.save_accounts();
        }
        if let Some(segment) = self.segments.pop_front() {
            // If it can't be removed, it is found again at the next start, and skipped there by what
            // the sinks have stored.
            let _ = fs::remove_file(&segment.path);
        }
    }

    /// Writes the accounts of all streams.
    pub(super) fn save_accounts(&mut self) -> io::Result<()> {
        self.accounts.save(&self.folder.join(STREAMS))
    }

    /// The accounts to go on with.
    pub(super) fn recovered(&self) -> Recovered {
        self.accounts.recovered()
    }

    /// The number up to which a sink has stored everything. For one that is new it is `newest`, which
    /// is noted: what comes from now on is for it, whenever it is stored.
    pub(super) fn place_of(&self, sink: &str, newest: u64) -> Result<u64, OpenError> {
        let path = self.stored_path(sink);
        let noted = fs::read_to_string(&path);
        if let Some(stored) = noted.ok().and_then(|text| text.trim().parse().ok()) {
            return Ok(stored);
        }
        self.note_stored(sink, newest)
            .map_err(|source| OpenError::File { path, source })?;
        Ok(newest)
    }

    /// Takes note that a sink has stored everything up to `number`.
    ///
    /// The file has always the same length and is written in place, which a full disk allows: the
    /// numbers of batches that are in memory only must not be given again either.
    pub(super) fn note_stored(&self, sink: &str, number: u64) -> io::Result<()> {
        let file = options().open(self.stored_path(sink))?;
        write_at(&file, format!("{number:020}\n").as_bytes(), 0)
    }

    fn stored_path(&self, sink: &str) -> PathBuf {
        self.folder.join(format!("{sink}.stored"))
    }

    /// The highest number that any sink has stored.
    fn highest_stored(&self) -> io::Result<u64> {
        let mut highest = 0;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "stored") {
                let text = fs::read_to_string(&path)?;
                highest = highest.max(text.trim().parse().unwrap_or(0));
            }
        }
        Ok(highest)
    }
}

/// Reads and writes a file that may not be there yet, and keeps what is in it.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
}

fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Writes a file anew so that it has the old text or the new one, whenever the process ends.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    fs::rename(new, path)
}

/// Which collector the folder belongs to.
fn collector(folder: &Path) -> Result<u64, OpenError> {
    let path = folder.join("collector");
    let failed = |source| OpenError::File {
        path: path.clone(),
        source,
    };
    match fs::read_to_string(&path) {
        Ok(text) => {
            u64::from_str_radix(text.trim(), 16).map_err(|_| OpenError::Collector(path.clone()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let id = random_id();
            replace(&path, &format!("{id:016x}\n")).map_err(failed)?;
            Ok(id)
        }
        Err(source) => Err(failed(source)),
    }
}

/// A number that no other collector has.
pub(crate) fn random_id() -> u64 {
    // The keys of the standard library's hash tables are random.
    RandomState::new().build_hasher().finish()
}
