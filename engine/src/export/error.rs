//! What ends an export.

use std::io;

use thiserror::Error;

/// Why an export can't go on, and the sensor ends: a file or standard output that was asked for can't be written.
/// Collectors that fail don't end it.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The file of `-w`.
    #[error("can't write to {path}: {source}")]
    File {
        /// As it was named.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output.
    #[error("can't write to standard output: {0}")]
    Print(io::Error),
}
