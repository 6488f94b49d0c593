//! What `--to nats://..` is told.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::sink::destination::{Secret, decoded, divide, duration, host_and_port, size};
use crate::sink::lines::Form;

/// Where servers listen, if nothing else is said.
const DEFAULT_PORT: u16 = 4222;

/// What subjects begin with, if nothing else is said.
const DEFAULT_PREFIX: &str = "dnsflow";

/// The longest prefix of subjects, in bytes.
const MAX_PREFIX_BYTES: usize = 128;

/// The most servers of one cluster.
const MAX_SERVERS: usize = 16;

/// How long a server may take to answer, if nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest time that a server may be given.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// Bytes of a message with its headers, if nothing else is said: half of what servers take unless
/// they are told otherwise.
const DEFAULT_MESSAGE_BYTES: u64 = 512 << 10;

/// The least and the most bytes of a message. Servers advise against more than 8 MiB.
const MESSAGE_BYTES: std::ops::RangeInclusive<u64> = 4 << 10..=8 << 20;

/// Where and how to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Hosts and ports, of which one is connected to.
    pub(super) servers: Vec<Server>,
    /// Whether there is no connection without TLS. A server that demands it gets it anyway.
    pub(super) wants_tls: bool,
    /// What subjects begin with.
    pub(super) prefix: String,
    /// The stream that has to take them; whichever does, unless it is told.
    pub(super) stream: Option<String>,
    pub(super) login: Login,
    /// PEM file of certificates that are trusted instead of the public ones.
    pub(super) authorities: Option<PathBuf>,
    pub(super) form: Form,
    /// The most bytes of a message with its headers.
    pub(super) message: usize,
    pub(super) timeout: Duration,
}

/// A server, as a certificate and a socket want it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Who this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    Nobody,
    Password {
        user: String,
        password: Secret,
    },
    Token(Secret),
    /// A file of credentials: a JWT with the seed of its key, or a seed alone. Read at each
    /// connection, so that a new file counts without a restart.
    Key(PathBuf),
}

/// Why text says nothing that can be written to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// It is no URL of NATS.
    #[error(
        "nats: the URL has to be nats://[user[:password]@]host[:port][,host..][/prefix][?..], or nats+tls"
    )]
    Url,
    /// Tokens of subjects can't have all characters.
    #[error(
        "nats: the prefix {0:?} is no subject: it has letters, digits, dashes and underscores, with dots between"
    )]
    Prefix(String),
    /// A part of it has bytes that can't stand there.
    #[error("nats: the {0} is not readable: bytes besides ASCII letters and digits are %XX")]
    Encoding(&'static str),
    /// TLS or keys, without the feature.
    #[error("nats: {0}: this build has no TLS and no keys: build it with the feature tls")]
    NoTls(&'static str),
    /// A parameter that there isn't.
    #[error("nats: there is no parameter {0:?}; there are {KNOWN}")]
    Unknown(String),
    /// A value that a parameter can't have.
    #[error("nats: {name}={value} is not possible: {wanted}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// A file that can't be read.
    #[error("nats: {name}={path}: {error}")]
    File {
        /// The parameter.
        name: &'static str,
        /// The file.
        path: String,
        /// Why.
        error: String,
    },
    /// A user and a token, or a password without a user.
    #[error(
        "nats: give a user with password or password_file, or token_file, or creds, and nothing else of them"
    )]
    Login,
}

/// All parameters.
const KNOWN: &str = "stream, form, message, timeout, password_file, token_file, creds, ca";

/// What was said of who this is.
#[derive(Default)]
struct Said {
    user: Option<String>,
    password: Option<Secret>,
    token: Option<Secret>,
    key: Option<PathBuf>,
}

