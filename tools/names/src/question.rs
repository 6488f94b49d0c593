//! What is asked: a question, and the time that it is about.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use dnsflow_records::timestamp::{self, Timestamp};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Which names an address stood for.
///
/// As JSON `{"client":"192.0.2.1","address":"203.0.113.7","at":"2023-11-14T22:13:20Z"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Who used the address; `None` asks for what anyone was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The address that was used.
    pub address: IpAddr,
    /// When; `None` is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// A time: since 1970-01-01 00:00 UTC, in microseconds.
///
/// As text and in JSON it is RFC 3339 in UTC with microseconds. It is also read from RFC 3339 of any
/// zone, and from seconds since 1970 with a fraction, as a number or as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

/// A text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no time: 2023-11-14T22:13:20Z and 1700000000.5 are")]
pub struct TimeError(String);

/// A name that somebody has written, as maps and stores have it: in lower case, without the dot at its
/// end but for the root.
///
/// # Errors
///
/// What is wrong with it.
pub fn name_as_stored(text: &str) -> Result<String, &'static str> {
    let name = match text.strip_suffix('.') {
        Some("") => ".",
        Some(name) => name,
        None => text,
    };
    if name.is_empty() {
        return Err("it is empty; the root is a dot");
    }
    if !name.is_ascii() {
        return Err("write it as DNS has it, with xn-- for other letters than those of ASCII");
    }
    if name.bytes().any(|byte| !(0x21..=0x7e).contains(&byte)) {
        return Err("other bytes than printable ones are \\DDD, three decimal digits");
    }
    Ok(name.to_ascii_lowercase())
}

impl Time {
    /// A time of so many microseconds since 1970; those before count as 1970.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
    }

    /// Microseconds since 1970; the largest number for times beyond.
    #[must_use]
    pub fn micros(self) -> i64 {
        i64::try_from(self.0.as_micros()).unwrap_or(i64::MAX)
    }

    /// A time of so many seconds since 1970, if it can be one.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        let time = Duration::try_from_secs_f64(seconds).ok()?;
        (time.as_secs() <= timestamp::LAST_SECOND).then_some(Self(time))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Timestamp(self.0).fmt(f)
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let of_number = || text.parse().ok().and_then(Self::from_seconds);
        let zoned = text.parse::<jiff::Timestamp>().ok();
        let of_text = zoned.and_then(|time| Duration::try_from(time.as_duration()).ok());
        let parsed = of_text.map(Self).or_else(of_number);
        parsed.ok_or_else(|| TimeError(text.chars().take(64).collect()))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeVisitor)
    }
}

struct TimeVisitor;

impl TimeVisitor {
    fn seconds<E: de::Error>(seconds: f64) -> Result<Time, E> {
        Time::from_seconds(seconds).ok_or_else(|| E::custom(TimeError(seconds.to_string())))
    }
}

impl Visitor<'_> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time as 2023-11-14T22:13:20Z, or seconds since 1970")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Time, E> {
        let time = Duration::from_secs(seconds);
        (seconds <= timestamp::LAST_SECOND)
            .then_some(Time(time))
            .ok_or_else(|| E::custom(TimeError(seconds.to_string())))
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Time, E> {
        match u64::try_from(seconds) {
            Ok(seconds) => self.visit_u64(seconds),
            Err(_) => Err(E::custom(TimeError(seconds.to_string()))),
        }
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Time, E> {
        Self::seconds(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<String> {
        text.parse::<Time>().ok().map(|time| time.to_string())
    }

    #[test]
    fn times_of_any_zone_and_unix_seconds_are_read() {
        let same = Some("2023-11-14T22:13:20.500000Z".to_owned());
        assert_eq!(time("2023-11-14T22:13:20.5Z"), same);
        assert_eq!(time("2023-11-14T23:13:20.5+01:00"), same);
        assert_eq!(time("1700000000.5"), same);
        for wrong in [
            "",
            "now",
            "-1",
            "1e300",
            "NaN",
            "inf",
            "253402300800",
            "2023-11-14",
        ] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_question_is_read_from_json() {
        let text = r#"{"client":"192.0.2.1","address":"203.0.113.7","at":"2023-11-14T22:13:20Z"}"#;
        let question: Question = serde_json::from_str(text).unwrap();
        assert_eq!(question.at, Some(Time(Duration::from_secs(1_700_000_000))));
        let number = text.replace(r#""2023-11-14T22:13:20Z""#, "1700000000");
        assert_eq!(serde_json::from_str::<Question>(&number).unwrap(), question);
        let minimal: Question = serde_json::from_str(r#"{"address":"2001:db8::1"}"#).unwrap();
        assert_eq!((minimal.client, minimal.at), (None, None));
        for wrong in [
            r#"{"client":"192.0.2.1"}"#,
            r#"{"address":"203.0.113.7","at":-5}"#,
            r#"{"address":"203.0.113.7","when":5}"#,
            r#"{"address":"host.example"}"#,
        ] {
            assert!(serde_json::from_str::<Question>(wrong).is_err(), "{wrong}");
        }
    }
}
