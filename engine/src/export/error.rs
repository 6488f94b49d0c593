//! Errors that end an export.

use std::io;

use thiserror::Error;

/// The error that ends an export, and with it the sensor: the file of `-w` or standard output can't
/// be written. A failing collector is no error.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The file of `-w` can't be written.
    #[error("can't write to {path}: {source}")]
    File {
        /// Its path, as given to `-w`.
        path: String,
        /// The error of the write.
        source: io::Error,
    },
    /// Standard output can't be written.
    #[error("can't write to standard output: {0}")]
    Print(io::Error),
}
