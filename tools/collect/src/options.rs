//! The command line.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};
use dnsflow_privacy::{Mode, Rotation};
use dnsflow_service::diagnostics::LogLevel;
use ipnet::IpNet;

use crate::receive::{Sensor, prefix};
use crate::sink::Destination;

/// Take what dnsflow sensors export to stores: files, Parquet, ClickHouse. Nothing is lost without a
/// number that says so.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "dnsflow-collect",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
pub struct Cli {
    /// The options of a run.
    #[command(flatten)]
    pub options: Options,
    /// A subcommand, which replaces the run.
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Check this machine and the stores: report what would keep a run with the same options from
    /// receiving or storing, or make it lose datagrams, and how to fix it; exit status 1 if the run
    /// could not work
    Check(Box<Options>),
}

const EXAMPLES: &str = "\
Examples:
  dnsflow-collect --listen '[::]:5300' --to parquet:/var/lib/dnsflow
  dnsflow-collect --listen '[::]:5300' --sensor fra1=192.0.2.1 --spool /var/spool/dnsflow \\
      --to 'clickhouse:http://localhost:8123/dns?create=1'
  dnsflow-collect --listen '[::]:5300' --serve 127.0.0.1:8053
  dnsflow-collect --read old.pcap --to 'jsonl:-'";

