//! One file of the spool: batches one behind the other.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::batch::{Batch, FormatError, HEAD_BYTES, Head, decode};

/// A batch in a segment.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    pub(super) length: usize,
}

impl Place {
    /// Reads the batch.
    pub(super) fn read(&self) -> io::Result<Batch> {
        let mut bytes = vec![0; self.length];
        self.file.read_exact_at(&mut bytes, self.offset)?;
        decode(&bytes).map_err(io::Error::other)
    }
}

/// A file with the batches from `first` on.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) first: u64,
    /// The number behind that of its last batch.
    pub(super) end: u64,
    pub(super) bytes: u64,
    pub(super) file: Arc<File>,
}

/// What is in a segment that was found.
pub(super) struct Found {
    /// Number, records and place of each batch, in order.
    pub(super) batches: Vec<(u64, u64, Place)>,
    /// Bytes of these.
    pub(super) bytes: u64,
    /// Why it ends before the file does, if it does.
    pub(super) end: Option<FormatError>,
}

impl Found {
    /// Looks at the heads of all batches of `file`, and at the whole of the last one: what a crash
    /// left half written is there.
    pub(super) fn in_file(file: &Arc<File>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut found = Self {
            batches: Vec::new(),
            bytes: 0,
            end: None,
        };
        while found.bytes < length {
            let mut head = [0; HEAD_BYTES];
            let there = length - found.bytes;
            let head = match usize::try_from(there) {
                Ok(there) if there < HEAD_BYTES => Err(FormatError::Cut),
                _ => {
                    file.read_exact_at(&mut head, found.bytes)?;
                    Head::parse(&head)
                }
            };
            let head = match head {
                Ok(head) => head,
                Err(error) => {
                    found.end = Some(error);
                    break;
                }
            };
            let bytes = HEAD_BYTES as u64 + u64::from(head.length);
            let is_in_order = found
                .batches
                .last()
                .is_none_or(|last| last.0 < head.id.number);
            if bytes > there || !is_in_order {
                found.end = Some(if is_in_order {
                    FormatError::Cut
                } else {
                    FormatError::Damaged
                });
                break;
            }
            let place = Place {
                file: Arc::clone(file),
                offset: found.bytes,
                length: usize::try_from(bytes).unwrap_or(usize::MAX),
            };
            found.batches.push((head.id.number, head.records, place));
            found.bytes += bytes;
        }
        if let Some((_, _, last)) = found.batches.last()
            && last.read().is_err()
        {
            found.bytes = last.offset;
            found.batches.pop();
            found.end = Some(FormatError::Damaged);
        }
        Ok(found)
    }
}
