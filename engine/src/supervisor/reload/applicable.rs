//! Which settings a reload can change, and which only a start can.

use crate::start::settings::{Capture, Output, Settings};

/// Long options, of which messages name the first, and whether two settings differ in their values.
type Fixed = (&'static [&'static str], fn(&Settings, &Settings) -> bool);

/// The options that only a start can set.
const FIXED: [Fixed; 14] = [
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
    (&["strict-output"], |old, new| {
        old.output.is_strict != new.output.is_strict
    }),
    (&["format"], |old, new| {
        old.output.format != new.output.format
    }),
    (&["sensor-name"], |old, new| {
        old.output.sensor_name != new.output.sensor_name
    }),
    (&["pidfile"], |old, new| old.pidfile != new.pidfile),
    (&["user"], |old, new| old.user != new.user),
    (&["metrics"], |old, new| old.metrics != new.metrics),
];

/// Whether a long option takes effect only at a start, and not with a reload.
#[must_use]
pub fn waits_for_start(option: &str) -> bool {
    FIXED.iter().any(|(options, _)| options.contains(&option))
}

/// The part of `new` that can be applied while `old` is in force, and the long options that take
/// effect at the next start.
pub(super) fn applicable(old: &Settings, mut new: Settings) -> (Settings, Vec<&'static str>) {
    if old.output.format != new.output.format {
        // The other format may not be able to say what is selected with it.
        new.capture.selection.rules = old.capture.selection.rules.clone();
    }
    let postponed = FIXED.iter().filter(|(_, differs)| differs(old, &new));
    let postponed = postponed.map(|(options, _)| options[0]).collect();
    let applied = Settings {
        capture: Capture {
            fanout: old.capture.fanout,
            share: old.capture.share,
            ..new.capture
        },
        output: Output {
            write: old.output.write.clone(),
            print: old.output.print,
            is_strict: old.output.is_strict,
            format: old.output.format,
            sensor_name: old.output.sensor_name.clone(),
            ..new.output
        },
        log_level: new.log_level,
        ..old.clone()
    };
    (applied, postponed)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;
    use std::{env, fs, process};

    use clap::{CommandFactory as _, Parser as _};
    use dnsflow_service::config;

    use super::*;
    use crate::start::cli::Cli;

    fn settings(argument: &str) -> Settings {
        // Version 5 takes all values of other options.
        let format = if argument.starts_with("--format") {
            ""
        } else {
            "--format=v5"
        };
        let arguments = ["dnsflow", "--udp=192.0.2.1", format, argument];
        let options = Cli::parse_from(arguments.iter().filter(|word| !word.is_empty())).options;
        Settings::new(options).expect("an example that is right")
    }

    /// A value that is no default, for every option that has values.
    fn example(option: &str) -> String {
        let value = match option {
            "interface" | "read" | "write" | "pidfile" => "other",
            "filter" => "udp",
            "port" | "jmirror" | "pcap-record" | "sample" | "sample-key" | "ring" => "77",
            // A file with one word.
            "names" | "not-names" => "/proc/sys/kernel/ostype",
            "clients" | "not-clients" | "resolvers" | "not-resolvers" => "192.0.2.0/24",
            "decap" => "gtp",
            "types" => "A",
            "select" => "addresses,nodata",
            "format" => "v4",
            "sensor-name" => "other",
            "overload" => "sample",
            "sample-by" => "client",
            "client-addresses" | "resolver-addresses" | "subnet-addresses" => "prefix:24,56",
            "address-key" => return format!("--{option}={}", key_file().display()),
            "key-rotation" => "daily",
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

    /// A file with a key, for this process.
    fn key_file() -> PathBuf {
        let path = env::temp_dir().join(format!("dnsflow-key-{}", process::id()));
        fs::write(&path, "7".repeat(64)).expect("a folder for temporary files");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("a file of ours");
        path
    }

    #[test]
    fn every_option_is_taken_or_said_to_wait() {
        let old = settings("");
        let mut command = Cli::command();
        command.build();
        for option in config::keys(&command).filter_map(clap::Arg::get_long) {
            let (applied, postponed) = applicable(&old, settings(&example(option)));
            let is_taken = format!("{applied:?}") != format!("{old:?}");
            assert_eq!(is_taken, postponed.is_empty(), "{option}: {postponed:?}");
            assert_eq!(waits_for_start(option), !is_taken, "{option}");
        }
        fs::remove_file(key_file()).expect("a file of ours");
    }
}
