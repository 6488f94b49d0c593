//! The tables that `dnsflow-collect --to clickhouse:URL` writes.
//!
//! Values go into statements as parameters of the HTTP interface, never as text of the statement:
//! servers since 20.x know those (Debian's 18.16 does not).

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use dnsflow_names::Time;
use serde::Deserialize;

use super::Found;
use crate::error::QueryError;
use crate::question::{Question, What};
use crate::row::Row;

/// Where the server listens, if nothing else is said.
const DEFAULT_PORT: u16 = 8123;

/// How long an answer may take, if nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of an answer that are read.
const ANSWER_BYTES: u64 = 64 << 20;

/// Rows that are asked for if all are to be shown.
const MAX_ROWS: usize = 100_000;

/// What every statement selects. Addresses of IPv4 are mapped into IPv6 in the tables.
const SELECT: &str = "SELECT toString(address) AS a, toString(client) AS c, name, question, \
    toString(toUnixTimestamp64Micro(min(first))) AS f, \
    toString(toUnixTimestamp64Micro(max(last))) AS l, toString(sum(count)) AS n, max(ttl) AS t \
    FROM {database:Identifier}.{table:Identifier} \
    WHERE last >= fromUnixTimestamp64Micro({since:Int64}) \
    AND first <= fromUnixTimestamp64Micro({until:Int64})";

const GROUP: &str = " GROUP BY address, client, name, question ORDER BY max(last) DESC, a, c, name, question \
    LIMIT {limit:UInt64} FORMAT JSONEachRow";

/// A server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClickHouse {
    /// Scheme, host and port.
    address: String,
    database: String,
    table: String,
    user: Option<String>,
    password: Option<String>,
    timeout: Duration,
}

/// A row of an answer.
#[derive(Debug, Deserialize)]
struct Line {
    a: IpAddr,
    c: IpAddr,
    name: String,
    question: String,
    /// Numbers of 64 bits are texts, since JSON of servers has them in either way by a setting, and a
    /// user who may only read can't set any.
    f: String,
    l: String,
    n: String,
    t: Option<u32>,
}

