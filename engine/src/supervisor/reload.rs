//! What new settings change while packets flow, and what has to wait for the next start.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::destination::Destination;
use crate::settings::{Capture, Output, Settings};
use crate::shard::command::{CaptureChange, Change, OutputChange};
use dnsflow_filters::Program;

/// What can be taken of `new` while `old` runs, and the options that can't.
pub(super) fn applicable(old: &Settings, new: Settings) -> (Settings, Vec<&'static str>) {
    let differs = [
        (old.input != new.input, "--interface"),
        (old.promiscuous != new.promiscuous, "--no-promiscuous"),
        (old.ring_bytes != new.ring_bytes, "--ring"),
        (old.cores != new.cores, "--cores"),
        (old.capture.fanout != new.capture.fanout, "--fanout"),
        (old.capture.share != new.capture.share, "--share"),
        (old.output.write != new.output.write, "--write"),
        (old.output.print != new.output.print, "--print"),
        (old.pidfile != new.pidfile, "--pidfile"),
        (old.user != new.user, "--user"),
        (old.metrics != new.metrics, "--metrics"),
    ];
    let waiting = differs.into_iter().filter(|(differs, _)| *differs);
    let waiting = waiting.map(|(_, option)| option).collect();
    let applied = Settings {
        capture: Capture {
            fanout: old.capture.fanout,
            share: old.capture.share,
            ..new.capture
        },
        output: Output {
            write: old.output.write.clone(),
            print: old.output.print,
            ..new.output
        },
        log_level: new.log_level,
        ..old.clone()
    };
    (applied, waiting)
}

/// All of `settings` as a change; `filters` are those of the interfaces.
pub(super) fn change(number: u64, settings: &Settings, filters: Vec<Program>) -> Arc<Change> {
    Arc::new(Change {
        number,
        capture: Some(CaptureChange {
            selection: settings.capture.decode(),
            filters,
            sample: settings.capture.sample,
        }),
        output: output(settings),
    })
}

/// Only where records go.
pub(super) fn move_collectors(number: u64, settings: &Settings) -> Arc<Change> {
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
    }
}

/// Gives the collectors of `settings` the addresses that were found for them.
pub(super) fn readdress(settings: &mut Settings, found: &[Destination]) {
    for collector in &mut settings.output.collectors {
        let same = found.iter().find(|it| it.written() == collector.written());
        if let Some(same) = same {
            *collector = same.clone();
        }
    }
}

/// A change that not all shards have confirmed.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) number: u64,
    /// Shards that have not answered.
    left: BTreeSet<usize>,
    /// What the first of them said that could not.
    failure: Option<String>,
    /// What held before.
    pub(super) old: Settings,
}

impl Pending {
    /// Waits for these shards to answer.
    pub(super) fn new(number: u64, left: BTreeSet<usize>, old: Settings) -> Self {
        Pending {
            number,
            left,
            failure: None,
            old,
        }
    }

    /// A shard has done it, or could not.
    pub(super) fn answered(&mut self, core: usize, failure: Option<String>) {
        self.left.remove(&core);
        self.failure = self.failure.take().or(failure);
    }

    /// Whether all have answered.
    pub(super) fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// Why one of them could not.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}
