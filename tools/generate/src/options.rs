//! The command line of `dnsflow-gen`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser};

use crate::mix::Mix;
use crate::packet::Mac;
use crate::wanted::Wanted;

/// Packets a second that the time stamps of a file state by default.
pub const FILE_RATE: u64 = 100_000;

/// Make realistic DNS responses, into a capture file or through an interface.
#[derive(Clone, Debug, Parser)]
#[command(name = "dnsflow-gen", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(group(ArgGroup::new("output").required(true).args(["write", "interface"])))]
#[command(long_about = "\
Make realistic DNS responses, into a capture file or through an interface, for trying and measuring \
a sensor.

Every packet follows from the seed: the same options give the same bytes. Addresses are from blocks \
that are never routed (clients from 10.0.0.0/8 and 2001:db8:c::/48, resolvers from 172.16.0.0/16 and \
2001:db8:53::/48, answers from 198.18.0.0/15 and 2001:db8:a::/48), names end in labels that are never \
delegated. Some packets are noise, which a sensor must not export, unless it is told to.

--expect also writes the records that a perfect sensor exports, one per line: client, resolver, \
names, IPv4 and IPv6 addresses, separated by tabs, lists by commas. They are known from making the \
packets, not from parsing them, so they can be used to judge a sensor.

With --format v5 a line has seven more fields: port of the client, transport, type of the question, \
response code, flags, answers, VLAN identifiers. They are written as dnsflow-read --fields does: \
answers as \"owner TTL TYPE data\", VLAN identifiers as OUTER.INNER. Time, interface and VNI are not told. \
What is exported is decided by --select, --types and --authoritative, as by those of the sensor.")]
pub struct Options {
    /// Write a capture file (classic pcap, Ethernet, microseconds); - is standard output
    #[arg(
        short,
        long,
        value_name = "FILE",
        requires = "count",
        help_heading = "Where to"
    )]
    pub write: Option<PathBuf>,

    /// Send through an interface
    ///
    /// Needs CAP_NET_RAW. Frames go to the driver without a queue in between, and are sent again if
    /// it has no room. Frames that the driver drops later are reported, if the kernel counts them.
    #[arg(short, long, value_name = "IF", help_heading = "Where to")]
    pub interface: Option<String>,

    /// Write the expected records, one per line; - is standard output
    ///
    /// In the order of the packets for a file, in no particular order for an interface: sort before
    /// comparing. A record is written as often as it was sent.
    #[arg(short, long, value_name = "FILE", help_heading = "Where to")]
    pub expect: Option<PathBuf>,

    /// Print the summary as one JSON object on standard output
    #[arg(long, help_heading = "Where to")]
    pub json: bool,

    /// Packets to make
    #[arg(short = 'n', long, value_name = "N", help_heading = "How much")]
    pub count: Option<u64>,

    /// With --interface: how long to send, with fractions. Without this and --count it sends until
    /// SIGINT or SIGTERM
    #[arg(short = 't', long, value_name = "S", value_parser = seconds,
          conflicts_with = "write", help_heading = "How much")]
    pub seconds: Option<Duration>,

    /// Packets a second: of the time stamps of a file, 100,000 by default; or sent through an
    /// interface, in bursts of 1 ms, as fast as possible by default
    #[arg(short, long, value_name = "PPS", value_parser = clap::value_parser!(u64).range(1..),
          help_heading = "How much")]
    pub rate: Option<u64>,

    /// With --interface: threads that send, each with its own socket and frames. The default is one
    /// with --rate, else one per CPU
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024),
          conflicts_with = "write", help_heading = "How much")]
    pub threads: Option<u16>,

    /// With --interface: distinct frames, made before the first is sent and then sent in turn
    #[arg(long, value_name = "N", default_value_t = 65_536,
          value_parser = clap::value_parser!(u32).range(1..=16_777_216),
          conflicts_with = "write", help_heading = "How much")]
    pub frames: u32,

    /// Seed of the random numbers
    #[arg(short, long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Destination Ethernet address of the frames
    #[arg(long, value_name = "MAC", default_value = "ff:ff:ff:ff:ff:ff", value_parser = mac)]
    pub destination_mac: Mac,

    /// Source Ethernet address of the frames
    #[arg(long, value_name = "MAC", default_value = "02:00:00:00:00:01", value_parser = mac)]
    pub source_mac: Mac,

    /// What is exported of it.
    #[command(flatten)]
    pub wanted: Wanted,

    /// What the traffic consists of.
    #[command(flatten)]
    pub mix: Mix,
}

