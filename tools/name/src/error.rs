//! Errors of the filter, each of which says what to do.

use std::io;
use std::path::PathBuf;

use crate::format::preset::Preset;
use crate::source::SourceError;

/// Why the filter stopped, or never started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Flows can't be opened or read.
    #[error("{}: {error}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The first records are of no format that is known.
    #[error(
        "what these flows are is not clear from the first lines; name it by --format: {}; or their fields \
         by --map",
        presets()
    )]
    Unclear,
    /// There are no names to be had.
    #[error("{0}")]
    Source(SourceError),
    /// The file to write can't be opened.
    #[error("--write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file to write is one that is read.
    #[error("--write {}: these are the flows that are read; name another file", path.display())]
    Same {
        /// The file.
        path: PathBuf,
    },
    /// Signal handlers can't be set.
    #[error("can't handle signals: {0}")]
    Signals(io::Error),
    /// The output can't be written.
    #[error("output: {0}")]
    Output(io::Error),
}

fn presets() -> String {
    Preset::ALL.map(Preset::name).join(", ")
}
