//! What new settings change while packets flow, and what has to wait for the next start.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::shard::command::{CaptureChange, Change, OutputChange};
use crate::start::destination::Destination;
use crate::start::settings::{Capture, Output, Settings};
use dnsflow_filters::Program;

/// Long options, the one to name first, and whether two settings differ in what they say.
type Fixed = (&'static [&'static str], fn(&Settings, &Settings) -> bool);

/// What only a start can set.
const FIXED: [Fixed; 11] = [
    (&["interface", "read"], |old, new| old.input != new.input),
    (&["no-promiscuous"], |old, new| {
        old.promiscuous != new.promiscuous
    }),
    (&["ring"], |old, new| old.ring_bytes != new.ring_bytes),
    (&["cores"], |old, new| old.cores != new.cores),
    (&["fanout", "checksum"], |old, new| {
        old.capture.fanout != new.capture.fanout
    }),
    (&["share"], |old, new| {
        old.capture.share != new.capture.share
    }),
    (&["write"], |old, new| old.output.write != new.output.write),
    (&["print"], |old, new| old.output.print != new.output.print),
    (&["pidfile"], |old, new| old.pidfile != new.pidfile),
    (&["user"], |old, new| old.user != new.user),
    (&["metrics"], |old, new| old.metrics != new.metrics),
];

/// Whether what a long option says takes effect at a start only, and not with a reload.
#[must_use]
pub fn waits_for_start(option: &str) -> bool {
    FIXED.iter().any(|(options, _)| options.contains(&option))
}

/// What can be taken of `new` while `old` runs, and the long options that can't.
pub(super) fn applicable(old: &Settings, new: Settings) -> (Settings, Vec<&'static str>) {
    let waiting = FIXED.iter().filter(|(_, differs)| differs(old, &new));
    let waiting = waiting.map(|(options, _)| options[0]).collect();
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
            selection: settings.capture.selection.clone(),
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

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::start::cli::Cli;
    use crate::start::config;

    fn settings(argument: &str) -> Settings {
        let arguments = ["dnsflow", "--udp=192.0.2.1", argument];
        let options = Cli::parse_from(arguments.iter().filter(|word| !word.is_empty())).options;
        Settings::new(options).expect("an example that is right")
    }

    /// A value that is no default, for every option that has values.
    fn example(option: &str) -> String {
        let value = match option {
            "interface" | "read" | "write" | "pidfile" => "other",
            "filter" => "udp",
            "port" | "jmirror" | "pcap-record" | "sample" | "ring" => "77",
            "decap" => "gtp",
            "cores" => "2",
            "fanout" => "cpu",
            "share" => "0/2",
            "udp" => "192.0.2.2",
            "mtu" => "9000",
            "flush" => "0.5",
            "user" => "daemon",
            "log-level" => "debug",
            "metrics" => "127.0.0.1:9530",
            flag => return format!("--{flag}"),
        };
        format!("--{option}={value}")
    }

    #[test]
    fn every_option_is_taken_or_said_to_wait() {
        let old = settings("");
        let mut command = Cli::command();
        command.build();
        for option in config::keys(&command).filter_map(clap::Arg::get_long) {
            let (applied, waiting) = applicable(&old, settings(&example(option)));
            let is_taken = format!("{applied:?}") != format!("{old:?}");
            assert_eq!(is_taken, waiting.is_empty(), "{option}: {waiting:?}");
            assert_eq!(waits_for_start(option), !is_taken, "{option}");
        }
    }
}
