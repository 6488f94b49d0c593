//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser};

use crate::decrypt::DecryptOptions;
use crate::filter::Expression;

/// Print what dnsflow sensors export.
///
/// One line per record (one DNS response), fields divided by bars:
///
///   sensor|resolver|client|time|names|ips|ip6s
///
/// Lists are divided by commas. The first name is the one asked for, the others are the CNAME
/// targets in the order of the answer. Time is the time of day in UTC. Dots, commas, bars and
/// backslashes inside a label, and bytes that are not printable ASCII, are written as \DDD in
/// decimal; the root is ".". The resolver is empty for sensors that speak a version before 4;
/// versions 0 to 5 are read. A sensor exports at most 2 KiB of the names of a response. In the lines
/// of its own --print, "..." ends a list of names that lacks some; records do not tell.
///
/// Records of version 5 have the time at which the response was captured; records before that have
/// the time at which the datagram came. The sensor is its address, or in version 5 the name that it
/// gives itself, if it has one. Anyone who can send to the collector can forge both.
///
/// Statistics of a sensor are a line as well:
///
///   STATS|sensor|time|captured:N|received:N|dropped:N|ifdropped:N|sample_rate:N
///
/// What is not known is empty.
///
/// At the end of the input, on Ctrl-C and on SIGTERM, a summary follows for each source (address
/// and UDP port, and in version 5 the core: one stream of one sensor): what it sent and how often, how far its counters moved
/// from its first statistics to its last, and by its sequence numbers what was lost, came out of
/// order, came twice, and how often the stream started over.
///
/// Bad datagrams are described on standard error, the first ten of them, and counted; records
/// before the damage are printed.
#[derive(Debug, Parser)]
#[command(name = "dnsflow-read", version, after_long_help = EXAMPLES)]
pub struct Options {
    #[command(flatten)]
    pub(crate) input: Input,

    /// Narrow what is read: a pcap filter expression, and-ed to `udp and dst port 5300`.
    ///
    /// See pcap-filter(7). One or two VLAN tags before the packet are looked through.
    #[arg(
        short = 'f',
        long = "filter",
        value_name = "EXPR",
        conflicts_with = "listen"
    )]
    filter: Option<String>,

    /// Replace the filter: a pcap filter expression instead of `udp and dst port 5300`.
    ///
    /// Used as it stands: for collectors on another port, or for VLAN tags more than two deep. An
    /// empty expression takes every packet.
    #[arg(
        short = 'F',
        long = "replace-filter",
        value_name = "EXPR",
        conflicts_with_all = ["filter", "listen"]
    )]
    replace_filter: Option<String>,

    /// Print statistics only, no records.
    #[arg(short = 's', long = "stats", conflicts_with = "summary")]
    pub(crate) stats: bool,

    /// Print the summary only.
    #[arg(short = 'S', long = "summary")]
    pub(crate) summary: bool,

    /// Stop after N datagrams, bad ones included.
    #[arg(
        short = 'c',
        long = "count",
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) count: Option<u64>,

    /// Add the columns of version 5.
    ///
    /// Behind the others: port|transport|type|rcode|flags|answers|interface|vlan|vni|subnet. Records
    /// before version 5 have nothing there.
    ///
    /// Port is the client's, transport udp or tcp. Type is that of the question, with its class if
    /// that is not IN. Flags are aa, tc, rd, ra, z, ad, cd of the message; then "incomplete" if its end
    /// was not captured, "continued" if the record continues the one before, and "more" if more of the
    /// response follows in the next one. Answers are as in zone files, "owner TTL TYPE data", with the
    /// class before the type if it is not IN; data of no known form is \# LENGTH HEX (RFC 3597), and
    /// data that had no room in a datagram \# LENGTH and three dots. Values of a list in SVCB and HTTPS
    /// are separated by \044. Interface is the sensor's; vlan is OUTER or OUTER.INNER; vni is that of the
    /// tunnel; subnet is the EDNS client subnet as ADDRESS/SOURCE/SCOPE.
    ///
    /// Statistics of version 5 have all counters, each as |NAME:N.
    #[arg(long, conflicts_with_all = ["json", "ecs"])]
    pub(crate) fields: bool,

    /// Print JSON, one object per line.
    ///
    /// Records are {"time", "sensor", "port", "sequence", "client", "resolver", "names", "ipv4",
    /// "ipv6"}, statistics {"time", "sensor", "port", "sequence", "stats": {..}}, and the summary
    /// of a source is {"summary": {..}}. Times are RFC 3339 in UTC with microseconds; sensor and
    /// port are where the datagram came from; what is not known is null.
    ///
    /// Records of version 5 have also "received", the time at which the datagram came ("time" is that
    /// of the capture), "boot" (16 hexadecimal digits), "core", "sensor_name", "sampling",
    /// "client_port", "resolver_port", "transport", "type" and "class" of the question, "rcode", "flags",
    /// "answers": [{"name", "class", "ttl", "type", "data"}], "interface", "vlan", "inner_vlan",
    /// "vni", "subnet": {"family", "address", "source_prefix", "scope_prefix"}, "incomplete",
    /// "continues" and "has_more". Statistics of version 5 have also "received", "boot", "core",
    /// "sensor_name" and "version", and all counters in "stats". Their summary names "core" and
    /// "sensor_name".
    #[arg(long)]
    pub(crate) json: bool,

    /// Print records as events of the Elastic Common Schema, one JSON object per line.
    ///
    /// "@timestamp" is the time of the record; observer.name is the sensor's name or address; client,
    /// server, network.transport, dns.question, dns.response_code, dns.header_flags, dns.resolved_ip and
    /// dns.answers say what the record says. dns.question.registered_domain is there if the name is
    /// below a suffix of the public suffix list. Statistics and the summary are left out.
    #[arg(long, conflicts_with_all = ["json", "stats", "summary"])]
    pub(crate) ecs: bool,

    /// Leave out the line that names the fields.
    #[arg(long)]
    pub(crate) no_header: bool,

    #[command(flatten)]
    pub(crate) decrypt: DecryptOptions,
}

