//! The sink of the naming service: teaches the map what batches say.
//!
//! With a spool and a snapshot, a batch counts as stored once a snapshot has it. So after a crash the
//! map is that of the last snapshot, and learns again what came after it. A batch that it has is not
//! learned twice. Without a spool, what came after the last snapshot is lost.
//!
//! A snapshot that can't be written holds up nothing: it is said, counted, and tried again.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dnsflow_names::map::snapshot::{self, Mark, ReadError};
use dnsflow_records::record::records;
use log::{info, warn};

use super::Naming;
use crate::batch::{Batch, Received};
use crate::sink::{Sink, SinkError};

/// Bytes that are read or written at a time.
const PIECE_BYTES: usize = 1 << 20;

/// How long a snapshot that failed is not tried again, at least.
const RETRY: Duration = Duration::from_secs(10);

/// The end of the name of a snapshot that is being written.
const TEMPORARY: &str = ".tmp";

/// Where snapshots are kept.
#[derive(Clone, Debug)]
pub struct Snapshots {
    /// The file.
    pub path: PathBuf,
    /// How often it is written.
    pub every: Duration,
    /// Whether batches that no snapshot has come again after a crash.
    pub has_spool: bool,
}

/// The sink.
#[derive(Debug)]
pub struct Feed {
    naming: Arc<Naming>,
    snapshots: Option<Snapshots>,
    collector: u64,
    /// The last batch that the map has learned.
    learned: Option<u64>,
    /// The last batch that a snapshot has.
    kept: Option<u64>,
    /// When the next snapshot is to be written.
    due: Option<Instant>,
}

impl Feed {
    /// The sink for the batches of that collector.
    #[must_use]
    pub fn new(naming: Arc<Naming>, snapshots: Option<Snapshots>, collector: u64) -> Self {
        Self {
            naming,
            snapshots,
            collector,
            learned: None,
            kept: None,
            due: None,
        }
    }

    fn learn(&self, received: &Received<'_>) {
        let mut map = self.naming.write();
        for record in records(&received.datagram) {
            let time = record.time(received.time);
            map.learn(time, &record);
        }
        drop(map);
        if let Some(live) = &self.naming.live {
            live.datagram(received);
        }
    }

    /// Writes a snapshot if the map has learned since the last one.
    fn keep(&mut self, now: Instant) -> bool {
        self.due = None;
        let Some(snapshots) = &self.snapshots else {
            return true;
        };
        if self.learned == self.kept {
            return true;
        }
        let mark = Mark {
            collector: self.collector,
            number: self.learned.unwrap_or(0),
        };
        match write(&self.naming, &snapshots.path, mark) {
            Ok(()) => {
                self.kept = self.learned;
                self.naming.snapshots.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) => {
                let path = snapshots.path.display();
                warn!("can't write a snapshot of the map to {path}: {error}; trying again");
                self.due = Some(now + snapshots.every.max(RETRY));
                let failed = &self.naming.failed_snapshots;
                failed.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }
}

impl Sink for Feed {
    fn open(&mut self) -> Result<Option<u64>, SinkError> {
        let Some(snapshots) = &self.snapshots else {
            return Ok(None);
        };
        let Some(mark) = load(&self.naming, &snapshots.path)? else {
            return Ok(None);
        };
        // Numbers of another collector, or of one without a spool, mean nothing here.
        let number = (mark.collector == self.collector).then_some(mark.number);
        (self.learned, self.kept) = (number, number);
        Ok(number)
    }

    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let number = batch.id().number;
        if self.learned.is_some_and(|learned| number <= learned) {
            return Ok(());
        }
        for received in batch.datagrams() {
            self.learn(&received);
        }
        if let Some(live) = &self.naming.live {
            live.accounts(batch);
        }
        self.learned = Some(number);
        if let Some(snapshots) = &self.snapshots {
            self.due
                .get_or_insert_with(|| Instant::now() + snapshots.every);
        }
        Ok(())
    }

    fn advance(&mut self, now: Instant) -> Result<(), SinkError> {
        if self.due.is_some_and(|due| due <= now) {
            self.keep(now);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.due
    }

    fn stored(&self) -> Option<u64> {
        let comes_again = self.snapshots.as_ref().is_some_and(|kept| kept.has_spool);
        if comes_again { self.kept } else { self.learned }
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.keep(Instant::now());
        Ok(())
    }
}

/// Takes over the map of a file. What is torn is said, and the map is empty then.
fn load(naming: &Naming, path: &Path) -> Result<Option<Mark>, SinkError> {
    let shown = path.display();
    let unfit = |reason: &dyn std::fmt::Display| {
        SinkError::Unfit(format!(
            "{shown}: {reason}; give --map-snapshot another file"
        ))
    };
    let file = match File::open(path) {
        Ok(file) => BufReader::with_capacity(PIECE_BYTES, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unfit(&error)),
    };
    let begun = Instant::now();
    let limits = *naming.read().limits();
    match snapshot::read(file, limits) {
        Ok((map, mark)) => {
            let entries = map.counts().entries;
            *naming.write() = map;
            let seconds = begun.elapsed().as_secs_f64();
            info!("{shown}: {entries} entries of the map in {seconds:.2} s");
            Ok(Some(mark))
        }
        Err(ReadError::Io(error)) => Err(unfit(&error)),
        // It is somebody's file, and would be replaced.
        Err(error @ ReadError::Foreign) => Err(unfit(&error)),
        Err(error) => {
            warn!("{shown}: {error}: the map begins empty");
            Ok(None)
        }
    }
}

/// Writes the map to a file, which is whole at any time.
fn write(naming: &Naming, path: &Path, mark: Mark) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(TEMPORARY);
    let temporary = PathBuf::from(temporary);
    let written = (|| {
        let mut to = BufWriter::with_capacity(PIECE_BYTES, File::create(&temporary)?);
        snapshot::write(&naming.read(), mark, &mut to)?;
        to.flush()?;
        to.get_ref().sync_all()?;
        fs::rename(&temporary, path)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
