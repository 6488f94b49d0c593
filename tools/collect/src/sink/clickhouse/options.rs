//! What `--to clickhouse:URL` says.

use std::iter;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::schema::{self, quoted};
use crate::sink::destination::{self, Secret, divide};

/// Rows of `responses` in an insert, if nothing else is said.
const DEFAULT_ROWS: usize = 100_000;

/// The most rows of `responses` in an insert. A server makes one block of up to 1,048,449 rows, and
/// knows an insert that comes again by blocks.
const MAX_ROWS: usize = 1_000_000;

/// How long a request may take, if nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the server listens by HTTP, and by HTTPS, if nothing else is said.
const DEFAULT_PORTS: (u16, u16) = (8123, 8443);

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// A row for each record.
    Responses,
    /// Which names addresses had for a client, by hour.
    Names,
    /// Which clients had to do with a name, by hour.
    Clients,
}

impl Table {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 3] = [Self::Responses, Self::Names, Self::Clients];
}

/// How the body of an insert is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// By LZ4, in its frame format.
    #[default]
    Lz4,
    /// By gzip: for servers before 22.1, and twice the time of all the rest.
    Gzip,
}

/// Where and how to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Scheme, host and port.
    pub(super) address: String,
    pub(super) database: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    names: [String; 3],
    pub(super) create: bool,
    pub(super) retention_days: Option<u32>,
    pub(super) cluster: Option<String>,
    pub(super) compression: Compression,
    pub(super) rows: usize,
    pub(super) timeout: Duration,
    /// PEM file of certificates that are trusted instead of the public ones.
    pub(super) authorities: Option<PathBuf>,
}

/// Why text says nothing that can be written to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// It is no URL of HTTP.
    #[error(
        "clickhouse: the URL has to be http://[user[:password]@]host[:port][/database][?..], or https"
    )]
    Url,
    /// A part of it has bytes that can't stand there.
    #[error("clickhouse: the {0} is not readable: bytes besides ASCII letters and digits are %XX")]
    Encoding(&'static str),
    /// HTTPS, without the feature.
    #[error("clickhouse: this build has no TLS: use http, or build it with the feature tls")]
    NoTls,
    /// A parameter that there isn't.
    #[error("clickhouse: there is no parameter {0:?}; there are {KNOWN}")]
    Unknown(String),
    /// `every`, which other stores have.
    #[error(
        "clickhouse: there is no parameter \"every\": each batch is an insert by itself, so that it is the same one when it comes again; make the collector close batches later instead"
    )]
    Every,
    /// A value that a parameter can't have.
    #[error("clickhouse: {name}={value} is not possible: {wanted}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// A file that can't be read.
    #[error("clickhouse: {name}={path}: {error}")]
    File {
        /// The parameter.
        name: &'static str,
        /// The file.
        path: String,
        /// Why.
        error: String,
    },
}

/// All parameters.
const KNOWN: &str = "table, names, clients, create, retention, cluster, compression, rows, timeout, password_file, ca";

