//! Requests to the server, each bounded in time and in what is read of the answer.

use std::io::{self, Read};
use std::time::Duration;

use ureq::Agent;
use ureq::http::Response;
use ureq::{Body, Error};

use super::failure::Failure;
use super::options::{Compression, Options};
use crate::sink::SinkError;

/// How long connecting may take at most.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// After how long without use a connection isn't used again. Servers close them after 3 s or later.
const IDLE: Duration = Duration::from_secs(2);

/// Bytes of an answer to a question that are read; ours have some thousand.
const ANSWER_BYTES: u64 = 4 << 20;

/// Bytes of an error's text that are read.
const ERROR_BYTES: u64 = 2048;

/// The header in which servers since 19 tell what an error is.
const CODE_HEADER: &str = "X-ClickHouse-Exception-Code";

/// A server.
pub(super) struct Http {
    agent: Agent,
    address: String,
    user: Option<String>,
    password: Option<String>,
}

impl Http {
    /// # Errors
    ///
    /// [`SinkError::Unfit`] if the file of authorities can't be used.
    pub(super) fn new(options: &Options) -> Result<Self, SinkError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("dnsflow-collect/", env!("CARGO_PKG_VERSION")))
            .max_idle_age(IDLE)
            .timeout_connect(Some(CONNECT_TIMEOUT.min(options.timeout)))
            .timeout_global(Some(options.timeout));
        Ok(Self {
            agent: trusting(config, options)?.build().new_agent(),
            address: options.address.clone(),
            user: options.user.clone(),
            password: options.password.as_ref().map(|secret| secret.0.clone()),
        })
    }

    /// Lets the server execute a statement, and returns its answer.
    pub(super) fn execute(&self, statement: &str) -> Result<Vec<u8>, Failure> {
        let settings = [("wait_end_of_query", "1")];
        let response = self.post(&settings, Compression::None, statement.as_bytes())?;
        let body = response.into_body().into_reader();
        let mut answer = Vec::new();
        body.take(ANSWER_BYTES)
            .read_to_end(&mut answer)
            .map_err(|error| self.unreachable(&Error::Io(error)))?;
        Ok(answer)
    }

    /// Lets the server execute a statement that takes `body`.
    pub(super) fn insert(
        &self,
        settings: &[(&str, &str)],
        compression: Compression,
        body: &[u8],
    ) -> Result<(), Failure> {
        let response = self.post(settings, compression, body)?;
        // What is left unread would close the connection.
        let mut rest = response.into_body().into_reader().take(ERROR_BYTES);
        io::copy(&mut rest, &mut io::sink())
            .map_err(|error| self.unreachable(&Error::Io(error)))?;
        Ok(())
    }

    fn post(
        &self,
        settings: &[(&str, &str)],
        compression: Compression,
        body: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.post(&self.address);
        for (name, value) in settings {
            request = request.query(*name, *value);
        }
        request = match compression {
            Compression::None => request,
            Compression::Lz4 => request.header("Content-Encoding", "lz4"),
            Compression::Gzip => request.header("Content-Encoding", "gzip"),
        };
        if let Some(user) = &self.user {
            request = request.header("X-ClickHouse-User", user.as_bytes());
        }
        if let Some(password) = &self.password {
            request = request.header("X-ClickHouse-Key", password.as_bytes());
        }
        let response = request
            .send(body)
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status().as_u16();
        let code = response.headers().get(CODE_HEADER);
        let code = code.and_then(|text| text.to_str().ok()?.parse().ok());
        if status == 200 && code.is_none_or(|code: u32| code == 0) {
            return Ok(response);
        }
        let mut text = Vec::new();
        // Whatever came of it is told.
        let _ = response
            .into_body()
            .into_reader()
            .take(ERROR_BYTES)
            .read_to_end(&mut text);
        Err(Failure::server(
            status,
            code,
            &String::from_utf8_lossy(&text),
        ))
    }

    fn unreachable(&self, error: &Error) -> Failure {
        let text = format!("{}: {error}", self.address);
        match error {
            Error::Tls(_) | Error::TlsRequired | Error::BadUri(_) | Error::Http(_) => {
                Failure::Never(text)
            }
            #[cfg(feature = "tls")]
            Error::Rustls(_) | Error::Pem(_) => Failure::Never(text),
            _ => Failure::Unreachable(text),
        }
    }
}

/// The builder of an agent's configuration.
type Config = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

#[cfg(not(feature = "tls"))]
fn trusting(config: Config, options: &Options) -> Result<Config, SinkError> {
    match &options.authorities {
        None => Ok(config),
        Some(_) => Err(SinkError::Unfit(String::from(
            "clickhouse: ca: this build has no TLS: build it with the feature tls",
        ))),
    }
}

#[cfg(feature = "tls")]
fn trusting(config: Config, options: &Options) -> Result<Config, SinkError> {
    use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
    let Some(path) = &options.authorities else {
        return Ok(config);
    };
    let unfit =
        |text: String| SinkError::Unfit(format!("clickhouse: ca={}: {text}", path.display()));
    let pem = std::fs::read(path).map_err(|error| unfit(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(found) = item.map_err(|error| unfit(error.to_string()))? {
            certificates.push(found);
        }
    }
    if certificates.is_empty() {
        return Err(unfit(String::from("there is no certificate in it")));
    }
    let roots = RootCerts::new_with_certs(&certificates);
    Ok(config.tls_config(TlsConfig::builder().root_certs(roots).build()))
}
