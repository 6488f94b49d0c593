//! Where names come from. Each source answers the same questions; none is told of flows or formats.

mod captured;
mod service;
mod stored;

use std::path::PathBuf;
use std::time::Duration;

use dnsflow_names::Question;
use thiserror::Error;

pub use captured::{Captured, Learned};
pub use service::Service;
pub use stored::Stored;

use crate::answers::Answers;

/// What knows names.
pub trait Source {
    /// Answers `questions` in their order with at most `most` names each, and adds the answers to
    /// `answers`.
    ///
    /// # Errors
    ///
    /// Why they can't be answered, for good. What was added to `answers` then says nothing.
    fn ask(
        &mut self,
        questions: &[Question],
        most: usize,
        answers: &mut Answers,
    ) -> Result<(), SourceError>;

    /// Says at the end whether all could be read that might have had names.
    ///
    /// # Errors
    ///
    /// What could not.
    fn finish(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    /// Look-ups that it has seen and no longer knows: flows of their time may lack a name.
    fn forgotten(&self) -> u64 {
        0
    }
}

/// Why names can't be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file can't be opened.
    #[error("--from {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file is no capture, or is damaged or cut.
    #[error(
        "--from {}: {error} (after {packets} packets); a capture of what sensors send is wanted, or \
         what dnsflow -w has written", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: dnsflow_capfile::FileError,
        /// Packets that could be read.
        packets: u64,
    },
    /// A file has packets, and none of them is a datagram of a sensor.
    #[error(
        "--from {}: no record of a sensor in {packets} packets; 'dnsflow -r FILE -w RECORDS' makes \
         records of a capture of DNS", path.display()
    )]
    NoRecords {
        /// The file.
        path: PathBuf,
        /// Packets in it.
        packets: u64,
    },
    /// A folder of Parquet files can't be read.
    #[error("--from {0}")]
    Archive(#[from] dnsflow_archive::ArchiveError),
    /// Some files of a folder can't be read.
    #[error(
        "--from {}: {files} files could not be read, so that names may be missing or less sure", path.display()
    )]
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// How many files.
        files: usize,
    },
    /// The URL or the token of the service can't be used.
    #[error("{0}")]
    Place(#[from] dnsflow_ask::PlaceError),
    /// The service refuses.
    #[error("{url}: status {status}: {text}")]
    Refused {
        /// Its URL.
        url: String,
        /// HTTP status.
        status: u16,
        /// The start of what it said.
        text: String,
    },
    /// The service said what can't be understood.
    #[error("{url}: no answer of a naming service: {reason}")]
    Answer {
        /// Its URL.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The service was away for too long.
    #[error("{url}: away for {} s, --retry-for would wait longer: {reason}", waited.as_secs())]
    Away {
        /// Its URL.
        url: String,
        /// How long it was tried.
        waited: Duration,
        /// What the last attempt met.
        reason: String,
    },
}
