//! The options that say what the traffic consists of.

use crate::population::{MAX_CLIENTS, MAX_RESOLVERS};
use crate::random::Share;

/// Most addresses that one response can be given.
pub(crate) const MAX_ADDRESSES: u8 = 16;
/// Longest chain of CNAME records.
pub(crate) const MAX_CNAME_DEPTH: u8 = 4;
/// Most VLAN tags on a frame.
pub(crate) const MAX_VLAN_TAGS: u8 = 4;

/// The shares and sizes of one run, as options of the program.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The mix of packets")]
pub struct Mix {
    /// Packets that a sensor must not export: queries, NXDOMAIN, SERVFAIL and REFUSED, other
    /// question types, answers without addresses, truncated ones, answers of servers that offer no
    /// recursion, and traffic that is not DNS
    #[arg(long, value_name = "PERCENT", default_value = "10")]
    pub noise: Share,

    /// Packets over IPv6
    #[arg(long, value_name = "PERCENT", default_value = "20")]
    pub ipv6: Share,

    /// Frames with VLAN tags
    #[arg(long, value_name = "PERCENT", default_value = "10")]
    pub vlan: Share,

    /// Tags on such a frame: one is 802.1Q, those around it are 802.1ad
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_VLAN_TAGS)))]
    pub vlan_tags: u8,

    /// IPv4 packets with a UDP checksum of zero, which means none
    #[arg(long, value_name = "PERCENT", default_value = "0")]
    pub zero_checksum: Share,

    /// Client addresses, at most 16,777,216
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CLIENTS)))]
    pub clients: u32,

    /// Resolver addresses, at most 65,535
    #[arg(long, value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RESOLVERS)))]
    pub resolvers: u32,

    /// Responses whose question is AAAA
    #[arg(long, value_name = "PERCENT", default_value = "30")]
    pub aaaa: Share,

    /// Responses whose question is ANY
    #[arg(long, value_name = "PERCENT", default_value = "1")]
    pub any: Share,

    /// Responses with at least one CNAME
    #[arg(long, value_name = "PERCENT", default_value = "45")]
    pub cname: Share,

    /// Longest chain of CNAMEs
    #[arg(long, value_name = "N", default_value_t = MAX_CNAME_DEPTH,
          value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_CNAME_DEPTH)))]
    pub cname_depth: u8,

    /// Responses with a DNAME, from which one CNAME is made up
    #[arg(long, value_name = "PERCENT", default_value = "1")]
    pub dname: Share,

    /// Most addresses in a response; few are more common than many
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_ADDRESSES)))]
    pub addresses: u8,

    /// Responses with an RRSIG after each record set
    #[arg(long, value_name = "PERCENT", default_value = "4")]
    pub signed: Share,

    /// Responses with an OPT record
    #[arg(long, value_name = "PERCENT", default_value = "75")]
    pub edns: Share,

    /// Responses with NS records in the authority section and their addresses in the additional one
    #[arg(long, value_name = "PERCENT", default_value = "20")]
    pub authority: Share,

    /// Responses to a question in mixed letter case (0x20)
    #[arg(long, value_name = "PERCENT", default_value = "10")]
    pub mixed_case: Share,

    /// Responses without name compression
    #[arg(long, value_name = "PERCENT", default_value = "2")]
    pub uncompressed: Share,

    /// Responses with a name that is not text: dots, commas, spaces, bytes over 0x7f in a label
    #[arg(long, value_name = "PERCENT", default_value = "0.5")]
    pub odd_names: Share,
}
