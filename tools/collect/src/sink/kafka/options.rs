//! What `--to kafka://..` is told.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::sink::destination::{Secret, decoded, divide, duration, host_and_port, size};
use crate::sink::lines::Form;

/// Where brokers listen, if nothing else is said.
const DEFAULT_PORT: u16 = 9092;

/// The topic, if nothing else is said.
const DEFAULT_TOPIC: &str = "dnsflow";

/// Bytes of a topic's name (`Topic.MAX_NAME_LENGTH` of Kafka).
const MAX_TOPIC_BYTES: usize = 249;

/// How long a record may take to be acknowledged, if nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest time that a record may be given.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// Bytes of a message, if nothing else is said: a little less than what brokers take.
const DEFAULT_MESSAGE_BYTES: u64 = 1_000_000;

/// The least and the most bytes of a message.
const MESSAGE_BYTES: std::ops::RangeInclusive<u64> = 4 << 10..=64 << 20;

/// Where and how to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Brokers that are asked for all others: host and port of each.
    pub(super) brokers: Vec<String>,
    pub(super) has_tls: bool,
    /// The topic of records.
    pub(super) topic: String,
    /// The topic of statistics; without it, they are not written.
    pub(super) statistics: Option<String>,
    pub(super) login: Option<(String, Secret)>,
    pub(super) mechanism: &'static str,
    /// PEM file of certificates that are trusted instead of those of the system.
    pub(super) authorities: Option<PathBuf>,
    pub(super) form: Form,
    pub(super) compression: &'static str,
    /// The most bytes of a message.
    pub(super) message: u64,
    pub(super) timeout: Duration,
}

/// Why text says nothing that can be written to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// It is no URL of Kafka.
    #[error(
        "kafka: the URL has to be kafka://[user[:password]@]host[:port][,host..][/topic][?..], or kafka+tls"
    )]
    Url,
    /// Topics can't have all names.
    #[error(
        "kafka: {0:?} is no topic: it has letters, digits, dots, dashes and underscores, up to 249"
    )]
    Topic(String),
    /// A part of it has bytes that can't stand there.
    #[error("kafka: the {0} is not readable: bytes besides ASCII letters and digits are %XX")]
    Encoding(&'static str),
    /// TLS, or what needs its library, without the feature.
    #[error("kafka: {0}: this build has no TLS: build it with the features kafka and tls")]
    NoTls(&'static str),
    /// A parameter that there isn't.
    #[error("kafka: there is no parameter {0:?}; there are {KNOWN}")]
    Unknown(String),
    /// A value that a parameter can't have.
    #[error("kafka: {name}={value} is not possible: {wanted}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// A file that can't be read.
    #[error("kafka: password_file={path}: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: String,
    },
    /// A user without a password, or the other way round.
    #[error("kafka: give a user with password or password_file, or neither")]
    Login,
}

/// All parameters.
const KNOWN: &str = "statistics, form, compression, message, timeout, sasl, password_file, ca";

impl Options {
    /// Reads what stands behind `kafka:` or `kafka+tls:`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(scheme: &str, text: &str) -> Result<Self, OptionsError> {
        let has_tls = scheme == "kafka+tls";
        if has_tls && !cfg!(feature = "tls") {
            return Err(OptionsError::NoTls("kafka+tls"));
        }
        let rest = text.strip_prefix("//").ok_or(OptionsError::Url)?;
        let (rest, parameters) = divide(rest);
        let (authority, name) = rest.split_once('/').unwrap_or((rest, DEFAULT_TOPIC));
        let (who, hosts) = match authority.rsplit_once('@') {
            Some((who, hosts)) => (Some(who), hosts),
            None => (None, authority),
        };
        let brokers: Option<Vec<_>> = hosts.split(',').map(broker).collect();
        let (user, mut password) = match who.map(|who| who.split_once(':').ok_or(who)) {
            None => (None, None),
            Some(Err(user)) => (Some(readable(user, "user")?), None),
            Some(Ok((user, password))) => (
                Some(readable(user, "user")?),
                Some(Secret(readable(password, "password")?)),
            ),
        };
        let mut options = Self {
            brokers: brokers.ok_or(OptionsError::Url)?,
            has_tls,
            topic: topic(if name.is_empty() { DEFAULT_TOPIC } else { name })?,
            statistics: None,
            login: None,
            mechanism: "PLAIN",
            authorities: None,
            form: Form::Keys,
            compression: "zstd",
            message: DEFAULT_MESSAGE_BYTES,
            timeout: DEFAULT_TIMEOUT,
        };
        for (name, value) in parameters {
            let value = readable(value, "value of a parameter")?;
            match name {
                "password_file" => match Secret::read(&value) {
                    Ok(secret) => password = Some(secret),
                    Err(error) => {
                        return Err(OptionsError::File {
                            path: value,
                            error: error.to_string(),
                        });
                    }
                },
                _ => options.set(name, value)?,
            }
        }
        options.login = match (user, password) {
            (None, None) => None,
            (Some(user), Some(password)) => Some((user, password)),
            _ => return Err(OptionsError::Login),
        };
        if options.form == Form::Ecs && options.statistics.is_some() {
            let name = options.statistics.unwrap_or_default();
            return Err(wrong("statistics", name, "form=ecs has no statistics"));
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), OptionsError> {
        match name {
            "statistics" => self.statistics = Some(topic(&value)?),
            "form" => match Form::named(&value) {
                Some(form) => self.form = form,
                None => return Err(wrong("form", value, "keys or ecs")),
            },
            "compression" => {
                self.compression = match value.as_str() {
                    "zstd" => "zstd",
                    "lz4" => "lz4",
                    "none" => "none",
                    _ => return Err(wrong("compression", value, "zstd, lz4 or none")),
                }
            }
            "sasl" => {
                self.mechanism = match value.as_str() {
                    "plain" => "PLAIN",
                    "scram-sha-256" if cfg!(feature = "tls") => "SCRAM-SHA-256",
                    "scram-sha-512" if cfg!(feature = "tls") => "SCRAM-SHA-512",
                    "scram-sha-256" | "scram-sha-512" => return Err(OptionsError::NoTls("sasl")),
                    _ => {
                        let wanted = "plain, scram-sha-256 or scram-sha-512";
                        return Err(wrong("sasl", value, wanted));
                    }
                }
            }
            "message" => match size(&value).filter(|bytes| MESSAGE_BYTES.contains(bytes)) {
                Some(bytes) => self.message = bytes,
                None => return Err(wrong("message", value, "bytes, 4K to 64M")),
            },
            "timeout" => match duration(&value).filter(|time| *time <= MAX_TIMEOUT) {
                Some(time) => self.timeout = time,
                None => return Err(wrong("timeout", value, "1s to 1h")),
            },
            "ca" if self.has_tls => self.authorities = Some(value.into()),
            "ca" => return Err(wrong("ca", value, "it is about TLS, as in kafka+tls://")),
            _ => return Err(OptionsError::Unknown(name.to_owned())),
        }
        Ok(())
    }