const EXAMPLES: &str = "\
Examples:
  Three million packets, the same on every machine:
      dnsflow-gen --write responses.pcap --count 3000000 --seed 7

  The records expected of them as well:
      dnsflow-gen --write responses.pcap --expect sets.tsv --count 100000 --noise 20

  The same of version 5, errors and all types included:
      dnsflow-gen -w responses.pcap -n 100000 -e records.tsv --format v5 --select all --types any

  Into another program:
      dnsflow-gen --write - --count 1000 | tshark -r -

  100,000 responses a second for five seconds, and nothing else:
      dnsflow-gen --interface veth0 --rate 100000 --seconds 5 --noise 0 --json

  As fast as this machine can:
      dnsflow-gen --interface veth0 --seconds 10

Exit status: 0 when everything was written or sent, 2 for wrong usage, 1 for anything else.";

impl Options {
    /// Checks what clap does not: that only one output goes to standard output, and that the format of
    /// records has what is expected.
    ///
    /// # Errors
    /// A message for the user.
    pub fn check(&self) -> Result<(), String> {
        self.wanted.check()?;
        let is_stdout = |path: &Option<PathBuf>| path.as_deref().is_some_and(is_standard_output);
        let claims: Vec<&str> = [
            ("--write -", is_stdout(&self.write)),
            ("--expect -", is_stdout(&self.expect)),
            ("--json", self.json),
        ]
        .into_iter()
        .filter_map(|(name, claimed)| claimed.then_some(name))
        .collect();
        match claims.as_slice() {
            [] | [_] => Ok(()),
            several => Err(format!(
                "{} cannot all go to standard output; give all but one a file",
                several.join(" and ")
            )),
        }
    }
}

/// True for `-`.
#[must_use]
pub fn is_standard_output(path: &std::path::Path) -> bool {
    path.as_os_str() == "-"
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a number of seconds such as 2.5"))?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("{text} is not a duration longer than 0")),
    }
}

fn mac(text: &str) -> Result<Mac, String> {
    let wrong = || format!("{text:?} is not an Ethernet address such as 02:00:00:00:00:01");
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        let part = parts
            .next()
            .filter(|part| part.len() == 2)
            .ok_or_else(wrong)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
    }
    if parts.next().is_some() {
        Err(wrong())
    } else {
        Ok(mac)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn ethernet_addresses() {
        assert_eq!(mac("02:00:00:aB:00:ff"), Ok([2, 0, 0, 0xab, 0, 0xff]));
        for text in [
            "",
            "02:00:00:00:00",
            "02:00:00:00:00:00:00",
            "2:0:0:0:0:1",
            "02:00:00:00:00:0g",
        ] {
            assert!(mac(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_one_gets_standard_output() {
        let parse = |arguments: &str| {
            let arguments = ["dnsflow-gen"]
                .into_iter()
                .chain(arguments.split_whitespace());
            Options::try_parse_from(arguments)
                .expect("options that clap accepts")
                .check()
        };
        assert_eq!(parse("-w - -n 1"), Ok(()));
        assert_eq!(parse("-w x -n 1 --json"), Ok(()));
        assert!(parse("-w - -n 1 --json").is_err());
        assert!(parse("-i x --json --expect -").is_err());
    }
}