impl Options {
    /// The statements that create the tables, for somebody who has the right to.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        let tables = self.tables().flat_map(|table| schema::create(self, table));
        iter::once(schema::create_database(self))
            .chain(tables)
            .collect()
    }

    /// A table's name; empty if it is not to be written.
    pub(super) fn name(&self, table: Table) -> &str {
        let [responses, names, clients] = &self.names;
        match table {
            Table::Responses => responses,
            Table::Names => names,
            Table::Clients => clients,
        }
    }

    /// The tables that are written.
    pub(super) fn tables(&self) -> impl Iterator<Item = Table> {
        Table::ALL
            .into_iter()
            .filter(|&table| !self.name(table).is_empty())
    }

    /// The user, as statements name it.
    pub(super) fn grantee(&self) -> String {
        quoted(self.user.as_deref().unwrap_or("default"))
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), OptionsError> {
        match name {
            "table" if value.is_empty() => {
                return Err(wrong(
                    "table",
                    value,
                    "it is the name of the table of responses",
                ));
            }
            "table" => self.names[0] = value,
            "names" => self.names[1] = value,
            "clients" => self.names[2] = value,
            "create" => {
                self.create = match value.as_str() {
                    "1" => true,
                    "0" => false,
                    _ => {
                        return Err(wrong(
                            "create",
                            value,
                            "1 creates what is missing, 0 does not",
                        ));
                    }
                }
            }
            "retention" => {
                let days = value.strip_suffix('d').and_then(|days| days.parse().ok());
                if !matches!(days, Some(1..=36_500)) {
                    return Err(wrong(
                        "retention",
                        value,
                        "days, such as 30d, at most 36500d",
                    ));
                }
                self.retention_days = days;
            }
            "cluster" if value.is_empty() => {
                return Err(wrong("cluster", value, "it is a name of system.clusters"));
            }
            "cluster" => self.cluster = Some(value),
            "compression" => {
                self.compression = match value.as_str() {
                    "none" => Compression::None,
                    "lz4" => Compression::Lz4,
                    "gzip" => Compression::Gzip,
                    _ => return Err(wrong("compression", value, "none, lz4 or gzip")),
                }
            }
            "rows" => match value.parse() {
                Ok(rows @ 1..=MAX_ROWS) => self.rows = rows,
                _ => return Err(wrong("rows", value, "1 to 1000000")),
            },
            "timeout" => {
                let seconds = value.strip_suffix('s').and_then(|text| text.parse().ok());
                match seconds {
                    Some(seconds @ 1..=3600) => self.timeout = Duration::from_secs(seconds),
                    _ => return Err(wrong("timeout", value, "1s to 3600s")),
                }
            }
            "password_file" => {
                let read = Secret::read(&value).map_err(|error| OptionsError::File {
                    name: "password_file",
                    path: value,
                    error: error.to_string(),
                })?;
                self.password = Some(read);
            }
            "ca" => self.authorities = Some(value.into()),
            "every" => return Err(OptionsError::Every),
            _ => return Err(OptionsError::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

impl FromStr for Options {
    type Err = OptionsError;

    /// From `http://[user[:password]@]host[:port][/database][?parameter=value&..]`.
    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let (scheme, rest) = text.split_once("://").ok_or(OptionsError::Url)?;
        let port = match scheme {
            "http" => DEFAULT_PORTS.0,
            "https" if cfg!(feature = "tls") => DEFAULT_PORTS.1,
            "https" => return Err(OptionsError::NoTls),
            _ => return Err(OptionsError::Url),
        };
        let (rest, parameters) = divide(rest);
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (who, host) = match authority.rsplit_once('@') {
            Some((who, host)) => (Some(who), host),
            None => (None, authority),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(OptionsError::Url);
        }
        let has_port = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
        let address = match has_port.rsplit_once(':') {
            Some((_, digits)) if digits.parse::<u16>().is_err() => return Err(OptionsError::Url),
            Some(_) => format!("{scheme}://{host}/"),
            None => format!("{scheme}://{host}:{port}/"),
        };
        let (user, password) = match who.map(|who| who.split_once(':').ok_or(who)) {
            None => (None, None),
            Some(Err(user)) => (Some(user), None),
            Some(Ok((user, password))) => (Some(user), Some(password)),
        };
        let decode = |text: Option<&str>, what| text.map(|text| decoded(text, what)).transpose();
        let database = match decoded(database, "database")? {
            name if name.is_empty() => String::from("default"),
            name => name,
        };
        let mut options = Self {
            address,
            database,
            user: decode(user, "user")?,
            password: decode(password, "password")?.map(Secret),
            names: ["responses", "names", "clients"].map(String::from),
            create: false,
            retention_days: None,
            cluster: None,
            compression: Compression::default(),
            rows: DEFAULT_ROWS,
            timeout: DEFAULT_TIMEOUT,
            authorities: None,
        };
        for (name, value) in parameters {
            options.set(name, decoded(value, "value of a parameter")?)?;
        }
        options.check()
    }
}

impl Options {
    /// What parameters say together.
    fn check(self) -> Result<Self, OptionsError> {
        let wanted = "it says how tables are created: give create=1 too";
        match (&self.cluster, self.retention_days) {
            (Some(name), _) if !self.create => Err(wrong("cluster", name.clone(), wanted)),
            (_, Some(days)) if !self.create => Err(wrong("retention", format!("{days}d"), wanted)),
            _ => {
                let controls = |text: &str| text.bytes().any(|byte| byte.is_ascii_control());
                if self.user.as_deref().is_some_and(controls) {
                    return Err(OptionsError::Encoding("user"));
                }
                if self.password.as_ref().is_some_and(|text| controls(&text.0)) {
                    return Err(OptionsError::Encoding("password"));
                }
                Ok(self)
            }
        }
    }
}

fn wrong(name: &'static str, value: String, wanted: &'static str) -> OptionsError {
    OptionsError::Value {
        name,
        value,
        wanted,
    }
}

/// Text with `%XX` for bytes.
fn decoded(text: &str, what: &'static str) -> Result<String, OptionsError> {
    destination::decoded(text).ok_or(OptionsError::Encoding(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        text.parse()
            .map_err(|error: OptionsError| error.to_string())
    }

    #[test]
    fn a_url_says_where() {
        let options =
            parse("http://u%40x:p%3Aw@[2001:db8::1]:8124/dns?table=r&names=&rows=5").unwrap();
        assert_eq!(options.address, "http://[2001:db8::1]:8124/");
        assert_eq!(options.database, "dns");
        assert_eq!(options.user.as_deref(), Some("u@x"));
        assert_eq!(options.password, Some(Secret("p:w".into())));
        assert_eq!(options.rows, 5);
        let tables: Vec<_> = options.tables().collect();
        assert_eq!(tables, [Table::Responses, Table::Clients]);
        assert!(!format!("{options:?}").contains("p:w"));
        let options = parse("http://[2001:db8::1]").unwrap();
        assert_eq!(options.address, "http://[2001:db8::1]:8123/");
        assert_eq!(options.database, "default");
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, wanted) in [
            ("ftp://h/", "the URL has to be"),
            ("http:///x", "the URL has to be"),
            ("http://h:port/x", "the URL has to be"),
            ("http://h/x%2", "the database is not readable"),
            (
                "http://h/?colour=red",
                "there is no parameter \"colour\"; there are table, names",
            ),
            ("http://h/?rows=0", "rows=0 is not possible: 1 to 1000000"),
            ("http://h/?create=yes", "create=yes is not possible"),
            ("http://h/?create=1&retention=30", "days, such as 30d"),
            ("http://h/?retention=30d", "give create=1 too"),
            ("http://h/?cluster=c", "give create=1 too"),
            ("http://h/?timeout=1h", "1s to 3600s"),
            ("http://h/?every=1s", "each batch is an insert by itself"),
            ("http://u:a%0ab@h/", "the password is not readable"),
            ("http://h/?password_file=/nowhere/at/all", "No such file"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
