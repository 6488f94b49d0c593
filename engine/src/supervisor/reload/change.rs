//! Settings as a command to the shards.

use std::sync::Arc;

use crate::capture::rates::Rates;
use crate::export::destination::Destination;
use crate::shard::command::{CaptureChange, Change, OutputChange};
use crate::start::settings::Settings;

/// All of `settings`. `filters` has one for each interface, in the order of `-i`.
pub(super) fn whole(number: u64, settings: &Settings, filters: Vec<Rates>) -> Arc<Change> {
    Arc::new(Change {
        number,
        capture: Some(CaptureChange {
            selection: settings.capture.selection.clone(),
            filters,
        }),
        output: output(settings),
    })
}

/// Only the output of `settings`.
pub(super) fn output_only(number: u64, settings: &Settings) -> Arc<Change> {
    Arc::new(Change {
        number,
        capture: None,
        output: output(settings),
    })
}

fn output(settings: &Settings) -> OutputChange {
    OutputChange {
        collectors: settings.output.collectors.clone(),
        datagram_bytes: settings.output.datagram_bytes(),
        flush: settings.output.flush,
        privacy: settings.output.privacy.clone(),
    }
}

/// Gives the collectors of `settings` the addresses that were found for them.
pub(super) fn readdress(settings: &mut Settings, found: &[Destination]) {
    for collector in &mut settings.output.collectors {
        if let Some(same) = found.iter().find(|it| it.is_same(collector)) {
            *collector = same.clone();
        }
    }
}
