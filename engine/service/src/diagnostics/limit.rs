//! Rate limits for messages that repeat.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use log::{Level, Record};

/// Most messages about one subject in a [`WINDOW`]; further ones are counted.
const LINES: u64 = 10;

/// Time for which messages are counted together.
const WINDOW: Duration = Duration::from_secs(60);

/// What a message is about. Messages of the same subject differ at most in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    /// Module and line in the sources.
    pub(super) module: String,
    pub(super) line: u32,
    /// The fields that distinguish messages of one place.
    pub(super) identity: String,
}

/// Messages that were not logged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Suppressed {
    pub(super) level: Level,
    pub(super) count: u64,
    /// The text of the last one.
    pub(super) last: String,
}

/// The messages of the present windows.
#[derive(Debug, Default)]
pub(super) struct Limits {
    windows: HashMap<Subject, Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    admitted: u64,
    suppressed: Option<Suppressed>,
}

impl Limits {
    /// Whether a message may be logged; if not, it is counted.
    pub(super) fn admit(&mut self, subject: Subject, record: &Record<'_>, now: Instant) -> bool {
        let window = self.windows.entry(subject).or_insert(Window {
            began: now,
            admitted: 0,
            suppressed: None,
        });
        if window.admitted < LINES {
            window.admitted += 1;
            return true;
        }
        let before = window
            .suppressed
            .take()
            .map_or(0, |suppressed| suppressed.count);
        window.suppressed = Some(Suppressed {
            level: record.level(),
            count: before + 1,
            last: record.args().to_string(),
        });
        false
    }

    /// Ends the windows whose time is over, and returns what was suppressed in them.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Suppressed> {
        let over = self
            .windows
            .extract_if(|_, window| now.saturating_duration_since(window.began) >= WINDOW);
        over.filter_map(|(_, window)| window.suppressed).collect()
    }

    /// Ends all windows, and returns what was suppressed in them.
    pub(super) fn all(&mut self) -> Vec<Suppressed> {
        let over = self.windows.drain();
        over.filter_map(|(_, window)| window.suppressed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(line: u32) -> Subject {
        Subject {
            module: "dnsflow".to_owned(),
            line,
            identity: String::new(),
        }
    }

    /// Offers a message with this text.
    fn offer(limits: &mut Limits, line: u32, text: &str, now: Instant) -> bool {
        let args = format_args!("{text}");
        let record = Record::builder().level(Level::Warn).args(args).build();
        limits.admit(subject(line), &record, now)
    }

    #[test]
    fn a_limit_for_each_minute_and_then_the_number() {
        let start = Instant::now();
        let mut limits = Limits::default();
        let admitted = (0..LINES + 7)
            .filter(|number| offer(&mut limits, 1, &format!("line {number}"), start))
            .count();
        assert_eq!(u64::try_from(admitted), Ok(LINES));
        assert!(offer(&mut limits, 2, "another", start));

        assert_eq!(limits.expired(start + WINDOW / 2), []);
        assert!(!offer(&mut limits, 1, "too early", start + WINDOW / 2));
        let suppressed = Suppressed {
            level: Level::Warn,
            count: 8,
            last: "too early".to_owned(),
        };
        assert_eq!(limits.expired(start + WINDOW), [suppressed]);
        assert!(offer(&mut limits, 1, "again", start + WINDOW));
        assert_eq!(limits.expired(start + WINDOW), []);
    }

    #[test]
    fn windows_that_are_over_take_no_memory() {
        let start = Instant::now();
        let mut limits = Limits::default();
        for line in 0..100 {
            assert!(offer(&mut limits, line, "once", start));
        }
        assert_eq!(limits.expired(start + WINDOW), []);
        assert!(limits.windows.is_empty());
    }

    #[test]
    fn the_end_returns_the_rest() {
        let start = Instant::now();
        let mut limits = Limits::default();
        for _ in 0..=LINES {
            offer(&mut limits, 1, "line", start);
        }
        let counts: Vec<u64> = limits
            .all()
            .iter()
            .map(|suppressed| suppressed.count)
            .collect();
        assert_eq!(counts, [1]);
        assert_eq!(limits.all(), []);
    }
}
