//! The command line: the options of the original daemon with their letters and meaning, and newer
//! ones.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::start::account::Account;
use crate::start::cores::Cores;
use crate::start::lists::Prefixes;
use crate::start::privacy::PrivacyOptions;
use crate::start::wanted::{Select, TypeList};
use dnsflow_packet::tunnel::Tunnels;
use dnsflow_service::diagnostics::LogLevel;

/// Export DNS responses from an interface or a capture file: which client asked which resolver for
/// which names, and which addresses came back.
///
/// Without a destination (-u, -w), records are printed.
#[derive(Clone, Debug, PartialEq, Parser)]
#[command(
    name = "dnsflow",
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
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Action {
    /// Check this machine: report what would keep a run with the same options from capturing or
    /// make it lose packets, and how to fix it; exit status 1 if the run could not capture
    Check(Box<Options>),

    /// Open packet sockets and pass them to the service manager, so that the sensor can start
    /// without a capability; for ExecStartPre=+ in a unit
    #[command(hide = true)]
    OpenSockets {
        /// Number of sockets; default: 4 for each CPU, at least 64 and at most 512
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        count: Option<u16>,
    },
}

/// The options of a run. Each is also a key of the configuration file.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Options {
    /// Capture on this interface; may be repeated; any stands for all interfaces. Default without
    /// -r: the first interface that is up, except the loopback
    #[arg(
        short = 'i',
        long = "interface",
        value_name = "IF",
        action = ArgAction::Append,
        conflicts_with = "read",
        help_heading = "Input"
    )]
    pub interfaces: Vec<String>,

    /// Read a capture file (pcap or pcapng, plain or compressed with gzip or zstd) instead; - is
    /// standard input
    #[arg(short = 'r', long, value_name = "FILE", help_heading = "Input")]
    pub read: Option<PathBuf>,

    /// Do not put the interface into promiscuous mode: capture only packets to and from this
    /// machine
    #[arg(short = 'p', long, help_heading = "Input")]
    pub no_promiscuous: bool,

    /// Size of the capture ring of each core, in MiB
    #[arg(
        long,
        value_name = "MIB",
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(2..=4095),
        help_heading = "Input"
    )]
    pub ring: u32,

    /// Use this filter expression (pcap-filter(7)) in place of the default; ports are then not
    /// checked any further
    #[arg(short = 'f', long, value_name = "EXPR", help_heading = "Selection")]
    pub filter: Option<String>,

    /// Source port of responses; may be repeated; replaces 53
    #[arg(
        short = 'd',
        long = "port",
        value_name = "PORT",
        value_parser = clap::value_parser!(u16).range(1..),
        action = ArgAction::Append,
        help_heading = "Selection"
    )]
    pub ports: Vec<u16>,

    /// Also capture multicast DNS: responses from port 5353
    #[arg(short = 'Y', long, help_heading = "Selection")]
    pub mdns: bool,

    /// Capture only what the original daemon does: UDP datagrams that are whole in one packet; no
    /// TCP, no fragments, no truncated packets
    #[arg(long, help_heading = "Selection")]
    pub plain: bool,

    /// Export responses that ended this way: a list of addresses (what was asked for is there),
    /// nodata, nxdomain, errors, or all; all but addresses need --format v5
    #[arg(
        long,
        value_name = "LIST",
        default_value = "addresses",
        help_heading = "Selection"
    )]
    pub select: Select,

    /// Export responses to questions for these types: a list such as A,AAAA,HTTPS,MX, or any;
    /// types without addresses need --format v5. Default: A, AAAA and questions for ANY
    #[arg(long, value_name = "LIST", help_heading = "Selection")]
    pub types: Option<TypeList>,

    /// Also export responses that are not recursive: for an authoritative name server
    #[arg(long, help_heading = "Selection")]
    pub authoritative: bool,

    /// Decapsulate tunnels: a list of vxlan, geneve, gre, erspan, gtp, ipip, 6in4, or all
    #[arg(
        long,
        value_name = "LIST",
        default_value = "none",
        help_heading = "Selection"
    )]
    pub decap: Tunnels,

    /// UDP port (usually 30030) to which packets are mirrored behind a Juniper mirror header; may
    /// be repeated
    #[arg(
        short = 'J',
        long = "jmirror",
        value_name = "PORT",
        value_parser = clap::value_parser!(u16).range(1..),
        action = ArgAction::Append,
        help_heading = "Selection"
    )]
    pub jmirror: Vec<u16>,

    /// UDP port to which frames are mirrored behind a pcap record header; may be repeated
    #[arg(
        short = 'X',
        long = "pcap-record",
        value_name = "PORT",
        value_parser = clap::value_parser!(u16).range(1..),
        action = ArgAction::Append,
        help_heading = "Selection"
    )]
    pub pcap_record: Vec<u16>,

    /// Export only responses to questions for the names in this file and for all names below them,
    /// one a line; may be repeated
    #[arg(
        long,
        value_name = "FILE",
        action = ArgAction::Append,
        help_heading = "Selection"
    )]
    pub names: Vec<PathBuf>,

    /// Export no responses to questions for the names in this file nor for any below them, even if
    /// --names has them; may be repeated
    #[arg(
        long,
        value_name = "FILE",
        action = ArgAction::Append,
        help_heading = "Selection"
    )]
    pub not_names: Vec<PathBuf>,

    /// Export only responses to these clients: a list such as 10.0.0.0/8,2001:db8::/32, or @FILE
    /// with one prefix a line; may be repeated
    #[arg(
        long,
        value_name = "LIST|@FILE",
        action = ArgAction::Append,
        help_heading = "Selection"
    )]
    pub clients: Vec<Prefixes>,

    /// Export no responses to these clients, even if --clients has them; may be repeated
    #[arg(
        long,
        value_name = "LIST|@FILE",
        action = ArgAction::Append,
        help_heading = "Selection"
    )]
    pub not_clients: Vec<Prefixes>,

    /// Export only responses of these resolvers; may be repeated
    #[arg(
        long,
        value_name = "LIST|@FILE",
        action = ArgAction::Append,
        help_heading = "Selection"
    )]
    pub resolvers: Vec<Prefixes>,

    /// Export no responses of these resolvers, even if --resolvers has them; may be repeated
    #[arg(
        long,
        value_name = "LIST|@FILE",
        action = ArgAction::Append,
        help_heading = "Selection"
    )]
    pub not_resolvers: Vec<Prefixes>,

    /// Keep 1 of N packets, chosen at random; a last resort
    #[arg(
        short = 's',
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "Selection"
    )]
    pub sample: Option<u32>,

    /// What -s keeps 1 of N of: packets at random, or clients, with everything that is for them
    #[arg(long, value_enum, default_value_t = SampleBy::Packet, help_heading = "Selection")]
    pub sample_by: SampleBy,

    /// Key by which --sample-by client chooses: sensors with the same key keep the same clients
    #[arg(
        long,
        value_name = "KEY",
        default_value_t = 0,
        help_heading = "Selection"
    )]
    pub sample_key: u32,

    /// What a core does when packets arrive faster than it can process them
    #[arg(long, value_enum, default_value_t = Overload::Drop, help_heading = "Selection")]
    pub overload: Overload,

    /// Print the capture filter, as an expression and as a program, and exit
    #[arg(long, help_heading = "Selection")]
    pub print_filter: bool,

    /// Cores to run on: a number, auto (half of the CPUs, at least one), all, or a list such as
    /// 0,2-5; 0 is the same as auto
    #[arg(
        short = 'M',
        long,
        value_name = "N|auto|all|LIST",
        default_value = "1",
        help_heading = "Cores"
    )]
    pub cores: Cores,

    /// How the kernel divides packets among the cores
    #[arg(long, value_enum, default_value_t = Fanout::Hash, help_heading = "Cores")]
    pub fanout: Fanout,

    /// The same as --fanout checksum
    #[arg(short = 'c', long, conflicts_with = "fanout", help_heading = "Cores")]
    pub checksum: bool,

    /// Process only share I (from 0) of N, for N sensors on one machine, or on several that receive
    /// the same packets
    #[arg(
        short = 'm',
        long = "share",
        value_name = "I/N",
        help_heading = "Cores"
    )]
    pub share: Option<Share>,

    /// Send records to this collector, a name or an address (IPv6 in brackets); may be repeated, up
    /// to 64 times; the default port is 5300
    #[arg(
        short = 'u',
        long = "udp",
        value_name = "HOST[:PORT]",
        action = ArgAction::Append,
        help_heading = "Output"
    )]
    pub collectors: Vec<String>,

    /// Version of the records: v4, which every collector reads, or v5, which says when, for how long,
    /// and how it ended
    #[arg(long, value_enum, default_value_t = Format::V4, help_heading = "Output")]
    pub format: Format,

    /// Name of this sensor in records of version 5, at most 63 bytes. Default: the host name
    #[arg(long, value_name = "NAME", value_parser = sensor_name, help_heading = "Output")]
    pub sensor_name: Option<String>,

    /// Write the datagrams to a capture file; - is standard output
    #[arg(short = 'w', long, value_name = "FILE", help_heading = "Output")]
    pub write: Option<PathBuf>,

    /// Print records on standard output, one per line
    #[arg(long, help_heading = "Output")]
    pub print: bool,

    /// End the run when -w or --print fails, even if there are other outputs
    #[arg(long, help_heading = "Output")]
    pub strict_output: bool,

    /// Largest packet to a collector, including the IP header, in bytes
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 1500,
        value_parser = clap::value_parser!(u16).range(i64::from(MIN_MTU)..),
        help_heading = "Output"
    )]
    pub mtu: u16,

    /// Longest time for which a record waits until its datagram is full, in seconds
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 1.0,
        value_parser = seconds,
        help_heading = "Output"
    )]
    pub flush: f64,

    /// What becomes of addresses.
    #[command(flatten)]
    pub privacy: PrivacyOptions,

    /// Write the process id to this file and lock it; a second process with the same file does not
    /// start
    #[arg(short = 'P', long, value_name = "FILE", help_heading = "Process")]
    pub pidfile: Option<PathBuf>,

    /// Switch to this user once everything is open, and keep only the capability to open packet
    /// sockets; for live capture that is started by root
    #[arg(
        long,
        value_name = "USER[:GROUP]",
        conflicts_with = "read",
        help_heading = "Process"
    )]
    pub user: Option<Account>,

    /// Least severe messages to log
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        default_value_t = LogLevel::Info,
        help_heading = "Process"
    )]
    pub log_level: LogLevel,

    /// Read options from a TOML file, whose keys are the long option names; the command line takes
    /// precedence, and takes back a flag that is true there by its opposite: --no-mdns, or
    /// --promiscuous for --no-promiscuous
    #[arg(long, value_name = "FILE", help_heading = "Process")]
    pub config: Option<PathBuf>,

    /// Serve metrics for Prometheus, /healthz and /readyz over HTTP on this address, IPv6 in
    /// brackets
    #[arg(
        long,
        value_name = "ADDR:PORT",
        value_parser = address_and_port,
        conflicts_with = "read",
        help_heading = "Process"
    )]
    pub metrics: Option<SocketAddr>,
}

