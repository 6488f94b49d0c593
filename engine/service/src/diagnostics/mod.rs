//! The logger: to the journal under systemd, else lines on standard error.
//!
//! Messages are logged with the macros of `log`, with the fields `core`, `interface` and
//! `collector`. In the journal these are fields to search for; as text, the message alone has to
//! suffice. Nothing is logged for single packets, and messages that repeat are limited here, in one
//! place.
//!
//! Each line is written at once, so that those of several threads don't mix. If it can't be
//! written, because the disk is full or the reader has closed the pipe, it is lost, and the program
//! runs on.

mod escape;
mod limit;

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use log::kv::{Key, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

pub use escape::escaped_lines;
use limit::{Limits, Subject, Suppressed};

/// The prefix of the targets of this project; targets of libraries have others.
const OWN_TARGET: &str = "dnsflow";

/// The fields that distinguish messages of one place in the sources.
const IDENTITY: [&str; 3] = ["core", "interface", "collector"];

/// Installs the logger, with level `info`; [`log::set_max_level`] changes that. `name` is the program's:
/// the identifier of its messages in the journal, and the prefix of lines of text.
pub fn start(name: &'static str) {
    let journal = connected_to_journal()
        .then(JournalLog::empty)
        .and_then(Result::ok)
        .map(|journal| journal.with_syslog_identifier(name.to_owned()));
    let diagnostics = Diagnostics {
        name,
        journal,
        limits: Mutex::default(),
    };
    // It fails if another logger is installed, which is then used.
    if log::set_boxed_logger(Box::new(diagnostics)).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// The least severe messages that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// Errors that end the run, and permanent losses
    Error,
    /// Also conditions that may lose packets or records
    Warn,
    /// Also starts, ends and changes
    Info,
    /// Also details for diagnosis
    Debug,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
        }
    }
}

/// The logger.
struct Diagnostics {
    name: &'static str,
    /// Only if standard error is connected to the journal.
    journal: Option<JournalLog>,
    limits: Mutex<Limits>,
}

impl Log for Diagnostics {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(OWN_TARGET) || metadata.level() == Level::Error
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let (is_admitted, suppressed) = {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let suppressed = limits.expired(now);
            (limits.admit(subject(record), record, now), suppressed)
        };
        self.log_suppressed(suppressed);
        if is_admitted {
            self.write(record);
        }
    }

    /// Logs the number of messages that were suppressed so far.
    fn flush(&self) {
        let suppressed = self
            .limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .all();
        self.log_suppressed(suppressed);
    }
}

impl Diagnostics {
    fn write(&self, record: &Record<'_>) {
        let text = escape::escaped(&record.args().to_string());
        let is_in_journal = self.journal.as_ref().is_some_and(|journal| {
            let mut escaped = record.to_builder();
            journal
                .journal_send(&escaped.args(format_args!("{text}")).build())
                .is_ok()
        });
        if !is_in_journal {
            write_line(self.name, &text);
        }
    }

    fn log_suppressed(&self, suppressed: Vec<Suppressed>) {
        for Suppressed { level, count, last } in suppressed {
            self.write(
                &Record::builder()
                    .level(level)
                    .target(OWN_TARGET)
                    .args(format_args!("{count} more like this: {last}"))
                    .build(),
            );
        }
    }
}

fn write_line(name: &str, text: &str) {
    let _ = std::io::stderr().write_all(format!("{name}: {text}\n").as_bytes());
}

/// What a record is about: its place in the sources, and the core, interface or collector that it
/// names.
fn subject(record: &Record<'_>) -> Subject {
    struct Identity(String);
    impl<'kvs> VisitSource<'kvs> for Identity {
        fn visit_pair(
            &mut self,
            key: Key<'kvs>,
            value: log::kv::Value<'kvs>,
        ) -> Result<(), log::kv::Error> {
            if IDENTITY.contains(&key.as_str()) {
                self.0.push_str(&format!("{key}={value} "));
            }
            Ok(())
        }
    }
    let mut identity = Identity(String::new());
    // The visitor above never fails.
    let _ = record.key_values().visit(&mut identity);
    Subject {
        module: record.module_path().unwrap_or_default().to_owned(),
        line: record.line().unwrap_or(0),
        identity: identity.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_place_and_what_it_is_about() {
        let of = |line, core: u32, datagrams: u32| {
            let fields: [(&str, u32); 2] = [("core", core), ("datagrams", datagrams)];
            subject(
                &Record::builder()
                    .module_path(Some("dnsflow::export"))
                    .line(Some(line))
                    .key_values(&fields)
                    .build(),
            )
        };
        assert_eq!(of(7, 0, 1), of(7, 0, 2));
        assert_ne!(of(7, 0, 1), of(7, 1, 1));
        assert_ne!(of(7, 0, 1), of(8, 0, 1));
    }

    #[test]
    fn libraries_log_only_errors() {
        let diagnostics = Diagnostics {
            name: "dnsflow",
            journal: None,
            limits: Mutex::default(),
        };
        let is_enabled = |target, level| {
            diagnostics.enabled(&Metadata::builder().target(target).level(level).build())
        };
        assert!(is_enabled("dnsflow::shard", Level::Debug));
        assert!(is_enabled("glommio::reactor", Level::Error));
        assert!(!is_enabled("glommio::sys", Level::Warn));
    }
}