impl Options {
    /// Reads what stands behind `nats:` or `nats+tls:`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(scheme: &str, text: &str) -> Result<Self, OptionsError> {
        let wants_tls = scheme == "nats+tls";
        if wants_tls && !cfg!(feature = "tls") {
            return Err(OptionsError::NoTls("nats+tls"));
        }
        let rest = text.strip_prefix("//").ok_or(OptionsError::Url)?;
        let (rest, parameters) = divide(rest);
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let (who, hosts) = match authority.rsplit_once('@') {
            Some((who, hosts)) => (Some(who), hosts),
            None => (None, authority),
        };
        let servers: Option<Vec<_>> = hosts.split(',').map(server).collect();
        let servers = servers.ok_or(OptionsError::Url)?;
        if servers.len() > MAX_SERVERS {
            return Err(OptionsError::Url);
        }
        let mut said = Said::default();
        if let Some(who) = who {
            let (user, password) = who.split_once(':').unzip();
            said.user = Some(readable(user.unwrap_or(who), "user")?);
            let password = password
                .map(|text| readable(text, "password"))
                .transpose()?;
            said.password = password.map(Secret);
        }
        let mut options = Self {
            servers,
            wants_tls,
            prefix: subject(prefix)?,
            stream: None,
            login: Login::Nobody,
            authorities: None,
            form: Form::Keys,
            message: usize::try_from(DEFAULT_MESSAGE_BYTES).unwrap_or(usize::MAX),
            timeout: DEFAULT_TIMEOUT,
        };
        for (name, value) in parameters {
            options.set(&mut said, name, readable(value, "value of a parameter")?)?;
        }
        options.login = said.login()?;
        Ok(options)
    }

    fn set(&mut self, said: &mut Said, name: &str, value: String) -> Result<(), OptionsError> {
        match name {
            "stream" if is_stream(&value) => self.stream = Some(value),
            "stream" => return Err(wrong("stream", value, "the name of a stream")),
            "form" => match Form::named(&value) {
                Some(form) => self.form = form,
                None => return Err(wrong("form", value, "keys or ecs")),
            },
            "message" => match size(&value).filter(|bytes| MESSAGE_BYTES.contains(bytes)) {
                Some(bytes) => self.message = usize::try_from(bytes).unwrap_or(usize::MAX),
                None => return Err(wrong("message", value, "bytes, 4K to 8M")),
            },
            "timeout" => match duration(&value).filter(|time| *time <= MAX_TIMEOUT) {
                Some(time) => self.timeout = time,
                None => return Err(wrong("timeout", value, "1s to 1h")),
            },
            "password_file" => said.password = Some(secret("password_file", value)?),
            "token_file" => said.token = Some(secret("token_file", value)?),
            "creds" if cfg!(feature = "tls") => said.key = Some(value.into()),
            "creds" => return Err(OptionsError::NoTls("creds")),
            "ca" if cfg!(feature = "tls") => self.authorities = Some(value.into()),
            "ca" => return Err(OptionsError::NoTls("ca")),
            _ => return Err(OptionsError::Unknown(name.to_owned())),
        }
        Ok(())
    }

    /// What this may be allowed to do, for whoever gives rights.
    pub(super) fn rights(&self) -> String {
        format!(
            "permissions: {{ publish: [\"{prefix}.>\", \"$JS.API.STREAM.NAMES\", \
             \"$JS.API.STREAM.INFO.*\", \"$JS.API.STREAM.MSG.GET.*\"], subscribe: \"_INBOX.>\" }}",
            prefix = self.prefix
        )
    }

    /// The command that makes a stream for this.
    pub(super) fn add_stream(&self) -> String {
        format!(
            "nats stream add {} --subjects '{}.*.*' --storage file --discard new --dupe-window 1h \
             --max-msg-size {} --defaults",
            self.stream.as_deref().unwrap_or("DNSFLOW"),
            self.prefix,
            self.message
        )
    }
}

impl Said {
    fn login(self) -> Result<Login, OptionsError> {
        match (self.user, self.password, self.token, self.key) {
            (None, None, None, None) => Ok(Login::Nobody),
            (Some(user), Some(password), None, None) => Ok(Login::Password { user, password }),
            (None, None, Some(token), None) => Ok(Login::Token(token)),
            (None, None, None, Some(path)) => Ok(Login::Key(path)),
            _ => Err(OptionsError::Login),
        }
    }
}

fn server(text: &str) -> Option<Server> {
    let (host, port) = host_and_port(text, DEFAULT_PORT)?;
    let host = host.to_owned();
    Some(Server { host, port })
}

fn subject(text: &str) -> Result<String, OptionsError> {
    if text.is_empty() {
        return Ok(DEFAULT_PREFIX.to_owned());
    }
    let is_token = |token: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !token.is_empty() && token.bytes().all(is_plain)
    };
    if text.len() > MAX_PREFIX_BYTES || !text.split('.').all(is_token) {
        return Err(OptionsError::Prefix(text.to_owned()));
    }
    Ok(text.to_owned())
}

/// Whether it can be the name of a stream and a token of a subject.
fn is_stream(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b".*>/\\\"".contains(&byte);
    !text.is_empty() && text.len() <= MAX_PREFIX_BYTES && text.bytes().all(is_plain)
}

fn secret(name: &'static str, path: String) -> Result<Secret, OptionsError> {
    Secret::read(&path).map_err(|error| OptionsError::File {
        name,
        path,
        error: error.to_string(),
    })
}

fn readable(text: &str, what: &'static str) -> Result<String, OptionsError> {
    decoded(text).ok_or(OptionsError::Encoding(what))
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
        Options::parse("nats", text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_says_where() {
        let options = parse("//u%40x:p%3Aw@a,[2001:db8::1]:4223/dns.flow?stream=S&message=64K");
        let options = options.expect("it is right");
        let at = |host: &str, port| Server {
            host: host.to_owned(),
            port,
        };
        assert_eq!(options.servers, [at("a", 4222), at("2001:db8::1", 4223)]);
        let login = Login::Password {
            user: "u@x".to_owned(),
            password: Secret("p:w".to_owned()),
        };
        assert_eq!(options.login, login);
        assert!(!format!("{options:?}").contains("p:w"));
        assert_eq!(
            (options.prefix.as_str(), options.message),
            ("dns.flow", 65536)
        );
        assert_eq!(parse("//h").expect("it is right").prefix, "dnsflow");
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, wanted) in [
            ("h", "the URL has to be"),
            ("//", "the URL has to be"),
            ("//h:port", "the URL has to be"),
            ("//h:0", "the URL has to be"),
            ("//a,,b", "the URL has to be"),
            ("//h/a..b", "is no subject"),
            ("//h/a.>", "is no subject"),
            ("//h/a b", "is no subject"),
            (
                "//h?colour=red",
                "there is no parameter \"colour\"; there are stream",
            ),
            ("//h?stream=a.b", "stream=a.b is not possible"),
            ("//h?message=1K", "4K to 8M"),
            ("//h?timeout=2h", "1s to 1h"),
            ("//h?form=xml", "keys or ecs"),
            ("//u@h", "give a user with password"),
            ("//h?password_file=/nowhere/at/all", "No such file"),
            ("//h?stream=%zz", "is not readable"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
