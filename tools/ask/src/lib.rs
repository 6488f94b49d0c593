//! How programs ask the naming service of `dnsflow-collect --serve`: its URL, its token, and requests
//! that are bounded in time and in what is read of a response.
//!
//! It exists so that all programs read a URL and a token alike. It refuses to know what is asked, and to
//! try again: who asks knows how long that is worth it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use ureq::http::Response;
use ureq::{Agent, Body, Error as Failed};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// After how long without use a connection isn't used again, since the service closes it some time
/// later.
const IDLE: Duration = Duration::from_secs(10);

/// Bytes of an error's text that are read.
const ERROR_BYTES: u64 = 1024;

/// Bytes of a token.
const TOKEN_BYTES: usize = 4096;

/// Why a service can't be asked at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// A URL that can't be used.
    #[error("--from {url}: {reason}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file of the token can't be used.
    #[error("--token-file {}: {reason}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AskError {
    /// It may succeed later.
    #[error("{0}")]
    Away(String),
    /// It was refused, and will be.
    #[error("status {status}: {text}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The start of what was said, with control characters escaped.
        text: String,
    },
}

/// Whether a place is that of a service: a URL of HTTP.
#[must_use]
pub fn is_service(place: &str) -> bool {
    place.starts_with("http://") || place.starts_with("https://")
}

/// What makes requests: without proxies and redirects, which nobody who gives an address means.
#[must_use]
pub fn agent(program: &str, timeout: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(format!("{program}/{}", env!("CARGO_PKG_VERSION")))
        .max_idle_age(IDLE)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(timeout));
    config.build().new_agent()
}

/// Reads what comes back for a request: at most `most` bytes, into `into`.
///
/// # Errors
///
/// If nothing comes, not all, or anything else than success.
pub fn read(
    response: Result<Response<Body>, Failed>,
    most: u64,
    into: &mut Vec<u8>,
) -> Result<(), AskError> {
    let away = |error: &dyn std::fmt::Display| AskError::Away(error.to_string());
    let response = response.map_err(|error| away(&error))?;
    let status = response.status();
    let body = response.into_body().into_reader();
    into.clear();
    if status.is_success() {
        let read = body.take(most.saturating_add(1)).read_to_end(into);
        read.map_err(|error| away(&error))?;
        if into.len() as u64 > most {
            return Err(AskError::Refused {
                status: status.as_u16(),
                text: format!("the answer has more than {most} bytes"),
            });
        }
        return Ok(());
    }
    // Whatever came of it is told.
    let _ = body.take(ERROR_BYTES).read_to_end(into);
    let text = String::from_utf8_lossy(into);
    let text = text.trim().escape_debug().to_string();
    let status = status.as_u16();
    if status == 429 || status >= 500 {
        return Err(AskError::Away(format!("status {status}: {text}")));
    }
    Err(AskError::Refused { status, text })
}

/// A service.
#[derive(Debug)]
pub struct Service {
    agent: Agent,
    url: String,
    token: Option<String>,
}

impl Service {
    /// The service at `url`, as `http://127.0.0.1:8053`, with the token in the first line of a file if
    /// it demands one. `program` asks, and an answer may take `timeout`.
    ///
    /// # Errors
    ///
    /// If the URL or the token can't be used. Nothing is sent yet.
    pub fn new(
        url: &str,
        token_file: Option<&Path>,
        program: &str,
        timeout: Duration,
    ) -> Result<Self, PlaceError> {
        let unfit = |reason| PlaceError::Url {
            url: url.to_owned(),
            reason,
        };
        if url.starts_with("https://") && !cfg!(feature = "tls") {
            return Err(unfit(
                "this build has no TLS: build it with the feature tls",
            ));
        }
        let base = url.trim_end_matches('/');
        let uri = base.parse::<ureq::http::Uri>();
        let is_whole = uri.is_ok_and(|uri| {
            uri.scheme().is_some()
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.query().is_none()
        });
        if !is_whole {
            return Err(unfit("http://HOST:PORT is wanted"));
        }
        Ok(Self {
            agent: agent(program, timeout),
            url: base.to_owned(),
            token: token_file.map(token).transpose()?,
        })
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gets a page, which begins with a slash, with the parameters of its query.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub fn get(
        &self,
        page: &str,
        query: &[(&str, String)],
        most: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), AskError> {
        let mut request = self.agent.get(format!("{}{page}", self.url));
        for (name, value) in query {
            request = request.query(*name, value);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        read(request.call(), most, into)
    }

    /// Posts lines of JSON to a page.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub fn post(
        &self,
        page: &str,
        lines: &[u8],
        most: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), AskError> {
        let mut request = self.agent.post(format!("{}{page}", self.url));
        request = request.header("Content-Type", "application/x-ndjson");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        read(request.send(lines), most, into)
    }
}

/// The token in the first line of a file, without white space around it.
fn token(path: &Path) -> Result<String, PlaceError> {
    let unfit = |reason: String| PlaceError::Token {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|error| unfit(error.to_string()))?;
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() || token.len() > TOKEN_BYTES || !token.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(unfit(format!(
            "a token of 1 to {TOKEN_BYTES} printable characters is wanted"
        )));
    }
    Ok(token.to_owned())
}
