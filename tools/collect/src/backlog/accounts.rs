//! The accounts of all streams, as they were with the newest batch of the spool.
//!
//! A collector that is started anew goes on with them: what a sensor sent meanwhile is counted as lost,
//! and what was received and had not come into a batch when the process was killed, too.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use dnsflow_records::sequence::Sequence;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Origin, Stream};
use crate::lock::lock;

/// Accounts that are kept at most. Forged senders must not fill the disk.
const MAX_KEPT: usize = 1 << 17;

/// Bytes of the checksum at the end of the file.
const CRC_BYTES: usize = 4;

/// The account of one origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its newest stream.
    pub stream: Stream,
    /// The account by its sequence numbers.
    pub sequence: Sequence,
    /// Datagrams in batches so far.
    pub datagrams: u64,
    /// Their records.
    pub records: u64,
}

/// Accounts that are there to go on with, each once.
#[derive(Debug, Default)]
pub struct Recovered(Mutex<HashMap<Origin, Kept>>);

impl Recovered {
    /// Those of the streams of one batch.
    #[cfg(test)]
    pub(crate) fn of(content: &crate::batch::Content) -> Self {
        let id = crate::batch::BatchId {
            collector: 1,
            number: 1,
        };
        let mut accounts = Accounts::default();
        accounts.note(&Batch::new(id, content.clone()));
        accounts.recovered()
    }

    /// Takes the account of an origin, if there is one.
    pub fn take(&self, origin: Origin) -> Option<Kept> {
        lock(&self.0).remove(&origin)
    }
}

/// The accounts of all origins.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// The number of the batch whose accounts these are.
    as_of: u64,
    /// The same of those on disk.
    pub(super) saved: u64,
    by_origin: HashMap<Origin, Kept>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    as_of: u64,
    kept: Vec<Kept>,
}

impl Accounts {
    /// Reads them. A file that is not there or is damaged is as good as none: they are found in the
    /// batches that are there.
    pub(super) fn load(path: &Path) -> Self {
        let Some(saved) = fs::read(path).ok().and_then(|bytes| parse(&bytes)) else {
            return Self::default();
        };
        let kept = saved.kept.into_iter();
        Self {
            as_of: saved.as_of,
            saved: saved.as_of,
            by_origin: kept.map(|kept| (origin(&kept.stream), kept)).collect(),
        }
    }

    /// Writes them.
    pub(super) fn save(&mut self, path: &Path) -> io::Result<()> {
        let saved = Saved {
            as_of: self.as_of,
            kept: self.by_origin.values().cloned().collect(),
        };
        let mut bytes = postcard::to_stdvec(&saved).map_err(io::Error::other)?;
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        let new = path.with_extension("new");
        fs::write(&new, bytes)?;
        fs::rename(new, path)?;
        self.saved = self.as_of;
        Ok(())
    }

    /// Takes the accounts of a batch that is newer.
    pub(super) fn note(&mut self, batch: &Batch) {
        let number = batch.id().number;
        if number <= self.as_of {
            return;
        }
        self.as_of = number;
        for range in batch.ranges() {
            let origin = origin(&range.stream);
            if self.by_origin.len() >= MAX_KEPT && !self.by_origin.contains_key(&origin) {
                continue;
            }
            let kept = self.by_origin.entry(origin).or_insert_with(|| Kept {
                stream: range.stream.clone(),
                sequence: Sequence::default(),
                datagrams: 0,
                records: 0,
            });
            kept.stream.clone_from(&range.stream);
            kept.sequence.clone_from(&range.account);
            kept.datagrams += range.datagrams;
            kept.records += range.records;
        }
    }

    /// The accounts, to go on with.
    pub(super) fn recovered(&self) -> Recovered {
        Recovered(Mutex::new(self.by_origin.clone()))
    }
}

fn origin(stream: &Stream) -> Origin {
    Origin {
        source: stream.source,
        core: stream.core,
    }
}

fn parse(bytes: &[u8]) -> Option<Saved> {
    let (content, crc) = bytes.split_last_chunk::<CRC_BYTES>()?;
    (crc32fast::hash(content) == u32::from_le_bytes(*crc)).then_some(())?;
    postcard::from_bytes(content).ok()
}