    /// All topics that are written.
    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.topic.as_str()).chain(self.statistics.as_deref())
    }

    /// The command that makes a topic.
    pub(super) fn create_topic(&self, topic: &str) -> String {
        format!(
            "kafka-topics.sh --bootstrap-server {} --create --topic {topic} --partitions 6",
            self.brokers.join(",")
        )
    }

    /// The command that gives the right to write to a topic.
    pub(super) fn allow(&self, topic: &str) -> String {
        let user = self.login.as_ref().map_or("ANONYMOUS", |(user, _)| user);
        format!(
            "kafka-acls.sh --bootstrap-server {} --add --allow-principal 'User:{user}' \
             --operation Describe --operation Write --topic {topic}",
            self.brokers.join(",")
        )
    }
}

fn broker(text: &str) -> Option<String> {
    let (host, port) = host_and_port(text, DEFAULT_PORT)?;
    match host.contains(':') {
        true => Some(format!("[{host}]:{port}")),
        false => Some(format!("{host}:{port}")),
    }
}

fn topic(text: &str) -> Result<String, OptionsError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = !matches!(text, "" | "." | "..") && text.len() <= MAX_TOPIC_BYTES;
    match is_name && text.bytes().all(is_plain) {
        true => Ok(text.to_owned()),
        false => Err(OptionsError::Topic(text.to_owned())),
    }
}

fn readable(text: &str, what: &'static str) -> Result<String, OptionsError> {
    let text = decoded(text).ok_or(OptionsError::Encoding(what))?;
    // The library takes texts up to a zero byte.
    match text.bytes().any(|byte| byte.is_ascii_control()) {
        true => Err(OptionsError::Encoding(what)),
        false => Ok(text),
    }
}

fn wrong(name: &'static str, value: String, wanted: &'static str) -> OptionsError {
    OptionsError::Value {
        name,
        value,
        wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        Options::parse("kafka", text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_says_where() {
        let options = parse("//u%40x:p%3Aw@a,[2001:db8::1]:9/dns.flow?statistics=s&message=64K");
        let options = options.expect("it is right");
        assert_eq!(options.brokers, ["a:9092", "[2001:db8::1]:9"]);
        let login = ("u@x".to_owned(), Secret("p:w".to_owned()));
        assert_eq!(options.login, Some(login));
        assert!(!format!("{options:?}").contains("p:w"));
        assert_eq!(options.topics().collect::<Vec<_>>(), ["dns.flow", "s"]);
        assert_eq!(parse("//h").expect("it is right").topic, "dnsflow");
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, wanted) in [
            ("h", "the URL has to be"),
            ("//", "the URL has to be"),
            ("//h:port", "the URL has to be"),
            ("//a,,b", "the URL has to be"),
            ("//h/a b", "is no topic"),
            ("//h/..", "is no topic"),
            ("//h?colour=red", "there is no parameter \"colour\""),
            ("//h?message=1K", "4K to 64M"),
            ("//h?timeout=2h", "1s to 1h"),
            ("//h?form=xml", "keys or ecs"),
            ("//h?form=ecs&statistics=s", "form=ecs has no statistics"),
            ("//h?compression=gzip", "zstd, lz4 or none"),
            ("//h?sasl=gssapi", "plain, scram-sha-256"),
            ("//h?ca=x", "as in kafka+tls://"),
            ("//u@h", "give a user with password"),
            ("//h?password_file=/nowhere/at/all", "No such file"),
            ("//u:a%00b@h", "the password is not readable"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
