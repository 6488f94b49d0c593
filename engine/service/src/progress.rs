//! The progress bar of a run over a file.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error for an input of `size` bytes. It is hidden if that is no terminal, or if the
/// size is not known, as of a pipe or a compressed file.
#[must_use]
pub fn bar(size: Option<u64>) -> ProgressBar {
    let Some(size) = size else {
        return ProgressBar::hidden();
    };
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {percent}% {bytes_per_sec} {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
