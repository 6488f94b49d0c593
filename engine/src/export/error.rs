//! Errors of outputs.

use std::io;

use thiserror::Error;

/// What ends a stream. A failing collector is no error.
#[derive(Debug, Error)]
pub enum ExportError {
    /// An output on this machine can't be written: the file of `-w`, or standard output.
    #[error("can't write to {output}: {source}")]
    Local {
        /// Its path as it was given, or `standard output`.
        output: String,
        /// The error of the write.
        source: io::Error,
    },
    /// The io_uring through which all collectors are sent to is of no more use.
    #[error("can't send to collectors: {0}")]
    Uring(#[from] io::Error),
}
