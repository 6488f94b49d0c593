//! The naming service of `dnsflow-collect --serve`: which names an address had at a time.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use dnsflow_names::Answer;
use ureq::Agent;

use super::Found;
use crate::error::QueryError;
use crate::question::{Question, What};
use crate::row::{Row, shown};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of an answer that are read.
const ANSWER_BYTES: u64 = 1 << 20;

/// Characters of an error that are told.
const ERROR_CHARS: usize = 500;

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    /// Scheme, host and port.
    address: String,
    token: Option<String>,
}

/// An agent that gives the answers of errors too.
pub(super) fn agent(timeout: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("dnsflow-query/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(timeout));
    config.build().new_agent()
}

/// Reads an answer: its text, or the error that it is.
pub(super) fn text(
    address: &str,
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    most: u64,
) -> Result<String, QueryError> {
    let error = |reason: String| QueryError::Server {
        address: address.to_owned(),
        reason,
    };
    let response = response.map_err(|reason| error(reason.to_string()))?;
    let status = response.status();
    let mut bytes = Vec::new();
    let body = response.into_body().into_reader();
    let read = body.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|reason| error(reason.to_string()))?;
    if bytes.len() as u64 > most {
        return Err(error(format!("its answer has more than {most} bytes")));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match status.is_success() {
        true => Ok(text),
        false => {
            let text: String = text.trim().chars().take(ERROR_CHARS).collect();
            Err(error(format!("{status}: {}", shown(&text))))
        }
    }
}

impl Service {
    pub(crate) fn new(from: &str, token_file: Option<&Path>) -> Result<Self, QueryError> {
        let token = token_file.map(|path| {
            let text = fs::read_to_string(path).map_err(|error| QueryError::File {
                path: path.to_owned(),
                error,
            })?;
            Ok::<_, QueryError>(text.lines().next().unwrap_or_default().trim().to_owned())
        });
        Ok(Self {
            address: from.trim_end_matches('/').to_owned(),
            token: token.transpose()?,
        })
    }

    pub(crate) fn ask(&self, question: &Question) -> Result<Found, QueryError> {
        let What::Address(address) = question.what else {
            return Err(QueryError::Unanswerable(
                "the naming service knows names of addresses alone; give --from FOLDER or \
                 clickhouse:.. for names and clients",
            ));
        };
        if question.range != dnsflow_archive::Range::default() {
            return Err(QueryError::Unanswerable(
                "the naming service answers for one time: give --at TIME instead of --since and --until",
            ));
        }
        let url = format!("{}/name", self.address);
        let mut request = agent(TIMEOUT)
            .get(&url)
            .query("address", address.to_string());
        if let Some(client) = question.client {
            request = request.query("client", client.to_string());
        }
        if let Some(at) = question.at {
            request = request.query("at", at.to_string());
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let text = text(&self.address, request.call(), ANSWER_BYTES)?;
        let answer: Answer = serde_json::from_str(&text).map_err(|error| QueryError::Server {
            address: self.address.clone(),
            reason: format!("not an answer of the naming service: {error}"),
        })?;
        Ok(Found {
            rows: Row::of_answer(answer),
            read: format!("asked {}", self.address),
            ..Found::default()
        })
    }
}
