//! What comes back: the names that held, and how they were found.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::question::Time;

/// Which names an address stood for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Who used the address, as asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The address, as asked.
    pub address: IpAddr,
    /// The time that the answer is about.
    pub at: Time,
    /// How it was found.
    pub matched: Match,
    /// The names, the likeliest first; none if [`Match::None`].
    pub names: Vec<Candidate>,
}

/// How names were found, from the surest way to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Match {
    /// The client had been told the address, and it held at that time.
    Client,
    /// The client had been told the address before, and it no longer held at that time.
    ClientExpired,
    /// Other clients had been told the address; or no client was asked about.
    Others,
    /// Nobody had been told the address, as far as is known.
    None,
}

/// A name that an address may have stood for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The name that was asked for first, as text in presentation format without the final dot, in
    /// lower case.
    pub name: String,
    /// The way from there to the owner of the address: `name`, then the targets of aliases.
    pub chain: Vec<String>,
    /// When the client was first told so.
    pub first: Time,
    /// When it was told so last, before the time asked about.
    pub last: Time,
    /// When the last one ceases to hold: the smallest TTL of the chain and the time of grace later.
    pub expiry: Time,
    /// How likely it is the name that was meant, from 0 to 1; those of an answer sum up to at most 1.
    pub confidence: f32,
}
