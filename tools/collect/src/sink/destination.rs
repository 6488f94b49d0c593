//! Where `--to` points to: the kind of a sink, and what it is told.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::{Sink, clickhouse, ipfix, jsonl, nats, parquet};

/// A store, as `--to` names it.
#[derive(Clone, Debug)]
pub struct Destination {
    /// As it was given, without what is secret.
    shown: String,
    kind: Kind,
}

/// Text that is not to be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

impl Secret {
    /// The first line of a file.
    pub(super) fn read(path: &str) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        Ok(Self(text.lines().next().unwrap_or_default().to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The kinds of sinks, each with its own parameters.
#[derive(Clone, Debug)]
enum Kind {
    Jsonl(jsonl::Options),
    Parquet(parquet::Options),
    ClickHouse(clickhouse::Options),
    Ipfix(ipfix::Options),
    Nats(nats::Options),
    #[cfg(feature = "kafka")]
    Kafka(super::kafka::Options),
}

/// Why a text is no destination.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DestinationError {
    /// It has no scheme, or one that is not known.
    #[error(
        "expected one of jsonl:, parquet:, clickhouse:, ipfix:, nats:, kafka:, as in jsonl:/var/lib/dnsflow"
    )]
    Scheme,
    /// The library of Kafka is a feature of the build.
    #[cfg(not(feature = "kafka"))]
    #[error(
        "kafka: this build has no Kafka: build it with cargo build --release --package dnsflow-collect --features kafka,tls"
    )]
    NoKafka,
    /// The sink says what is wrong.
    #[error("{0}")]
    Sink(String),
}

impl Destination {
    /// What it is called in messages and metrics: as it was given, without what is secret.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shown
    }

    /// What it is called in the spool: letters, digits and dashes, the same one at each start.
    #[must_use]
    pub fn file_name(&self) -> String {
        let plain = |part: char| {
            if part.is_ascii_alphanumeric() {
                part
            } else {
                '-'
            }
        };
        let name: String = self.shown.chars().take(MAX_FILE_NAME).map(plain).collect();
        format!("{name}-{:08x}", crc32fast::hash(self.shown.as_bytes()))
    }

    /// The sink, for the collector of that number.
    #[must_use]
    pub fn sink(&self, collector: u64) -> Box<dyn Sink> {
        match &self.kind {
            Kind::Jsonl(options) => Box::new(jsonl::Jsonl::new(options.clone(), collector)),
            Kind::Parquet(options) => Box::new(parquet::Parquet::new(options.clone(), collector)),
            Kind::ClickHouse(options) => Box::new(clickhouse::ClickHouse::new(options.clone())),
            Kind::Ipfix(options) => Box::new(ipfix::Ipfix::new(options.clone())),
            Kind::Nats(options) => Box::new(nats::Nats::new(options.clone())),
            #[cfg(feature = "kafka")]
            Kind::Kafka(options) => Box::new(super::kafka::Kafka::new(options.clone())),
        }
    }
}

/// Letters of a destination that are in the name of its file in the spool.
const MAX_FILE_NAME: usize = 80;

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let (scheme, rest) = text.split_once(':').ok_or(DestinationError::Scheme)?;
        let wrong = |error: &dyn fmt::Display| DestinationError::Sink(error.to_string());
        let kind = match scheme {
            "jsonl" => Kind::Jsonl(jsonl::Options::parse(rest).map_err(|error| wrong(&error))?),
            "parquet" => {
                Kind::Parquet(parquet::Options::parse(rest).map_err(|error| wrong(&error))?)
            }
            "clickhouse" => {
                let options = rest.parse::<clickhouse::Options>();
                Kind::ClickHouse(options.map_err(|error| wrong(&error))?)
            }
            "ipfix" => Kind::Ipfix(ipfix::Options::parse(rest).map_err(|error| wrong(&error))?),
            "nats" | "nats+tls" => {
                Kind::Nats(nats::Options::parse(scheme, rest).map_err(|error| wrong(&error))?)
            }
            #[cfg(feature = "kafka")]
            "kafka" | "kafka+tls" => {
                let options = super::kafka::Options::parse(scheme, rest);
                Kind::Kafka(options.map_err(|error| wrong(&error))?)
            }
            #[cfg(not(feature = "kafka"))]
            "kafka" | "kafka+tls" => return Err(DestinationError::NoKafka),
            _ => return Err(DestinationError::Scheme),
        };
        Ok(Self {
            shown: shown(text),
            kind,
        })
    }
}

