//! What the sensor tells the person who runs it: to the journal under systemd, else as lines on standard error.
//!
//! Who has something to say uses the macros of `log`, with fields that say what it is about: `core`,
//! `interface`, `collector`. In the journal these are fields to search for; as text, the message alone has to
//! do. Nothing is said about single packets, and what goes on and on is cut short here, in one place.
//!
//! Each line leaves in one piece, so that those of several threads don't mix. Where nobody takes them, because
//! the disk is full or the reader has gone, there is nobody to tell, and the work goes on.

mod limit;

use std::fmt::Arguments;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use log::kv::{Key, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

use limit::{LeftOut, Limits, Subject};

/// Under which name lines stand in the journal, and what text begins with.
const NAME: &str = "dnsflow";

/// Where targets of this project's records begin; those of libraries are another matter.
const OWN_TARGET: &str = "dnsflow";

/// The fields that tell lines of one place in the sources apart.
const IDENTITY: [&str; 3] = ["core", "interface", "collector"];

/// From here on, what is logged is said, from `info` on; [`log::set_max_level`] changes that.
pub fn start() {
    let journal = connected_to_journal()
        .then(JournalLog::empty)
        .and_then(Result::ok)
        .map(|journal| journal.with_syslog_identifier(NAME.to_owned()));
    let diagnostics = Diagnostics {
        journal,
        limits: Mutex::default(),
    };
    // It fails where somebody else's logger is there already, who then says it all.
    if log::set_boxed_logger(Box::new(diagnostics)).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// The one logger of the process.
struct Diagnostics {
    /// Where standard error is connected to it.
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
        let (is_said, left_out) = {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let left_out = limits.expired(now);
            (limits.admit(subject(record), record, now), left_out)
        };
        self.say_left_out(left_out);
        if is_said {
            self.say(record);
        }
    }

    /// Says what was left out so far.
    fn flush(&self) {
        let left_out = self
            .limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .all();
        self.say_left_out(left_out);
    }
}

impl Diagnostics {
    fn say(&self, record: &Record<'_>) {
        let taken = self
            .journal
            .as_ref()
            .is_some_and(|journal| journal.journal_send(record).is_ok());
        if !taken {
            write(record.args());
        }
    }

    fn say_left_out(&self, left_out: Vec<LeftOut>) {
        for LeftOut { level, count, last } in left_out {
            self.say(
                &Record::builder()
                    .level(level)
                    .target(OWN_TARGET)
                    .args(format_args!("{count} more like this: {last}"))
                    .build(),
            );
        }
    }
}

fn write(text: &Arguments<'_>) {
    let _ = std::io::stderr().write_all(format!("{NAME}: {text}\n").as_bytes());
}

/// What a record is about: where it comes from, and of which core, interface or collector it speaks.
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
    fn a_subject_is_a_place_and_who_is_meant() {
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
    fn libraries_are_heard_when_something_is_wrong() {
        let diagnostics = Diagnostics {
            journal: None,
            limits: Mutex::default(),
        };
        let is_heard = |target, level| {
            diagnostics.enabled(&Metadata::builder().target(target).level(level).build())
        };
        assert!(is_heard("dnsflow::shard", Level::Debug));
        assert!(is_heard("glommio::reactor", Level::Error));
        assert!(!is_heard("glommio::sys", Level::Warn));
    }
}
