//! Why a run can't start, or has not done its work.

use std::io;

use dnsflow_service::monitoring::ListenError;
use thiserror::Error;

use crate::backlog::OpenError;
use crate::receive::{FileError, SocketError};
use crate::sink::SinkError;

/// Why a run can't start, or has not done its work.
#[derive(Debug, Error)]
pub enum RunError {
    /// Options that don't go together.
    #[error("{0}")]
    Options(&'static str),
    /// The spool can't be used.
    #[error(transparent)]
    Spool(#[from] OpenError),
    /// A socket can't be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// A store is not as it has to be.
    #[error("{name}: {source}")]
    Sink {
        /// Which one.
        name: String,
        /// What is wrong.
        source: SinkError,
    },
    /// The address of the metrics can't be used.
    #[error(transparent)]
    Metrics(#[from] ListenError),
    /// The address of the naming service can't be used.
    #[error(transparent)]
    Serve(#[from] crate::serve::server::ListenError),
    /// There is no token for it.
    #[error(transparent)]
    Token(#[from] crate::serve::access::TokenError),
    /// The key of pseudonyms can't be read.
    #[error("--address-key {0}")]
    Key(#[from] dnsflow_privacy::KeyError),
    /// A file can't be read to its end.
    #[error(transparent)]
    File(#[from] FileError),
    /// Anything else of the system.
    #[error("can't {what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The error.
        source: io::Error,
    },
    /// Records are lost at the end.
    #[error("{0} records were not stored and are lost; --spool keeps them for the next start")]
    Lost(u64),
}

impl RunError {
    /// The exit status: 2 for wrong usage.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Options(_) => 2,
            _ => 1,
        }
    }
}

/// An error of the system, when it was to `what`.
pub(super) fn system(what: &'static str) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::System { what, source }
}