/// The destination without parameters, and without a user and a password, which may be secret.
fn shown(text: &str) -> String {
    let place = text.split_once('?').map_or(text, |(place, _)| place);
    let Some((scheme, behind)) = place.split_once("://") else {
        return place.to_owned();
    };
    let host_ends = behind.find('/').unwrap_or(behind.len());
    let host_starts = behind.get(..host_ends).and_then(|host| host.rfind('@'));
    let host = host_starts.and_then(|at| behind.get(at + 1..));
    format!("{scheme}://{}", host.unwrap_or(behind))
}

/// Divides what is behind the scheme into the place and its parameters.
pub(super) fn divide(text: &str) -> (&str, impl Iterator<Item = (&str, &str)>) {
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    let parameters =
        parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    (place, parameters)
}

/// The host of `host[:port]`, without the brackets of an address of IPv6, and its port or `default`; `None` if that is
/// none.
pub(super) fn host_and_port(text: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(behind) => {
            let (host, port) = behind.split_once(']')?;
            (host, port.strip_prefix(':'))
        }
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        Some(digits) => digits.parse().ok().filter(|port| *port > 0)?,
        None => default,
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_host)).then_some((host, port))
}

/// Text with `%XX` for bytes; `None` if it is not readable.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// Reads a time such as `90s`, `10m`, `1h` or `1d`; a number alone is seconds.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|part: char| part.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    (seconds > 0).then_some(Duration::from_secs(seconds))
}

/// Reads a size in bytes such as `64M`, `1G`; a number alone is bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|part: char| part.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    let bytes = digits.parse::<u64>().ok()?.checked_mul(1 << unit)?;
    (bytes > 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        assert_eq!(duration("90"), Some(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Some(Duration::from_secs(600)));
        assert_eq!(duration("1d"), Some(Duration::from_secs(86_400)));
        for wrong in ["", "s", "1x", "0", "1.5h", "-1", "99999999999999999999d"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        assert_eq!(size("1G"), Some(1 << 30));
        assert_eq!(size("64K"), Some(64 << 10));
        assert_eq!(size("12"), Some(12));
        for wrong in ["", "G", "0", "1k", "99999999999999999999", "99999999999G"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn destinations() {
        let to: Destination = "jsonl:/var/lib/dns?every=1h".parse().expect("one");
        assert_eq!(to.name(), "jsonl:/var/lib/dns");
        assert!(to.file_name().starts_with("jsonl--var-lib-dns-"));
        let stored: Destination = "clickhouse:http://me:secret@h:8123/d?rows=5"
            .parse()
            .expect("one");
        assert_eq!(stored.name(), "clickhouse:http://h:8123/d");
        let error = |text: &str| text.parse::<Destination>().expect_err("none").to_string();
        assert!(error("/var/lib").contains("expected one of"));
        assert!(error("mysql:x").contains("expected one of"));
        assert!(error("jsonl:x?evry=1h").contains("evry"));
        let to: Destination = "ipfix:udp://flows:4739?rate=9".parse().expect("one");
        assert_eq!(to.name(), "ipfix:udp://flows:4739");
        assert!(error("ipfix:flows").contains("udp://HOST:PORT"));
        let to: Destination = "nats://me:secret@a:4222,b/dns?stream=S"
            .parse()
            .expect("one");
        assert_eq!(to.name(), "nats://a:4222,b/dns");
        assert!(error("nats:h").contains("nats://"));
        #[cfg(not(feature = "kafka"))]
        assert!(error("kafka://h/t").contains("--features kafka"));
    }
}