/// Smallest `--mtu`, in bytes: headers of IPv6 and UDP, a datagram header, and a set of which there
/// are enough to hold any response.
pub const MIN_MTU: u16 = 640;

const EXAMPLES: &str = "Examples:
  dnsflow -i eth0 --print                      print the records of an interface
  dnsflow -i eth0 --cores auto -u 192.0.2.1    export to a collector, on half of the CPUs
  dnsflow -r dump.pcap.gz --print              print the records of a capture file
  dnsflow --print-filter -Y                    print the capture filter
  dnsflow check -i eth0 --cores auto           check this machine";

/// The version of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Client, resolver, names and addresses
    V4,
    /// Also times, TTLs, response codes, flags, ports, and all that the answer section has
    V5,
}

/// How the kernel divides packets among cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fanout {
    /// By the kernel's hash of the flow
    Hash,
    /// By the CPU that received the packet
    Cpu,
    /// By the client's address
    Client,
    /// By the UDP checksum; by the client's address where it is zero
    Checksum,
}

/// What a sample is drawn of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SampleBy {
    /// Packets, each at random
    Packet,
    /// Clients, by a hash of the address: all of a client is kept, or nothing
    Client,
}

/// What a core does when packets arrive faster than it can process them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Overload {
    /// Let the kernel drop what the ring has no room for, and count it
    Drop,
    /// Sample: keep 1 of 2, 4, .. 1024 packets until all fit again, and report the rate
    Sample,
}

