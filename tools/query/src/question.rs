//! What is asked.

use std::net::IpAddr;

use dnsflow_archive::Range;
use dnsflow_names::Time;
use dnsflow_names::question::name_as_stored;
use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

use crate::error::QueryError;
use crate::options::Options;
use crate::when::{self, Edge};

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) what: What,
    pub(crate) client: Option<IpAddr>,
    pub(crate) range: Range,
    /// The time whose names are asked for, instead of a range.
    pub(crate) at: Option<Time>,
    /// Rows that are shown; all if it is 0.
    pub(crate) limit: usize,
    /// In which times are read and shown.
    pub(crate) zone: TimeZone,
}

/// What it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Address(IpAddr),
    /// In lower case, without the dot at its end.
    Name {
        name: String,
        is_suffix: bool,
    },
    /// The client alone.
    Client,
}

impl Question {
    pub(crate) fn of(options: &Options) -> Result<Self, QueryError> {
        let zone = if options.utc {
            TimeZone::UTC
        } else {
            TimeZone::system()
        };
        let now = ZonedDateTime::now().with_time_zone(zone.clone());
        let time = |option, text: &Option<String>, edge| {
            let parse = |text: &String| when::parse(text, &now, edge);
            let parsed = text.as_ref().map(parse).transpose();
            parsed.map_err(|error| QueryError::When { option, error })
        };
        let range = Range {
            since: time("--since", &options.since, Edge::Start)?,
            until: time("--until", &options.until, Edge::End)?,
        };
        if let (Some(since), Some(until)) = (range.since, range.until)
            && until < since
        {
            return Err(QueryError::Backwards);
        }
        let question = Self {
            what: what(options)?,
            client: options.client,
            range,
            at: time("--at", &options.at, Edge::Start)?,
            limit: options.limit,
            zone,
        };
        let is_address = matches!(question.what, What::Address(_));
        if question.at.is_some() && !is_address {
            return Err(QueryError::Unanswerable(
                "--at is for addresses; give --since and --until for names and clients",
            ));
        }
        if options.suffix && !matches!(question.what, What::Name { .. }) {
            return Err(QueryError::Unanswerable("--suffix is for names"));
        }
        Ok(question)
    }
}

fn what(options: &Options) -> Result<What, QueryError> {
    if let Some(address) = options.address {
        return Ok(What::Address(address));
    }
    let named = |text: &str| {
        let name = name(text)?;
        let is_suffix = options.suffix;
        Ok(What::Name { name, is_suffix })
    };
    match (&options.name, &options.what) {
        (Some(text), _) => named(text),
        (None, Some(text)) => match text.parse() {
            Ok(address) => Ok(What::Address(address)),
            Err(_) if text.contains(':') => Err(QueryError::Address(text.clone())),
            Err(_) => named(text),
        },
        (None, None) => Ok(What::Client),
    }
}

/// A name as stores have it.
fn name(text: &str) -> Result<String, QueryError> {
    let wrong = |why| QueryError::Name(text.chars().take(64).collect(), why);
    name_as_stored(text).map_err(wrong)
}
