//! The naming service of `dnsflow-collect --serve`: which names an address had at a time, and who was told
//! what.

use std::path::Path;
use std::time::Duration;

use dnsflow_names::Answer;
use dnsflow_names::map::search::{Entries, MAX_ENTRIES};
use serde::de::DeserializeOwned;

use super::Found;
use crate::error::QueryError;
use crate::question::{Question, What};
use crate::row::Row;
use crate::text::grouped;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of an answer that are read.
const ANSWER_BYTES: u64 = 64 << 20;

/// A service.
#[derive(Debug)]
pub(crate) struct Service(dnsflow_ask::Service);

impl Service {
    pub(crate) fn new(from: &str, token_file: Option<&Path>) -> Result<Self, QueryError> {
        let service = dnsflow_ask::Service::new(from, token_file, super::PROGRAM, TIMEOUT)?;
        Ok(Self(service))
    }

    pub(crate) fn ask(&self, question: &Question) -> Result<Found, QueryError> {
        match question.what {
            What::Address(address) if question.range == dnsflow_archive::Range::default() => {
                self.at_time(address, question)
            }
            _ => self.search(question),
        }
    }

    /// The names that an address had at a time.
    fn at_time(&self, address: std::net::IpAddr, question: &Question) -> Result<Found, QueryError> {
        let mut query = vec![("address", address.to_string())];
        query.extend(question.client.map(|client| ("client", client.to_string())));
        query.extend(question.at.map(|at| ("at", at.to_string())));
        let answer: Answer = self.get("/name", &query)?;
        Ok(Found {
            rows: Row::of_answer(answer),
            read: format!("asked {}", self.0.url()),
            ..Found::default()
        })
    }

    /// Who was told what, over a time.
    fn search(&self, question: &Question) -> Result<Found, QueryError> {
        let mut query = Vec::new();
        match &question.what {
            What::Address(address) => query.push(("address", address.to_string())),
            What::Name { name, is_suffix } => {
                query.push(("name", name.clone()));
                if *is_suffix {
                    query.push(("suffix", "1".to_owned()));
                }
            }
            What::Client => {}
        }
        query.extend(question.client.map(|client| ("client", client.to_string())));
        let range = question.range;
        query.extend(range.since.map(|since| ("since", since.to_string())));
        query.extend(range.until.map(|until| ("until", until.to_string())));
        let limit = match question.limit {
            0 => MAX_ENTRIES,
            limit => limit.min(MAX_ENTRIES),
        };
        query.push(("limit", limit.to_string()));
        let found: Entries = self.get("/search", &query)?;
        let looked = grouped(found.looked);
        let problem = "the service has too many entries to look at all of them";
        Ok(Found {
            rows: found.rows.into_iter().map(Row::from).collect(),
            read: format!("asked {}, which looked at {looked} entries", self.0.url()),
            problems: found
                .partial
                .then(|| problem.to_owned())
                .into_iter()
                .collect(),
            left_out: found.more,
        })
    }

    fn get<T: DeserializeOwned>(
        &self,
        page: &str,
        query: &[(&str, String)],
    ) -> Result<T, QueryError> {
        let failed = |reason: String| QueryError::Server {
            address: self.0.url().to_owned(),
            reason,
        };
        let mut text = Vec::new();
        let got = self.0.get(page, query, ANSWER_BYTES, &mut text);
        got.map_err(|error| failed(error.to_string()))?;
        serde_json::from_slice(&text)
            .map_err(|error| failed(format!("not an answer of the naming service: {error}")))
    }
}
