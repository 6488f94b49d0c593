//! How far the reading of a file has come, for a person who waits for it.

use std::path::Path;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::shard::Progress;

/// A bar on standard error; nothing where that is no terminal, or where the size of the input is unknown.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

/// A bar for the file at `path`.
pub(super) fn bar(path: &Path) -> Bar {
    let compressed = path
        .extension()
        .is_some_and(|kind| kind == "gz" || kind == "zst");
    let size = path
        .metadata()
        .ok()
        .filter(|found| found.is_file() && !compressed);
    let Some(size) = size else {
        return Bar(ProgressBar::hidden());
    };
    let bar = ProgressBar::with_draw_target(Some(size.len()), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {percent}% {bytes_per_sec} {eta} left");
    Bar(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
}

impl Bar {
    /// Shows the shard that is furthest behind.
    pub(super) fn show(&self, shards: &[Arc<Progress>]) {
        if let Some(offset) = shards.iter().map(|shard| shard.offset()).min() {
            self.0.set_position(offset);
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
