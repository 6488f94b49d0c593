//! How often the same may be said.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use log::{Level, Record};

/// Lines about one subject in a [`WINDOW`]; from there on they are counted.
const LINES: u64 = 10;

/// How long lines are counted together.
const WINDOW: Duration = Duration::from_secs(60);

/// What a line is about; two about the same say the same, perhaps in other numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    /// Of the sources.
    pub(super) module: String,
    pub(super) line: u32,
    /// Fields that tell apart what the line speaks of.
    pub(super) identity: String,
}

/// Lines that were not said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) level: Level,
    pub(super) count: u64,
    /// The text of the last of them.
    pub(super) last: String,
}

/// What was said lately.
#[derive(Debug, Default)]
pub(super) struct Limits {
    windows: HashMap<Subject, Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    said: u64,
    left_out: Option<LeftOut>,
}

impl Limits {
    /// Whether a line may be said; counted if not.
    pub(super) fn admit(&mut self, subject: Subject, record: &Record<'_>, now: Instant) -> bool {
        let window = self.windows.entry(subject).or_insert(Window {
            began: now,
            said: 0,
            left_out: None,
        });
        if window.said < LINES {
            window.said += 1;
            return true;
        }
        let before = window.left_out.take().map_or(0, |left_out| left_out.count);
        window.left_out = Some(LeftOut {
            level: record.level(),
            count: before + 1,
            last: record.args().to_string(),
        });
        false
    }

    /// Ends the windows whose time is over, and gives what was left out in them.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<LeftOut> {
        let over = self
            .windows
            .extract_if(|_, window| now.saturating_duration_since(window.began) >= WINDOW);
        over.filter_map(|(_, window)| window.left_out).collect()
    }

    /// Gives what was left out, as if the time were over.
    pub(super) fn all(&mut self) -> Vec<LeftOut> {
        let over = self.windows.drain();
        over.filter_map(|(_, window)| window.left_out).collect()
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

    /// Offers a line with this text.
    fn offer(limits: &mut Limits, line: u32, text: &str, now: Instant) -> bool {
        let args = format_args!("{text}");
        let record = Record::builder().level(Level::Warn).args(args).build();
        limits.admit(subject(line), &record, now)
    }

    #[test]
    fn so_many_a_minute_and_then_their_number() {
        let start = Instant::now();
        let mut limits = Limits::default();
        let said = (0..LINES + 7)
            .filter(|number| offer(&mut limits, 1, &format!("line {number}"), start))
            .count();
        assert_eq!(u64::try_from(said), Ok(LINES));
        assert!(offer(&mut limits, 2, "another", start));

        assert_eq!(limits.expired(start + WINDOW / 2), []);
        assert!(!offer(&mut limits, 1, "too early", start + WINDOW / 2));
        let left_out = LeftOut {
            level: Level::Warn,
            count: 8,
            last: "too early".to_owned(),
        };
        assert_eq!(limits.expired(start + WINDOW), [left_out]);
        assert!(offer(&mut limits, 1, "again", start + WINDOW));
        assert_eq!(limits.expired(start + WINDOW), []);
    }

    #[test]
    fn nothing_is_kept_of_what_is_over() {
        let start = Instant::now();
        let mut limits = Limits::default();
        for line in 0..100 {
            assert!(offer(&mut limits, line, "once", start));
        }
        assert_eq!(limits.expired(start + WINDOW), []);
        assert!(limits.windows.is_empty());
    }

    #[test]
    fn the_end_tells_the_rest() {
        let start = Instant::now();
        let mut limits = Limits::default();
        for _ in 0..=LINES {
            offer(&mut limits, 1, "line", start);
        }
        let counts: Vec<u64> = limits.all().iter().map(|left_out| left_out.count).collect();
        assert_eq!(counts, [1]);
        assert_eq!(limits.all(), []);
    }
}
