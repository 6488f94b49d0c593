//! Which format it is, from the first records.

use super::preset::Preset;
use super::{Format, Heading, Reading};
use crate::labels::Labels;
use crate::time::Clock;

/// The format by a line: the first one that finds a flow in it, or a header. None if no one does.
pub(crate) fn detect(line: &[u8], labels: &Labels, clock: &Clock) -> Option<Format> {
    let format = |preset: Preset| preset.format(labels, clock.clone());
    let start = line.trim_ascii();
    if start.starts_with(b"#separator ") || start.starts_with(b"#fields") {
        return Some(format(Preset::Zeek));
    }
    // Nobody else prints an object over several lines.
    if start == b"{" {
        return Some(format(Preset::NfdumpJson));
    }
    Preset::ALL.into_iter().map(format).find_map(|format| {
        let reading = format.clone().read(line);
        let is_it = matches!(
            reading,
            Reading::Flow(..) | Reading::Heading(_, Heading::Names)
        );
        is_it.then_some(format)
    })
}
