//! A row as it is printed, whatever it comes from.

use std::net::IpAddr;

use dnsflow_archive::NamesRow;
use dnsflow_names::map::search::Entry;
use dnsflow_names::{Answer, Match, Time};
use serde::Serialize;

/// Which name an address had. Absent members are not said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) address: IpAddr,
    /// Who asked; absent if it is anyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<IpAddr>,
    /// Owner of the address.
    pub(crate) name: String,
    /// The name asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) question: Option<String>,
    pub(crate) first: Time,
    pub(crate) last: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) matched: Option<Match>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) confidence: Option<f32>,
}

impl Row {
    /// The name asked for; the owner of the address if it is not known.
    pub(crate) fn asked(&self) -> &str {
        self.question.as_deref().unwrap_or(&self.name)
    }

    /// The rows of an answer.
    pub(crate) fn of_answer(answer: Answer) -> Vec<Self> {
        let of_client = matches!(answer.matched, Match::Client | Match::ClientExpired);
        let names = answer.names.into_iter().map(|candidate| Self {
            address: answer.address,
            client: answer.client.filter(|_| of_client),
            name: candidate.chain.last().unwrap_or(&candidate.name).clone(),
            question: Some(candidate.name),
            first: candidate.first,
            last: candidate.last,
            count: None,
            ttl: None,
            matched: Some(answer.matched),
            confidence: Some(candidate.confidence),
        });
        names.collect()
    }
}

impl From<Entry> for Row {
    fn from(entry: Entry) -> Self {
        Self {
            address: entry.address,
            client: Some(entry.client),
            name: entry.name,
            question: Some(entry.question),
            first: entry.first,
            last: entry.last,
            count: None,
            ttl: None,
            matched: None,
            confidence: None,
        }
    }
}

impl From<NamesRow> for Row {
    fn from(row: NamesRow) -> Self {
        Self {
            address: row.address,
            client: Some(row.client),
            name: row.name,
            question: row.question,
            first: row.first,
            last: row.last,
            count: Some(row.count),
            ttl: row.ttl,
            matched: None,
            confidence: None,
        }
    }
}

/// Text without what a terminal could obey. Stores have names in presentation form; a file or server
/// may say anything.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            0x20..=0x7e => shown.push(char::from(byte)),
            _ => shown.push_str(&format!("\\{byte:03}")),
        }
    }
    shown
}
