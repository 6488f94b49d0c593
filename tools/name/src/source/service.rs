//! The naming service of `dnsflow-collect --serve`: many questions in one request.
//!
//! While it is away, the same request is made again with growing pauses, for a time that is
//! bounded. Each request is bounded in time, and so is what is read of its response.

use std::fs;
use std::io::{Read, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use dnsflow_names::{Answer, Question};
use ureq::http::Response;
use ureq::{Agent, Body};

use super::{Source, SourceError};
use crate::answers::Answers;
use crate::signals::Stop;

/// Questions in one request.
const QUESTIONS: usize = 4096;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// After how long without use a connection isn't used again, since the service closes it some time
/// later.
const IDLE: Duration = Duration::from_secs(10);

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of an answer that are read: names of 8 candidates with long chains of hostile labels.
const ANSWER_BYTES: u64 = 256 * 1024;

/// Bytes of a response that are read, however many questions it answers.
const RESPONSE_BYTES: u64 = 256 << 20;

/// Bytes of an error's text that are read.
const ERROR_BYTES: u64 = 1024;

/// Bytes of a token.
const TOKEN_BYTES: usize = 4096;

/// The first pause before a request is made again, and the longest one.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_AT_MOST: Duration = Duration::from_secs(10);

/// Time between two looks for a signal.
const LOOK: Duration = Duration::from_millis(100);

/// A naming service.
pub struct Service {
    agent: Agent,
    url: String,
    token: Option<String>,
    /// How long it may be away.
    retry_for: Duration,
    stop: Stop,
    body: Vec<u8>,
    response: Vec<u8>,
}

/// Why a request came to nothing.
enum Failure {
    /// It may succeed later.
    Away(String),
    Final(SourceError),
}

impl Service {
    /// The service at `url`, as `http://127.0.0.1:5380`, with the token in a file if it demands
    /// one. It may be away for `retry_for`.
    ///
    /// # Errors
    ///
    /// If the URL or the token can't be used. Nothing is sent yet.
    pub fn new(
        url: &str,
        token_file: Option<&Path>,
        retry_for: Duration,
        stop: Stop,
    ) -> Result<Self, SourceError> {
        let unfit = |reason: &str| SourceError::Url {
            url: url.to_owned(),
            reason: reason.to_owned(),
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
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("dnsflow-name/", env!("CARGO_PKG_VERSION")))
            .max_idle_age(IDLE)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT));
        Ok(Self {
            agent: config.build().new_agent(),
            url: format!("{base}/name"),
            token: token_file.map(token).transpose()?,
            retry_for,
            stop,
            body: Vec::new(),
            response: Vec::new(),
        })
    }

    /// Asks until there is an answer.
    fn request(&mut self, questions: &[Question]) -> Result<(), SourceError> {
        self.body.clear();
        for question in questions {
            // Neither a vector nor a question can fail.
            let _ = serde_json::to_writer(&mut self.body, question);
            self.body.push(b'\n');
        }
        let start = Instant::now();
        let mut pause = PAUSE;
        let mut is_told = false;
        loop {
            let reason = match self.try_once(questions.len()) {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Away(reason)) => reason,
            };
            let waited = start.elapsed();
            if waited + pause > self.retry_for || self.stop.wanted() {
                return Err(SourceError::Away {
                    url: self.url.clone(),
                    waited,
                    reason,
                });
            }
            if !is_told {
                is_told = true;
                // There is nobody else to tell.
                let _ = writeln!(
                    std::io::stderr(),
                    "dnsflow-name: {}: {reason}; trying again for {} s",
                    self.url,
                    self.retry_for.as_secs()
                );
            }
            self.sleep(pause);
            pause = (pause * 2).min(PAUSE_AT_MOST);
        }
    }

    /// Sleeps, but for a signal.
    fn sleep(&self, pause: Duration) {
        let start = Instant::now();
        while start.elapsed() < pause && !self.stop.wanted() {
            thread::sleep(LOOK.min(pause));
        }
    }

    fn try_once(&mut self, questions: usize) -> Result<(), Failure> {
        let mut request = self.agent.post(&self.url);
        request = request.header("Content-Type", "application/x-ndjson");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let away = |error: &dyn std::fmt::Display| Failure::Away(error.to_string());
        let response = request.send(&self.body[..]).map_err(|error| away(&error))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(self.refused(status, response));
        }
        let questions = u64::try_from(questions).unwrap_or(u64::MAX);
        let most = questions.saturating_mul(ANSWER_BYTES).min(RESPONSE_BYTES);
        self.response.clear();
        let reader = response.into_body().into_reader();
        reader
            .take(most)
            .read_to_end(&mut self.response)
            .map_err(|error| away(&error))?;
        Ok(())
    }

    fn refused(&self, status: u16, response: Response<Body>) -> Failure {
        let mut text = Vec::new();
        let reader = response.into_body().into_reader();
        // Whatever came of it is told.
        let _ = reader.take(ERROR_BYTES).read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text)
            .trim()
            .escape_debug()
            .to_string();
        if status == 429 || status >= 500 {
            return Failure::Away(format!("status {status}: {text}"));
        }
        Failure::Final(SourceError::Refused {
            url: self.url.clone(),
            status,
            text,
        })
    }

    fn unclear(&self, reason: String) -> SourceError {
        SourceError::Answer {
            url: self.url.clone(),
            reason,
        }
    }

    /// Reads the answers to `questions`.
    fn read(
        &self,
        questions: &[Question],
        most: usize,
        answers: &mut Answers,
    ) -> Result<(), SourceError> {
        let mut lines = self.response.split(|byte| *byte == b'\n');
        for question in questions {
            let line = lines.next().unwrap_or_default();
            let answer = serde_json::from_slice::<Answer>(line).map_err(|error| {
                let line = String::from_utf8_lossy(line.get(..200).unwrap_or(line));
                self.unclear(format!("{error} in {line:?}"))
            })?;
            if answer.address != question.address {
                return Err(self.unclear("it is not in the order of the questions".to_owned()));
            }
            let names = answer.names.iter().take(most);
            let names = names.map(|found| (found.name.as_str(), found.confidence));
            answers.push(answer.matched, names);
        }
        Ok(())
    }
}

impl Source for Service {
    fn ask(
        &mut self,
        questions: &[Question],
        most: usize,
        answers: &mut Answers,
    ) -> Result<(), SourceError> {
        for questions in questions.chunks(QUESTIONS) {
            self.request(questions)?;
            self.read(questions, most, answers)?;
        }
        Ok(())
    }
}

/// The token in a file, without white space around it.
fn token(path: &Path) -> Result<String, SourceError> {
    let unfit = |reason: String| SourceError::Token {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(|error| unfit(error.to_string()))?;
    let token = text.trim();
    if token.is_empty() || token.len() > TOKEN_BYTES || !token.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(unfit(format!(
            "a token of 1 to {TOKEN_BYTES} printable characters is wanted"
        )));
    }
    Ok(token.to_owned())
}