/// Where datagrams come from: exactly one of these.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Input {
    /// Capture on this interface; needs CAP_NET_RAW.
    #[arg(short = 'i', long, value_name = "IF")]
    pub(crate) interface: Option<String>,

    /// Read a capture file, or standard input if FILE is `-`.
    ///
    /// pcap and pcapng, plain or compressed with gzip or zstd, whatever the file's name; link types
    /// Ethernet, Linux cooked (SLL and SLL2), NULL, LOOP and raw IP. `dnsflow -w` writes such a
    /// file.
    #[arg(short = 'r', long, value_name = "FILE")]
    pub(crate) read: Option<PathBuf>,

    /// Be the collector: receive on this address and UDP port.
    ///
    /// Needs no privileges, and no filter applies. `[::]:5300` takes IPv4 and IPv6.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}

impl Options {
    /// The filter asked for.
    pub(crate) fn expression(&self) -> Expression {
        match (&self.replace_filter, &self.filter) {
            (Some(whole), _) => Expression::exactly(whole),
            (None, Some(narrower)) => Expression::narrowed(narrower),
            (None, None) => Expression::default(),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  dnsflow-read --listen '[::]:5300'            collect, print as it comes
  dnsflow-read -i lo                           look at what a local sensor sends
  dnsflow-read -r export.pcap.gz               read what dnsflow -w wrote
  dnsflow-read -r export.pcap -S               what was lost on the way?
  dnsflow-read -r export.pcap --fields         all that version 5 tells
  dnsflow-read -i eth0 -f 'src host 192.0.2.1' one sensor of many
  ssh host tcpdump -U -w - udp port 5300 | dnsflow-read -r - --json | jq .names

Exit status: 0; 1 if the input can't be read, or not to its end; 2 for wrong usage.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn options_are_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn one_input_is_wanted() {
        let parse = |args: &[&str]| {
            Options::try_parse_from([&["dnsflow-read"], args].concat())
                .map(|_| ())
                .is_ok()
        };
        assert!(parse(&["-r", "x"]));
        assert!(parse(&["--listen", "[::1]:5300"]));
        assert!(!parse(&[]));
        assert!(!parse(&["-r", "x", "-i", "lo"]));
        assert!(!parse(&["--listen", "[::1]:5300", "-f", "host 1.2.3.4"]));
        assert!(!parse(&["--listen", "localhost"]));
        assert!(!parse(&["-r", "x", "-f", "a", "-F", "b"]));
        assert!(!parse(&["-r", "x", "-s", "-S"]));
        assert!(!parse(&["-r", "x", "-c", "0"]));
        assert!(parse(&["-r", "x", "--fields", "-s"]));
        assert!(!parse(&["-r", "x", "--fields", "--json"]));
        assert!(!parse(&["-r", "x", "--ecs", "--json"]));
        assert!(!parse(&["-r", "x", "--ecs", "-S"]));
    }
}
