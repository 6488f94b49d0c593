//! Parquet files in folders by date and hour.
//!
//! Two tables: `responses` has a row for each record, by time; `names` says which names the addresses
//! of each client came from, by address and client, rolled up. docs/fields.md says what their columns
//! mean.
//!
//! Rows wait in memory until they are enough for a file, or old enough. All files of such a window
//! become part of the folder at once (`store`), and what was not part of it when the process
//! ended comes again. The small files of an hour that is over are merged (`compact`) by a thread of
//! their own.
//!
//! The module refuses to delete what is old: that is for whoever keeps the folder.

mod columns;
mod compact;
mod input;
mod leaf;
mod merge;
mod options;
mod row;
mod rows;
mod store;
mod texts;
mod write;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::parquet::errors::ParquetError;
use dnsflow_archive::{FileName, TABLES, Table, table_folder};

pub use dnsflow_archive::Partition;
pub use options::{Options, OptionsError};

use super::{Sink, SinkError};
use crate::batch::Batch;
use compact::Compactor;
use rows::Rows;
use store::{Change, Found, Store};

/// Memory of rows that wait, in bytes: with more, files are written before they are due.
const MAX_WAITING_BYTES: usize = 128 << 20;

/// How long nothing is tried again on its own after something went wrong.
const RETRY: Duration = Duration::from_secs(1);

/// A folder of Parquet files.
#[derive(Debug)]
pub struct Parquet {
    options: Options,
    collector: u64,
    store: Store,
    rows: Rows,
    /// Numbers of the first and last batch whose rows wait.
    waiting: Option<(u64, u64)>,
    /// When they have waited long enough.
    until: Option<Instant>,
    stored: Option<u64>,
    /// A change whose files are written. Nothing else is done until it is made.
    pending: Option<Pending>,
    compactor: Compactor,
}

/// A change, and what follows from it.
#[derive(Debug)]
struct Pending {
    change: Change,
    /// Files that are there then.
    added: Vec<Found>,
    /// Whether the rows that wait are stored with it.
    is_rotation: bool,
}

impl Parquet {
    /// A sink for the batches of `collector`, as [`crate::batch::BatchId::collector`] says. Nothing
    /// is done before [`Sink::open`].
    #[must_use]
    pub fn new(options: Options, collector: u64) -> Self {
        Self {
            store: Store::new(options.folder.clone(), collector),
            rows: Rows::new(options.partition),
            waiting: None,
            until: None,
            stored: None,
            pending: None,
            compactor: Compactor::new(&options, collector),
            options,
            collector,
        }
    }

    /// How many rows went to the folder of the hour in which they came, because the rows that waited
    /// had times of too many hours.
    #[must_use]
    pub fn displaced(&self) -> u64 {
        self.rows.displaced
    }

    /// How many files were merged into others.
    #[must_use]
    pub fn merged(&self) -> u64 {
        self.compactor.merged
    }

    /// How many merges failed; the files that were to be merged are still there.
    #[must_use]
    pub fn failed_merges(&self) -> u64 {
        self.compactor.failed
    }

    fn is_full(&self) -> bool {
        self.rows.rows.len() >= self.options.rows || self.rows.memory() >= MAX_WAITING_BYTES
    }

    /// Writes what waits to files, and makes them part of the folder.
    fn rotate(&mut self) -> Result<(), SinkError> {
        self.settle()?;
        let Some((first, last)) = self.waiting else {
            return Ok(());
        };
        let name = FileName {
            collector: self.collector,
            first,
            last,
        };
        let added = self.write_files(name).map_err(|error| self.error(error))?;
        let paths = added.iter().map(Found::path);
        self.pending = Some(Pending {
            change: Change {
                stored: last,
                add: paths.collect(),
                remove: Vec::new(),
            },
            added,
            is_rotation: true,
        });
        self.settle()
    }

    fn write_files(&mut self, name: FileName) -> Result<Vec<Found>, ParquetError> {
        let flags = write::flag_texts(&mut self.rows);
        let texts = self.rows.texts.lend();
        let mut added = Vec::new();
        let done = self.rows.partitions.iter().try_for_each(|&partition| {
            for table in TABLES {
                let folder = table_folder(self.options.partition, table, partition);
                let mut found = Found {
                    folder,
                    name,
                    bytes: 0,
                };
                let create = || self.store.create(&found.path());
                let compress = self.options.compress;
                let file = match table {
                    Table::Responses => {
                        let ordered = write::by_time(&self.rows, partition);
                        if ordered.is_empty() {
                            continue;
                        }
                        write::responses(create()?, compress, &self.rows, &texts, &flags, &ordered)?
                    }
                    Table::Names => {
                        let ordered = write::by_address(&self.rows, &texts, partition);
                        if ordered.is_empty() {
                            continue;
                        }
                        write::names(create()?, compress, &texts, &ordered)?
                    }
                };
                found.bytes = finish(&file)?;
                added.push(found);
            }
            Ok(())
        });
        self.rows.texts.take_back(texts);
        done.map(|()| added)
    }

