//! Times as flow records have them.
//!
//! A number counts from 1970-01-01 00:00 UTC, in the unit that its size tells: see `of_number`.
//! Text is RFC 3339 of any zone, also with a space for the T and without the colon of the zone;
//! without a zone, as `nfdump` writes it, it is local time. The crate refuses to guess dates
//! without a year.

use std::time::Duration;

use dnsflow_names::Time;
use dnsflow_records::timestamp::LAST_SECOND;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Numbers from here on are milliseconds, since as seconds they would lie beyond the year 5138.
const MILLISECONDS: f64 = 1e11;

/// From here on they are microseconds.
const MICROSECONDS: f64 = 1e14;

/// From here on they are nanoseconds.
const NANOSECONDS: f64 = 1e17;

/// Reads times, those without a zone in one that is fixed.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// Times without a zone are in the zone of the environment variable `TZ`, or of the system.
    #[must_use]
    pub fn local() -> Self {
        Self {
            zone: TimeZone::system(),
        }
    }

    /// Times without a zone are in UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            zone: TimeZone::UTC,
        }
    }

    /// The time that a text says.
    #[must_use]
    pub fn time(&self, text: &str) -> Option<Time> {
        match text.as_bytes().get(4) {
            Some(b'-') => self.of_date(text),
            _ => of_digits(text),
        }
    }

    fn of_date(&self, text: &str) -> Option<Time> {
        let time = match text.parse::<jiff::Timestamp>() {
            Ok(time) => time,
            Err(_) => {
                let civil = text.parse::<DateTime>().ok()?;
                self.zone.to_ambiguous_timestamp(civil).compatible().ok()?
            }
        };
        Duration::try_from(time.as_duration()).ok().map(Time)
    }
}

/// The time of a number in text. Digits are counted as such: a number of nanoseconds is longer than
/// what floating point holds.
fn of_digits(text: &str) -> Option<Time> {
    if let Ok(whole) = text.parse() {
        return of_integer(whole);
    }
    of_number(text.parse().ok()?)
}

/// The time of an integer, in the unit that its size tells.
pub(crate) fn of_integer(number: u64) -> Option<Time> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "only the order of magnitude is looked at"
    )]
    let size = number as f64;
    sayable(match size {
        NANOSECONDS.. => Duration::from_nanos(number),
        MICROSECONDS.. => Duration::from_micros(number),
        MILLISECONDS.. => Duration::from_millis(number),
        _ => Duration::from_secs(number),
    })
}

/// The time of a number with a fraction, in the unit that its size tells.
pub(crate) fn of_number(number: f64) -> Option<Time> {
    let seconds = match number {
        NANOSECONDS.. => number / 1e9,
        MICROSECONDS.. => number / 1e6,
        MILLISECONDS.. => number / 1e3,
        _ => number,
    };
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    // Rounded: floating point is rarely exactly what the digits were.
    sayable(time.saturating_add(Duration::from_nanos(500)))
}

/// A time that RFC 3339 can say, in whole microseconds.
fn sayable(time: Duration) -> Option<Time> {
    let micros = u64::from(time.subsec_micros());
    let whole = Duration::from_secs(time.as_secs()) + Duration::from_micros(micros);
    (time.as_secs() <= LAST_SECOND).then_some(Time(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<String> {
        Clock::utc().time(text).map(|time| time.to_string())
    }

    #[test]
    fn every_form_is_read() {
        let same = Some("2023-11-14T22:13:20.500000Z".to_owned());
        for text in [
            "2023-11-14T22:13:20.500Z",
            "2023-11-14T22:13:20.500000+0000",
            "2023-11-14T23:13:20.5+0100",
            "2023-11-14T23:13:20.5+01:00",
            "2023-11-14T22:13:20.500",
            "2023-11-14 22:13:20.500",
            "1700000000.500000",
            "1700000000500",
            "1700000000500000",
            "1700000000500000000",
            "1700000000500.0",
        ] {
            assert_eq!(time(text), same, "{text}");
        }
        assert_eq!(
            time("2023-11-14 22:13:20").as_deref(),
            Some("2023-11-14T22:13:20.000000Z")
        );
        for wrong in [
            "",
            "-",
            "-1",
            "NaN",
            "inf",
            "1e300",
            "22:13:20",
            "2023-13-01T00:00:00Z",
        ] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        assert_eq!(
            time("18446744073709551615"),
            Some("2554-07-21T23:34:33.709551Z".to_owned())
        );
    }

    #[test]
    fn a_time_without_a_zone_is_local() {
        let clock = Clock {
            zone: TimeZone::fixed(jiff::tz::offset(2)),
        };
        let time = clock.time("2023-11-15 00:13:20").unwrap();
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.000000Z");
    }
}
