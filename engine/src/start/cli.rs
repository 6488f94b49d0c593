//! The command line: the original's options with their letters and meaning, and what has come since.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::start::cores::Cores;
use crate::start::privileges::Account;
use dnsflow_packet::tunnel::Tunnels;

/// See which name an address stood for: take DNS responses off an interface or out of a capture file and send
/// who asked whom, for which names, and which addresses came back, to collectors.
///
/// Without a destination (-u, -w) records are printed.
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
    /// How to run.
    #[command(flatten)]
    pub options: Options,
    /// What to do instead.
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What there is besides a run.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Action {
    /// Look at this machine and say what would keep a run with the same options from capturing, or have it lose
    /// something, each with its mend; exit status 1 if it could not capture
    Check(Box<Options>),

    /// Open packet sockets and leave them with the service manager, for a start without any capability; for
    /// ExecStartPre=+ of a unit
    #[command(hide = true)]
    OpenSockets {
        /// How many; without a number, 4 for each CPU, at least 64 and at most 512
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        count: Option<u16>,
    },
}

/// Every option; each is also a key of the file of `--config`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Options {
    /// Capture on this interface, again for each; any is all of them. Without -i and -r: the first that is up, besides
    /// the loopback
    #[arg(short = 'i', long = "interface", value_name = "IF", action = ArgAction::Append, conflicts_with = "read", help_heading = "Input")]
    pub interfaces: Vec<String>,

    /// Read a capture file (pcap or pcapng, also .gz and .zst) instead; - is standard input
    #[arg(short = 'r', long, value_name = "FILE", help_heading = "Input")]
    pub read: Option<PathBuf>,

    /// Do not make the interface promiscuous: take only what is addressed to this machine or sent by it
    #[arg(short = 'p', long, help_heading = "Input")]
    pub no_promiscuous: bool,

    /// MiB of each core's capture ring
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=4095), help_heading = "Input")]
    pub ring: u32,

    /// Filter expression (pcap-filter(7)) in place of the default; it then decides about ports alone
    #[arg(short = 'f', long, value_name = "EXPR", help_heading = "Selection")]
    pub filter: Option<String>,

    /// Source port of resolvers, again for each; replaces 53
    #[arg(short = 'd', long = "port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), action = ArgAction::Append, help_heading = "Selection")]
    pub ports: Vec<u16>,

    /// Also multicast DNS: responses from port 5353
    #[arg(short = 'Y', long, help_heading = "Selection")]
    pub mdns: bool,

    /// Take only what the original takes: whole UDP datagrams in one packet; no TCP, no fragments, no cut packets
    #[arg(long, help_heading = "Selection")]
    pub plain: bool,

    /// Look into tunnels: a list of vxlan, geneve, gre, erspan, gtp, ipip, 6in4, or all
    #[arg(
        long,
        value_name = "LIST",
        default_value = "none",
        help_heading = "Selection"
    )]
    pub decap: Tunnels,

    /// Packets to this UDP port carry a Juniper mirror header (usually 30030), then the packet; again for each
    #[arg(short = 'J', long = "jmirror", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), action = ArgAction::Append, help_heading = "Selection")]
    pub jmirror: Vec<u16>,

    /// Packets to this UDP port carry a pcap record header, then the frame; again for each
    #[arg(short = 'X', long = "pcap-record", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), action = ArgAction::Append, help_heading = "Selection")]
    pub pcap_record: Vec<u16>,

    /// Keep 1 of N packets, at random; as a last resort
    #[arg(short = 's', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Selection")]
    pub sample: Option<u32>,

    /// Print the capture filter, as an expression and as a program, and exit
    #[arg(long, help_heading = "Selection")]
    pub print_filter: bool,

    /// Cores to run on: a number, auto (half the CPUs, at least one), all, or a list such as 0,2-5; -M 0 is
    /// auto
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

    /// Take only share I (from 0) of N; to run N sensors by hand, on one machine or on several that see the
    /// same packets
    #[arg(
        short = 'm',
        long = "share",
        value_name = "I/N",
        help_heading = "Cores"
    )]
    pub share: Option<Share>,

    /// Send to a collector: a name or an address, IPv6 in brackets; again for each, at most 64; port 5300 where none is given
    #[arg(short = 'u', long = "udp", value_name = "HOST[:PORT]", action = ArgAction::Append, help_heading = "Output")]
    pub collectors: Vec<String>,

    /// Write datagrams to a capture file; - is standard output
    #[arg(short = 'w', long, value_name = "FILE", help_heading = "Output")]
    pub write: Option<PathBuf>,

    /// Print records as lines of text on standard output
    #[arg(long, help_heading = "Output")]
    pub print: bool,

    /// Largest packet that may leave for a collector, IP header included, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1500, value_parser = clap::value_parser!(u16).range(i64::from(MIN_MTU)..), help_heading = "Output")]
    pub mtu: u16,

    /// Longest time that a record waits for others to fill its datagram, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds, help_heading = "Output")]
    pub flush: f64,

    /// Write the process id to a file and lock it: a second start on it is refused
    #[arg(short = 'P', long, value_name = "FILE", help_heading = "Process")]
    pub pidfile: Option<PathBuf>,

    /// Become this user once everything is opened, and keep no privilege but that of opening packet sockets; for
    /// live capture that root has started
    #[arg(
        long,
        value_name = "USER[:GROUP]",
        conflicts_with = "read",
        help_heading = "Process"
    )]
    pub user: Option<Account>,

    /// What to say: only what went wrong, also what may be wrong, also what happens, or more
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info, help_heading = "Process")]
    pub log_level: LogLevel,

    /// Read options from a TOML file, whose keys are the long names; the command line wins
    #[arg(long, value_name = "FILE", help_heading = "Process")]
    pub config: Option<PathBuf>,

    /// Serve metrics for Prometheus, /healthz and /readyz over HTTP on this address, IPv6 in brackets
    #[arg(long, value_name = "ADDR:PORT", value_parser = address_and_port, conflicts_with = "read", help_heading = "Process")]
    pub metrics: Option<SocketAddr>,
}

/// Smallest `--mtu`, in bytes: the headers of IPv6 and UDP, a datagram header, and a set into which any response
/// can be split.
pub const MIN_MTU: u16 = 640;

const EXAMPLES: &str = "Examples:
  dnsflow -i eth0 --print                      see what there is to see
  dnsflow -i eth0 --cores auto -u 192.0.2.1    export from half the CPUs
  dnsflow -r dump.pcap.gz --print              read a file
  dnsflow --print-filter -Y                    what would be captured
  dnsflow check -i eth0 --cores auto           what is in the way on this machine";

/// How packets are divided among cores.
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

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Only what ended the work or lost something for good
    Error,
    /// Also what may lose something
    Warn,
    /// Also starts, ends and changes
    Info,
    /// Also what helps to find out why
    Debug,
}

impl From<LogLevel> for log::LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => log::LevelFilter::Error,
            LogLevel::Warn => log::LevelFilter::Warn,
            LogLevel::Info => log::LevelFilter::Info,
            LogLevel::Debug => log::LevelFilter::Debug,
        }
    }
}

/// One of several sensors that were started by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

impl std::str::FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(index, count)| {
            Some(Share {
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
            None => Err("I/N is wanted, such as 0/4".to_owned()),
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds from 0.001 to 3600 are wanted".to_owned()),
    }
}

fn address_and_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "an address and a port are wanted, such as 127.0.0.1:9530 or [::1]:9530".to_owned()
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