    /// Makes the change whose files are written. It can be made again as often as it fails.
    fn settle(&mut self) -> Result<(), SinkError> {
        let Some(pending) = &self.pending else {
            return Ok(());
        };
        let done = self.store.commit(&pending.change);
        done.map_err(|error| self.error(error.into()))?;
        if let Some(pending) = self.pending.take() {
            if pending.is_rotation {
                self.stored = Some(pending.change.stored);
                self.waiting = None;
                self.until = None;
                self.rows.clear();
            }
            self.compactor.changed(&pending.change, pending.added);
        }
        Ok(())
    }

    /// Starts and ends merges.
    fn compact(&mut self, now: Instant) -> Result<(), SinkError> {
        self.settle()?;
        if let Some(merged) = self.compactor.advance(now) {
            self.pending = Some(Pending {
                change: Change {
                    stored: self.stored.unwrap_or(0),
                    add: vec![merged.into.path()],
                    remove: merged.from.iter().map(Found::path).collect(),
                },
                added: vec![merged.into],
                is_rotation: false,
            });
        }
        self.settle()
    }

    fn error(&self, error: ParquetError) -> SinkError {
        let folder = self.options.folder.display();
        let error = match error {
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(error) => *error,
                Err(error) => io::Error::other(error),
            },
            error => io::Error::other(error),
        };
        match error.kind() {
            io::ErrorKind::PermissionDenied => SinkError::Unfit(format!(
                "parquet: {folder}: {error}; the collector's user has to own the folder"
            )),
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => SinkError::Unfit(
                format!("parquet: {folder}: {error}; name a folder, or one that can be made"),
            ),
            io::ErrorKind::ReadOnlyFilesystem => SinkError::Unfit(format!(
                "parquet: {folder}: {error}; name a folder where files can be written"
            )),
            io::ErrorKind::WouldBlock => SinkError::Unfit(format!(
                "parquet: {folder}: another process writes there for the same collector; \
                 end it, or name another folder"
            )),
            io::ErrorKind::InvalidData => SinkError::Unfit(format!(
                "parquet: {error}: not a commit file of this version; move it away, \
                 and check the newest files"
            )),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SinkError::Away(format!(
                "parquet: {folder}: {error}; delete old folders of date=.., or make room"
            )),
            _ => SinkError::Away(format!("parquet: {folder}: {error}")),
        }
    }
}

/// Syncs a file that is written, and says how large it is.
fn finish(file: &File) -> io::Result<u64> {
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

impl Sink for Parquet {
    fn open(&mut self) -> Result<Option<u64>, SinkError> {
        self.compactor.stop();
        let tables = TABLES.map(Table::folder);
        let contents = self.store.open(&tables);
        let contents = contents.map_err(|error| self.error(error.into()))?;
        self.stored = contents.stored;
        self.compactor.found(contents.files);
        // What was to be made of these is undone or done, and what is not stored comes again.
        self.pending = None;
        self.waiting = None;
        self.until = None;
        self.rows.clear();
        Ok(self.stored)
    }

    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.settle()?;
        let id = batch.id();
        if id.collector != self.collector {
            return Err(SinkError::Refused(format!(
                "parquet: batch {id} is not one of collector {:016x}",
                self.collector
            )));
        }
        if self.stored.is_some_and(|stored| id.number <= stored) {
            return Ok(());
        }
        let first = match self.waiting {
            Some((_, last)) if id.number <= last => None,
            Some((first, _)) => Some(first),
            None => Some(id.number),
        };
        if let Some(first) = first {
            self.rows.add(batch);
            self.waiting = Some((first, id.number));
            self.until
                .get_or_insert_with(|| Instant::now() + self.options.every);
        }
        if self.is_full() {
            self.rotate()?;
        }
        Ok(())
    }

    fn advance(&mut self, now: Instant) -> Result<(), SinkError> {
        if self.until.is_some_and(|until| until <= now) {
            let done = self.rotate();
            if done.is_err() {
                self.until = Some(now + RETRY);
            }
            done?;
        }
        self.compact(now)
    }

    fn due(&self) -> Option<Instant> {
        let times = [self.until, self.compactor.due()];
        times.into_iter().flatten().min()
    }

    fn stored(&self) -> Option<u64> {
        self.stored
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.rotate()?;
        self.compactor.stop();
        Ok(())
    }
}