/// The options of a run. Each is also a key of the configuration file.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Receive datagrams on this address and port; may be repeated; that of :: takes IPv4
    /// as well
    #[arg(
        short = 'l',
        long,
        value_name = "ADDRESS:PORT",
        action = ArgAction::Append,
        help_heading = "Input"
    )]
    pub listen: Vec<SocketAddr>,

    /// Read datagrams from a capture file instead (pcap or pcapng, plain or compressed), or from what
    /// dnsflow -w has written; may be repeated
    #[arg(
        short = 'r',
        long,
        value_name = "FILE",
        action = ArgAction::Append,
        conflicts_with = "listen",
        help_heading = "Input"
    )]
    pub read: Vec<PathBuf>,

    /// Take datagrams of senders in this prefix only, and of those of --sensor; may be repeated.
    /// Default: of all
    #[arg(
        long,
        value_name = "PREFIX",
        action = ArgAction::Append,
        value_parser = allowed,
        help_heading = "Input"
    )]
    pub allow: Vec<IpNet>,

    /// Name the sensor that sends from an address or a prefix, and take its datagrams; may be repeated.
    /// Default: the name that the sensor gives itself, or its address
    #[arg(
        long = "sensor",
        value_name = "NAME=ADDRESS",
        action = ArgAction::Append,
        help_heading = "Input"
    )]
    pub sensors: Vec<Sensor>,

    /// Threads that receive; a sender's datagrams are received by one of them
    #[arg(
        long,
        value_name = "COUNT",
        default_value = "2",
        help_heading = "Input"
    )]
    pub threads: NonZeroU16,

    /// Receive buffer of each thread and --listen, in MiB
    #[arg(
        long,
        value_name = "MIB",
        default_value = "32",
        value_parser = clap::value_parser!(u32).range(1..=1024),
        help_heading = "Input"
    )]
    pub receive_buffer: u32,

    /// Store records there; may be repeated. jsonl:FOLDER, jsonl:-, jsonl:tcp://HOST:PORT,
    /// parquet:FOLDER, clickhouse:http://HOST:PORT/DATABASE, ipfix:udp://HOST:PORT,
    /// nats://HOST:PORT/PREFIX, kafka://HOST:PORT/TOPIC; docs/collector.md has their parameters
    #[arg(
        short = 't',
        long = "to",
        value_name = "URL",
        action = ArgAction::Append,
        help_heading = "Stores"
    )]
    pub to: Vec<Destination>,

    /// Close a batch when it has this size, in MiB
    #[arg(
        long,
        value_name = "MIB",
        default_value = "4",
        value_parser = clap::value_parser!(u32).range(1..=64),
        help_heading = "Stores"
    )]
    pub batch_size: u32,

    /// Close a batch when it is this old, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "1",
        value_parser = clap::value_parser!(u32).range(1..=3600),
        help_heading = "Stores"
    )]
    pub batch_time: u32,

    /// Keep batches that wait for stores in memory, up to this many MiB
    #[arg(
        long,
        value_name = "MIB",
        default_value = "128",
        help_heading = "Stores"
    )]
    pub memory: NonZeroU32,

    /// Keep batches in this folder until every store has them, over restarts and crashes
    #[arg(long, value_name = "FOLDER", help_heading = "Stores")]
    pub spool: Option<PathBuf>,

    /// Size of the spool at most, in MiB; beyond that the oldest batches go, counted. Default: 10240
    #[arg(long, value_name = "MIB", help_heading = "Stores")]
    pub spool_max: Option<NonZeroU32>,

    /// Try for this many seconds at the end to store what is left
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "10",
        value_parser = clap::value_parser!(u32).range(0..=3600),
        help_heading = "Stores"
    )]
    pub drain_time: u32,

    /// Serve metrics and health checks over HTTP at this address and port
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        conflicts_with = "read",
        help_heading = "Process"
    )]
    pub metrics: Option<SocketAddr>,

    /// Answer over HTTP at this address and port which names an address stood for; docs/naming.md
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "Names")]
    pub serve: Option<SocketAddr>,

    /// Serve a page for a browser at the address of --serve: searches, live rates, losses and top lists
    #[arg(long, help_heading = "Names")]
    pub page: bool,

    /// Memory of the map of names at most, in MiB; what was looked up longest ago goes first
    #[arg(
        long,
        value_name = "MIB",
        default_value = "1024",
        help_heading = "Names"
    )]
    pub map_max: NonZeroU32,

    /// How long an address is used after the TTL of its name: 90s, 5m, 1h
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        value_parser = pause,
        help_heading = "Names"
    )]
    pub grace: Duration,

    /// Keep the map in this file over restarts
    #[arg(long, value_name = "FILE", help_heading = "Names")]
    pub map_snapshot: Option<PathBuf>,

    /// How often the file of --map-snapshot is written
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        value_parser = pause,
        help_heading = "Names"
    )]
    pub map_interval: Duration,

    /// Answer only who sends the token that is the first line of this file; needed where --serve is no
    /// address of this machine alone
    #[arg(long, value_name = "FILE", help_heading = "Names")]
    pub token_file: Option<PathBuf>,

    /// What sensors make of the addresses of clients, as their --client-addresses says: questions about
    /// a client are then about its pseudonym, or its prefix
    #[arg(
        long,
        value_name = "MODE",
        default_value = "keep",
        help_heading = "Names"
    )]
    pub client_addresses: Mode,

    /// The key of these pseudonyms: a file of 64 hexadecimal digits that nobody else can read, or
    /// credential:NAME
    #[arg(long, value_name = "FILE", help_heading = "Names")]
    pub address_key: Option<PathBuf>,

    /// How often these pseudonyms change: daily, weekly or never
    #[arg(
        long,
        value_name = "PERIOD",
        default_value = "never",
        help_heading = "Names"
    )]
    pub key_rotation: Rotation,

    /// Answer to this name too, besides localhost and the address; may be repeated
    #[arg(
        long = "serve-host",
        value_name = "NAME",
        action = ArgAction::Append,
        help_heading = "Names"
    )]
    pub serve_hosts: Vec<String>,

    /// Read options from this file (TOML); those of the command line take precedence
    #[arg(short = 'c', long, value_name = "FILE", help_heading = "Process")]
    pub config: Option<PathBuf>,

    /// Least severe messages to log
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        help_heading = "Process"
    )]
    pub log_level: LogLevel,
}

fn pause(text: &str) -> Result<Duration, String> {
    let pause = crate::sink::duration(&text.replace("min", "m"));
    pause.ok_or_else(|| "expected a time, as in 90s, 5m, 1h".to_owned())
}

fn allowed(text: &str) -> Result<IpNet, String> {
    prefix(text).ok_or_else(|| "expected a prefix or an address, as in 192.0.2.0/24".to_owned())
}