/// The share of one of several sensors that divide packets by `--share`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which share, from 0.
    pub index: u32,
    /// Number of shares.
    pub count: u32,
}

impl std::str::FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(index, count)| {
            Some(Self {
                index: index.parse().ok()?,
                count: count.parse().ok()?,
            })
        });
        match parsed {
            Some(share) if share.index < share.count => Ok(share),
            Some(share) => Err(format!(
                "I counts from 0 and is at most {}",
                share.count.max(1) - 1
            )),
            None => Err("expected I/N, such as 0/4".to_owned()),
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds from 0.001 to 3600".to_owned()),
    }
}

fn sensor_name(text: &str) -> Result<String, String> {
    let is_printable = |letter: char| !letter.is_control() && !letter.is_whitespace();
    if (1..=63).contains(&text.len()) && text.chars().all(is_printable) {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 63 bytes without spaces and control characters".to_owned())
    }
}

fn address_and_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an address and a port, such as 127.0.0.1:9530 or [::1]:9530".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn addresses_of_metrics() {
        for right in ["127.0.0.1:9530", "[::1]:9530", "[::]:9530"] {
            assert!(address_and_port(right).is_ok(), "{right}");
        }
        for wrong in [
            "9530",
            ":9530",
            "127.0.0.1",
            "::1:9530",
            "localhost:9530",
            "127.0.0.1:65536",
        ] {
            assert!(address_and_port(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares() {
        assert_eq!("1/4".parse(), Ok(Share { index: 1, count: 4 }));
        for wrong in ["4/4", "0/0", "1", "-1/2", "a/b", "1/2/3"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