/// A statement and its parameters.
type Statement = (String, Vec<(&'static str, String)>);

impl ClickHouse {
    /// From `http://[user[:password]@]host[:port][/database][?names=..&password_file=..&timeout=..]`,
    /// as the collector takes it; what it takes besides is about writing, and ignored.
    pub(crate) fn parse(url: &str) -> Result<Self, QueryError> {
        let wrong = |why| QueryError::Source("clickhouse:..".to_owned(), why);
        let form = "write clickhouse:http://[user[:password]@]host[:port][/database]";
        let rest = url.strip_prefix("http://").ok_or_else(|| wrong(form))?;
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (who, host) = match authority.rsplit_once('@') {
            Some((who, host)) => (Some(who), host),
            None => (None, authority),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(wrong(form));
        }
        let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
        let address = match behind.contains(':') {
            true => format!("http://{host}/"),
            false => format!("http://{host}:{DEFAULT_PORT}/"),
        };
        let decode = |text: &str| {
            decoded(text).ok_or_else(|| wrong("bytes besides ASCII letters and digits are %XX"))
        };
        let (user, password) = match who.map(|who| who.split_once(':').ok_or(who)) {
            None => (None, None),
            Some(Err(user)) => (Some(decode(user)?), None),
            Some(Ok((user, password))) => (Some(decode(user)?), Some(decode(password)?)),
        };
        let database = match decode(database)? {
            name if name.is_empty() => "default".to_owned(),
            name => name,
        };
        let mut server = Self {
            address,
            database,
            table: "names".to_owned(),
            user,
            password,
            timeout: DEFAULT_TIMEOUT,
        };
        for (name, value) in parameters.split('&').filter_map(|one| one.split_once('=')) {
            let value = decode(value)?;
            match name {
                "names" if value.is_empty() => {
                    return Err(wrong("names= says that the table is not written"));
                }
                "names" => server.table = value,
                "timeout" => {
                    let seconds = value.strip_suffix('s').and_then(|text| text.parse().ok());
                    let seconds =
                        seconds.ok_or_else(|| wrong("timeout is seconds, such as 60s"))?;
                    server.timeout = Duration::from_secs(seconds);
                }
                "password_file" => {
                    let text = fs::read_to_string(&value).map_err(|error| QueryError::File {
                        path: value.into(),
                        error,
                    })?;
                    server.password = Some(text.lines().next().unwrap_or_default().to_owned());
                }
                _ => {}
            }
        }
        Ok(server)
    }

    pub(crate) fn ask(&self, question: &Question) -> Result<Found, QueryError> {
        if question.at.is_some() {
            return Err(QueryError::Unanswerable(
                "--at asks a folder or the naming service; give --since and --until for ClickHouse",
            ));
        }
        let (statement, parameters) = self.statement(question);
        let agent = dnsflow_ask::agent(super::PROGRAM, self.timeout);
        let mut request = agent.post(&self.address);
        for (name, value) in &parameters {
            request = request.query(format!("param_{name}"), escaped(value));
        }
        if let Some(user) = &self.user {
            request = request.header("X-ClickHouse-User", user);
        }
        if let Some(password) = &self.password {
            request = request.header("X-ClickHouse-Key", password);
        }
        let mut bytes = Vec::new();
        let read = dnsflow_ask::read(request.send(statement), ANSWER_BYTES, &mut bytes);
        read.map_err(|error| QueryError::Server {
            address: self.address.clone(),
            reason: error.to_string(),
        })?;
        let text = String::from_utf8_lossy(&bytes);
        let rows = text.lines().map(|line| {
            let row = serde_json::from_str(line).ok().and_then(row);
            row.ok_or_else(|| QueryError::Server {
                address: self.address.clone(),
                reason: "its answer has other rows than the table that was asked for".to_owned(),
            })
        });
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(Found {
            read: format!("read {} rows of the server's answer", rows.len()),
            rows,
            ..Found::default()
        })
    }

    fn statement(&self, question: &Question) -> Statement {
        let mut statement = SELECT.to_owned();
        let micros = |time: Option<Time>, open: i64| time.map_or(open, Time::micros).to_string();
        // The largest time of DateTime64(6): 2299-12-31.
        let latest = 10_413_791_999_999_999;
        // One more than is shown says whether there are more.
        let limit = match question.limit {
            0 => MAX_ROWS,
            limit => limit.saturating_add(1).min(MAX_ROWS),
        };
        let mut parameters = vec![
            ("database", self.database.clone()),
            ("table", self.table.clone()),
            ("since", micros(question.range.since, 0)),
            ("until", micros(question.range.until, latest)),
            ("limit", limit.to_string()),
        ];
        match &question.what {
            What::Address(address) => {
                statement.push_str(" AND address = toIPv6({address:String})");
                parameters.push(("address", address.to_canonical().to_string()));
            }
            What::Name { name, is_suffix } => {
                statement.push_str(" AND (name = {name:String} OR question = {name:String}");
                if *is_suffix {
                    let below =
                        " OR endsWith(name, {below:String}) OR endsWith(question, {below:String})";
                    statement.push_str(below);
                    let below = match name.as_str() {
                        "." => String::new(),
                        name => format!(".{name}"),
                    };
                    parameters.push(("below", below));
                }
                statement.push(')');
                parameters.push(("name", name.clone()));
            }
            What::Client => {}
        }
        if let Some(client) = question.client {
            statement.push_str(" AND client = toIPv6({client:String})");
            parameters.push(("client", client.to_canonical().to_string()));
        }
        statement.push_str(GROUP);
        (statement, parameters)
    }
}

fn row(line: Line) -> Option<Row> {
    Some(Row {
        address: line.a.to_canonical(),
        client: Some(line.c.to_canonical()),
        name: line.name,
        question: Some(line.question).filter(|question| !question.is_empty()),
        first: Time::from_micros(line.f.parse().ok()?),
        last: Time::from_micros(line.l.parse().ok()?),
        count: Some(line.n.parse().ok()?),
        ttl: line.t,
        matched: None,
        confidence: None,
    })
}

/// A parameter's value: the server reads it as a field of its TabSeparated format.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\");
    value.replace('\t', "\\t").replace('\n', "\\n")
}

/// Text with `%XX` for bytes.
fn decoded(text: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use dnsflow_archive::Range;
    use jiff::tz::TimeZone;

    #[test]
    fn a_url_says_where() {
        let server =
            ClickHouse::parse("http://u%40x:p%3Aw@[2001:db8::1]/dns?names=n&create=1&timeout=5s")
                .unwrap();
        assert_eq!(server.address, "http://[2001:db8::1]:8123/");
        assert_eq!(
            (server.database.as_str(), server.table.as_str()),
            ("dns", "n")
        );
        assert_eq!(server.user.as_deref(), Some("u@x"));
        assert_eq!(server.password.as_deref(), Some("p:w"));
        assert_eq!(server.timeout, Duration::from_secs(5));
        for url in [
            "",
            "https://h/",
            "http:///x",
            "http://h/%2",
            "http://h/?names=",
            "http://h/?timeout=1h",
        ] {
            assert!(ClickHouse::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn no_value_is_part_of_a_statement() {
        let hostile = "x' or 1=1 --\\";
        let question = Question {
            what: What::Name {
                name: hostile.to_owned(),
                is_suffix: true,
            },
            client: "192.0.2.1".parse().ok(),
            range: Range::default(),
            at: None,
            limit: 10,
            zone: TimeZone::UTC,
        };
        let server = ClickHouse::parse("http://h/d%60").unwrap();
        let (statement, parameters) = server.statement(&question);
        assert!(!statement.contains("1=1") && !statement.contains('`'));
        for name in [
            "database", "table", "since", "until", "limit", "name", "below", "client",
        ] {
            assert!(parameters.iter().any(|(known, _)| *known == name));
            assert!(statement.contains(&format!("{{{name}:")), "{name}");
        }
        assert_eq!(escaped(hostile), "x' or 1=1 --\\\\");
    }
}
