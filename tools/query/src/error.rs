//! Errors of the program, each of which says what to do.

use std::io;
use std::path::PathBuf;

use dnsflow_archive::ArchiveError;

use crate::when::WhenError;

/// Why nothing could be asked, or nothing came back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// There is nowhere to look.
    #[error(
        "nowhere to look: give --from FOLDER of Parquet files, --from http://HOST:PORT of \
         dnsflow-collect --serve, or --from clickhouse:http://HOST:PORT/DATABASE; or set DNSFLOW_FROM"
    )]
    NoSource,
    /// The place is of no known form.
    #[error("--from {0}: {1}")]
    Source(String, &'static str),
    /// A time can't be read.
    #[error("{option} {error}")]
    When {
        /// The option.
        option: &'static str,
        /// What is wrong.
        error: WhenError,
    },
    /// The time ends before it begins.
    #[error("--until is before --since: nothing can be of that time")]
    Backwards,
    /// A name that is none.
    #[error("{0:?} is no name: {1}")]
    Name(String, &'static str),
    /// An address that is none.
    #[error("{0:?} is no address: 192.0.2.1 and 2001:db8::1 are")]
    Address(String),
    /// The place can't answer this.
    #[error("{0}")]
    Unanswerable(&'static str),
    /// The folder can't be read.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// A file can't be read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The URL or the token of the service can't be used.
    #[error("{0}")]
    Place(#[from] dnsflow_ask::PlaceError),
    /// A server can't be reached, or says no.
    #[error("{address}: {reason}")]
    Server {
        /// Where it is.
        address: String,
        /// What it or the system said.
        reason: String,
    },
    /// Standard output can't be written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}
