//! Errors of outputs.

use std::io;

use thiserror::Error;

/// An output on this machine can't be written: the file of `-w`, or standard output. A failing
/// collector is no error.
#[derive(Debug, Error)]
#[error("can't write to {output}: {source}")]
pub struct ExportError {
    /// Its path as it was given, or `standard output`.
    pub output: String,
    /// The error of the write.
    pub source: io::Error,
}
