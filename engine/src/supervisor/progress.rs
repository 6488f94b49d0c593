//! The progress bar of a run over a file.

use std::path::Path;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::shard::Progress;

/// A bar on standard error. It is hidden if that is no terminal, or if the size of the input is
/// unknown.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    divided: bool,
}

/// A bar for the file at `path`. `divided` says whether each shard reads a part of it.
pub(super) fn bar(path: &Path, divided: bool) -> Bar {
    let compressed = path
        .extension()
        .is_some_and(|kind| kind == "gz" || kind == "zst");
    let size = path
        .metadata()
        .ok()
        .filter(|found| found.is_file() && !compressed);
    let Some(size) = size else {
        let bar = ProgressBar::hidden();
        return Bar { bar, divided };
    };
    let bar = ProgressBar::with_draw_target(Some(size.len()), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {percent}% {bytes_per_sec} {eta} left");
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    Bar { bar, divided }
}

impl Bar {
    /// Updates the bar: to the sum of all parts of a divided file, else to the offset of the
    /// slowest shard.
    pub(super) fn show(&self, shards: &[Arc<Progress>]) {
        let offsets = shards.iter().map(|shard| shard.offset());
        let position = if self.divided {
            Some(offsets.sum())
        } else {
            offsets.min()
        };
        if let Some(position) = position {
            self.bar.set_position(position);
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
