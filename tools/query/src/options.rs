//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Parser};

const EXAMPLES: &str = "\
Examples:
  dnsflow-query 203.0.113.7 --client 192.0.2.1 --since -1h --from /srv/dns
  dnsflow-query 203.0.113.7 --at 'yesterday 14:00' --from http://127.0.0.1:8053
  dnsflow-query example.org --suffix --since 2026-11-30 --cof
  dnsflow-query --client 192.0.2.1 --since '2h ago' --json

Times:
  now, 14:00, today, yesterday 14:00, -1h, -1h30m, 2h ago, 3 days ago, 2026-11-30,
  2026-11-30 14:00, 2026-11-30T14:00:00Z (RFC 3339), 1764511200 (seconds since 1970)
  A day without a time is its start; as --until it is its end.

Exit status: 0 also if nothing was found, 1 if something could not be read, 2 for a command line
that is wrong.";

/// Ask which names an address stood for, for whom, and when.
///
/// An address gives the names under which clients got it, a name the addresses and clients that got
/// them, and --client alone the names that this client asked for. What is asked is taken for an address
/// if it has the form of one.
#[derive(Debug, Parser)]
#[command(name = "dnsflow-query", version, after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("asked").args(["what", "name", "address", "client"]).multiple(true).required(true))]
pub struct Options {
    /// An address or a name.
    #[arg(value_name = "ADDRESS|NAME", conflicts_with_all = ["name", "address"])]
    pub(crate) what: Option<String>,

    /// A name, whatever it looks like.
    #[arg(long, conflicts_with = "address")]
    pub(crate) name: Option<String>,

    /// An address.
    #[arg(long)]
    pub(crate) address: Option<IpAddr>,

    /// Only what this client was told; alone, all of it.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) client: Option<IpAddr>,

    /// The name and all names below it.
    #[arg(long)]
    pub(crate) suffix: bool,

    /// Only from this time on.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,

    /// Only until this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,

    /// Which names an address had at this time, the likeliest first.
    ///
    /// They held from the first look-up until the TTL and five minutes after the last one.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with_all = ["since", "until"])]
    pub(crate) at: Option<String>,

    /// Read and show times in UTC instead of the local zone (TZ).
    #[arg(long)]
    pub(crate) utc: bool,

    /// Where to look; DNSFLOW_FROM of the environment if it is not given.
    ///
    /// A folder of `dnsflow-collect --to parquet:FOLDER`; http://HOST:PORT of its naming service; or clickhouse:http://HOST:PORT/DATABASE as the collector takes it.
    #[arg(long, value_name = "PLACE")]
    pub(crate) from: Option<String>,

    /// File with the token of the naming service in its first line.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Rows to show at most; 0 shows all.
    #[arg(long, value_name = "ROWS", default_value_t = 100)]
    pub(crate) limit: usize,

    /// Lines of JSON.
    #[arg(long, group = "form")]
    json: bool,

    /// Lines of the Passive DNS Common Output Format.
    #[arg(long, group = "form")]
    cof: bool,

    /// Comma-separated values, with a header.
    #[arg(long, group = "form")]
    csv: bool,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
    Cof,
    Csv,
}

impl Options {
    pub(crate) fn form(&self) -> Form {
        match (self.json, self.cof, self.csv) {
            (true, ..) => Form::Json,
            (_, true, _) => Form::Cof,
            (_, _, true) => Form::Csv,
            _ => Form::Text,
        }
    }
}
