//! Where to look: a folder, the naming service, or ClickHouse.

mod clickhouse;
mod service;

use std::path::PathBuf;

use dnsflow_archive::{Archive, Counts, Limits, Name, Reading};
use dnsflow_names::Question as AtTime;

use crate::error::QueryError;
use crate::options::Options;
use crate::question::{Question, What};
use crate::row::Row;
use crate::text::grouped;
use clickhouse::ClickHouse;
use service::Service;

/// What asks servers.
const PROGRAM: &str = "dnsflow-query";

/// Names the place if `--from` does not.
const VARIABLE: &str = "DNSFLOW_FROM";

/// What was found, the latest or likeliest first.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) rows: Vec<Row>,
    /// What was read, in words.
    pub(crate) read: String,
    /// What could not be read.
    pub(crate) problems: Vec<String>,
    /// Rows that there was no room for.
    pub(crate) left_out: u64,
}

/// A place.
#[derive(Debug)]
pub(crate) enum Source {
    Folder(PathBuf),
    Service(Service),
    ClickHouse(ClickHouse),
}

impl Source {
    /// The place that the options or the environment name.
    pub(crate) fn of(options: &Options) -> Result<Self, QueryError> {
        let from = options.from.clone();
        let from = from.or_else(|| std::env::var(VARIABLE).ok());
        let from = from.filter(|from| !from.is_empty());
        let from = from.ok_or(QueryError::NoSource)?;
        if let Some(url) = from.strip_prefix("clickhouse:") {
            return ClickHouse::parse(url).map(Self::ClickHouse);
        }
        if dnsflow_ask::is_service(&from) {
            let service = Service::new(&from, options.token_file.as_deref())?;
            return Ok(Self::Service(service));
        }
        let folder = from.strip_prefix("parquet:").unwrap_or(&from);
        Ok(Self::Folder(folder.into()))
    }

    pub(crate) fn ask(&self, question: &Question) -> Result<Found, QueryError> {
        match self {
            Self::Folder(folder) => ask_archive(&Archive::open(folder)?, question),
            Self::Service(service) => service.ask(question),
            Self::ClickHouse(server) => server.ask(question),
        }
    }
}

fn ask_archive(archive: &Archive, question: &Question) -> Result<Found, QueryError> {
    let (client, range) = (question.client, question.range);
    let (rows, reading) = match (&question.what, question.at, client) {
        (What::Address(address), Some(at), _) => {
            let asked = AtTime {
                client,
                address: *address,
                at: Some(at),
            };
            let asked = archive.ask(&[asked], &Limits::default())?;
            let rows = asked.answers.into_iter().flat_map(Row::of_answer).collect();
            (rows, asked.reading)
        }
        (What::Address(address), None, _) => {
            of_archive(archive.names_of_address(*address, client, range)?)
        }
        (What::Name { name, is_suffix }, ..) => {
            let name = match is_suffix {
                true => Name::Suffix(name),
                false => Name::Exact(name),
            };
            of_archive(archive.addresses_of_name(name, client, range)?)
        }
        (What::Client, _, Some(client)) => of_archive(archive.names_of_client(client, range)?),
        (What::Client, _, None) => (Vec::new(), Reading::default()),
    };
    Ok(Found {
        rows,
        read: words(reading.counts),
        problems: reading.problems.iter().map(ToString::to_string).collect(),
        left_out: reading.left_out,
    })
}

fn of_archive(found: dnsflow_archive::Found) -> (Vec<Row>, Reading) {
    let rows = found.rows.into_iter().map(Row::from).collect();
    (rows, found.reading)
}

/// What was read, in words.
fn words(counts: Counts) -> String {
    let of = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{} {one}s", grouped(count)),
    };
    format!(
        "read {}, {}, {}, {} kB",
        of(counts.files, "file"),
        of(counts.pages, "page"),
        of(counts.rows, "row"),
        grouped(counts.bytes.div_ceil(1000))
    )
}
