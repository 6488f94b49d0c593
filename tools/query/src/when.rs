//! Times as people write them.
//!
//! Spans such as `-1h` or `3 days ago` are those of jiff; days and weeks are those of the calendar, so
//! that a day ago is the same time of day where clocks are changed.

use dnsflow_names::Time;
use jiff::civil::{self, DateTime};
use jiff::{Span, Timestamp, ZonedDateTime};
use thiserror::Error;

/// Digits from which on a number is seconds since 1970, and no date without its dashes.
const LEAST_UNIX_DIGITS: usize = 9;

/// Which end of a day without a time is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Start,
    /// Its last microsecond.
    End,
}

/// A text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no time; these are: now, 14:00, today, yesterday 14:00, -1h, 2h ago, 3 days ago, \
     2026-11-30, 2026-11-30 14:00, 2026-11-30T14:00:00Z, 1764511200"
)]
pub struct WhenError(String);

/// Reads a time; `now` says also in which zone.
pub(crate) fn parse(text: &str, now: &ZonedDateTime, edge: Edge) -> Result<Time, WhenError> {
    let wrong = || WhenError(text.chars().take(64).collect());
    let trimmed = text.trim();
    let parsed = match trimmed {
        "" => None,
        "now" => Some(now.timestamp()),
        _ => unix(trimmed)
            .or_else(|| trimmed.parse::<Timestamp>().ok())
            .or_else(|| ago(trimmed, now))
            .or_else(|| of_day(trimmed, now, edge)),
    };
    let micros = parsed.map(Timestamp::as_microsecond);
    micros
        .filter(|micros| *micros >= 0)
        .map(Time::from_micros)
        .ok_or_else(wrong)
}

/// Seconds since 1970, with a fraction or without.
fn unix(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if digits < LEAST_UNIX_DIGITS || !is_number {
        return None;
    }
    let time: Time = text.parse().ok()?;
    Timestamp::from_microsecond(time.micros()).ok()
}

/// A span before now.
fn ago(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let span: Span = text.parse().ok()?;
    // `1h` alone could be either side of now.
    if !span.is_negative() && !span.is_zero() {
        return None;
    }
    Some(now.checked_add(span).ok()?.timestamp())
}

/// A day, a time of today, or both.
fn of_day(text: &str, now: &ZonedDateTime, edge: Edge) -> Option<Timestamp> {
    let (day, time) = match text.split_once(|c: char| c.is_ascii_whitespace()) {
        Some((day, time)) => (day, Some(time.trim_start())),
        None => (text, None),
    };
    let today = now.date();
    let date = match day {
        "today" => Some(today),
        "yesterday" => today.yesterday().ok(),
        _ => None,
    };
    let moment = match (date, time) {
        (Some(date), Some(time)) => date.to_datetime(time_of_day(time)?),
        (Some(date), None) => return edge_of(date, now, edge),
        (None, _) => match (time_of_day(text), text.parse::<civil::Date>()) {
            (Some(time), _) => today.to_datetime(time),
            (None, Ok(date)) if text.len() == "2026-11-30".len() => {
                return edge_of(date, now, edge);
            }
            _ => text.parse::<DateTime>().ok()?,
        },
    };
    let moment = moment.to_zoned_datetime(now.time_zone().clone()).ok()?;
    Some(moment.timestamp())
}

/// `14:00` or `14:00:05`.
fn time_of_day(text: &str) -> Option<civil::Time> {
    let is_like_one = text.as_bytes().get(2) == Some(&b':');
    is_like_one.then(|| text.parse().ok()).flatten()
}

fn edge_of(date: civil::Date, now: &ZonedDateTime, edge: Edge) -> Option<Timestamp> {
    let zone = now.time_zone();
    let start = |date: civil::Date| Some(date.to_zoned_datetime(zone.clone()).ok()?.timestamp());
    match edge {
        Edge::Start => start(date),
        Edge::End => {
            let next = start(date.tomorrow().ok()?)?;
            Timestamp::from_microsecond(next.as_microsecond() - 1).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    fn at(text: &str, edge: Edge) -> Option<String> {
        // The clocks of this zone were put back on the day before.
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let now: Timestamp = "2026-10-26T11:30:00Z".parse().unwrap();
        let parsed = parse(text, &now.to_zoned_datetime(zone), edge);
        parsed
            .ok()
            .map(|time| time.to_string().replace(".000000Z", "Z"))
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("now", "2026-10-26T11:30:00Z"),
            ("-1h", "2026-10-26T10:30:00Z"),
            ("-1h30m", "2026-10-26T10:00:00Z"),
            ("2h ago", "2026-10-26T09:30:00Z"),
            ("90 minutes ago", "2026-10-26T10:00:00Z"),
            // The same time of day, when it was summer.
            ("2 days ago", "2026-10-24T10:30:00Z"),
            ("today", "2026-10-25T23:00:00Z"),
            ("yesterday", "2026-10-24T22:00:00Z"),
            ("yesterday 14:00", "2026-10-25T13:00:00Z"),
            ("14:05", "2026-10-26T13:05:00Z"),
            ("2026-01-31", "2026-01-30T23:00:00Z"),
            ("2026-01-31 14:00", "2026-01-31T13:00:00Z"),
            ("2026-07-31T14:00:05", "2026-07-31T12:00:05Z"),
            ("2026-07-31T14:00:00Z", "2026-07-31T14:00:00Z"),
            ("2026-07-31T14:00:00+05:00", "2026-07-31T09:00:00Z"),
            ("1764511200", "2025-11-30T14:00:00Z"),
            ("1764511200.5", "2025-11-30T14:00:00.500000Z"),
        ] {
            assert_eq!(at(text, Edge::Start).as_deref(), Some(expected), "{text}");
        }
        for (text, expected) in [
            ("2026-01-31", "2026-01-31T22:59:59.999999Z"),
            ("yesterday", "2026-10-25T22:59:59.999999Z"),
            ("2026-01-31 14:00", "2026-01-31T13:00:00Z"),
        ] {
            assert_eq!(at(text, Edge::End).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_told() {
        for text in [
            "",
            "1h",
            "tomorrow",
            "25:00",
            "2026-13-01",
            "12",
            "-1 parsec",
            "1960-01-01",
            "é 14:00",
        ] {
            assert_eq!(at(text, Edge::Start), None, "{text}");
        }
        let error = WhenError("soon".to_owned()).to_string();
        assert!(error.contains("\"soon\" is no time") && error.contains("yesterday 14:00"));
    }
}
