//! The naming service of `dnsflow-collect --serve`: many questions in one request.
//!
//! While it is away, the same request is made again with growing pauses, for a time that is
//! bounded. Each request is bounded in time, and so is what is read of its response.

use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use dnsflow_ask::AskError;
use dnsflow_names::{Answer, Question};

use super::{Source, SourceError};
use crate::answers::Answers;
use crate::signals::Stop;

/// Where questions are answered.
const PAGE: &str = "/name";

/// Questions in one request.
const QUESTIONS: usize = 4096;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of an answer that are read: names of 8 candidates with long chains of hostile labels.
const ANSWER_BYTES: u64 = 256 * 1024;

/// Bytes of a response that are read, however many questions it answers.
const RESPONSE_BYTES: u64 = 256 << 20;

/// The first pause before a request is made again, and the longest one.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_AT_MOST: Duration = Duration::from_secs(10);

/// Time between two looks for a signal.
const LOOK: Duration = Duration::from_millis(100);

/// A naming service.
pub struct Service {
    service: dnsflow_ask::Service,
    /// The page that answers.
    url: String,
    /// How long it may be away.
    retry_for: Duration,
    stop: Stop,
    body: Vec<u8>,
    response: Vec<u8>,
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
        let service = dnsflow_ask::Service::new(url, token_file, "dnsflow-name", TIMEOUT)?;
        Ok(Self {
            url: format!("{}{PAGE}", service.url()),
            service,
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
                Err(AskError::Refused { status, text }) => {
                    return Err(SourceError::Refused {
                        url: self.url.clone(),
                        status,
                        text,
                    });
                }
                Err(AskError::Away(reason)) => reason,
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

    fn try_once(&mut self, questions: usize) -> Result<(), AskError> {
        let questions = u64::try_from(questions).unwrap_or(u64::MAX);
        let most = questions.saturating_mul(ANSWER_BYTES).min(RESPONSE_BYTES);
        let response = &mut self.response;
        self.service.post(PAGE, &self.body, most, response)
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
