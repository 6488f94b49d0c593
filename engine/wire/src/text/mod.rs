//! One line of text per record, for people, grep and awk.
//!
//! ```text
//! sensor|resolver|client|time|names|ips|ip6s
//! 192.0.2.1|192.0.2.53|198.51.100.7|09:26:53|www.example.org,web.example.net|203.0.113.80|
//! ```
//!
//! Names come from the network, so whoever answers a query chooses their bytes. They are escaped so
//! that no name can forge a field, a line, or a terminal's control sequence: the bytes of a label
//! that separate something here (dot, comma, bar, backslash) and all bytes outside 0x21 to 0x7e are
//! written as `\DDD`, three decimal digits, as in zone files (RFC 1035, section 5.1). The root is
//! `.`; case is kept as received. All output is ASCII.
//!
//! Of a response that has more names than are exported, the list of names ends with `...`, which is
//! no name.
//!
//! ```
//! use dnsflow_wire::text::NameText;
//!
//! let labels: [&[u8]; 2] = [b"a.b|\n", b"example"];
//! assert_eq!(NameText(labels).to_string(), r"a\046b\124\010.example");
//! ```
//!
//! A record of version 5 says more. What it adds stands in columns behind those, if asked for
//! ([`FIELDS`]):
//!
//! ```text
//! port|transport|type|rcode|flags|answers|interface|vlan|vni|subnet
//! 51642|udp|A|NOERROR|rd,ra|www.example.org 300 A 203.0.113.80|eth0|100||
//! ```
//!
//! Answers are as in zone files: `owner TTL TYPE data`, with the class before the type if it is not IN.
//! RDATA that has no known form, or not that of its type, is `\# LENGTH HEX` (RFC 3597, section 5).
//!
//! Lines are written to any [`core::fmt::Write`]; a `String` that is cleared and reused stops
//! allocating once it has the longest line's size. The module refuses to know where lines go, and
//! when.

mod fields;
mod mnemonic;
mod rdata;
mod stats;
mod svcb;

use core::fmt::{self, Display, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

pub use fields::{
    AnswerText, DataText, FIELDS, FlagsText, SubnetText, write_record_and_fields,
    write_set_and_fields,
};
pub use mnemonic::{ClassText, RcodeText, TypeText, UnknownType};
pub use stats::{write_counters, write_stats};

use crate::response::Response;
use crate::v4::Set;
use crate::v5;

/// The header line: the names of the fields, separated by bars. Without a line end.
pub const HEADER: &str = "sensor|resolver|client|time|names|ips|ip6s";

/// The end of the list of names of a response that has more than
/// [`MAX_NAMES_BYTES`](crate::dns::MAX_NAMES_BYTES) of them.
pub const MORE_NAMES: &str = "...";

/// The first column of a line of statistics.
const STATS: &[u8] = b"STATS";

/// The sender of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensor<'a> {
    /// The address that it came from.
    Address(IpAddr),
    /// The name that it gives itself, which anyone can. Escaped as names are, but for dots; `STATS`,
    /// with which a line of statistics starts, has its first letter escaped.
    Name(&'a [u8]),
}

impl Display for Sensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(STATS) => f.write_str("\\083TATS"),
            Self::Name(name) => write_escaped(f, name, is_separator),
        }
    }
}

/// One record: the fields of a line, in order.
///
/// `N` iterates over names, each an iterator over its labels from left to right without the root's
/// empty one; `A` and `B` iterate over the addresses. None is collected.
#[derive(Clone, Copy, Debug)]
pub struct Record<'s, N, A, B> {
    /// The sender of the record; an empty field if there is none.
    pub sensor: Option<Sensor<'s>>,
    /// The resolver; an empty field if it is not known, as before version 4.
    pub resolver: Option<IpAddr>,
    /// The client.
    pub client: IpAddr,
    /// Time since 1970-01-01 00:00 UTC; written as time of day.
    pub time: Duration,
    /// The name asked for, then the CNAME targets.
    pub names: N,
    /// IPv4 addresses.
    pub ipv4: A,
    /// IPv6 addresses.
    pub ipv6: B,
    /// Whether the response had more names than those.
    pub has_more_names: bool,
}

impl<'n, N, A, B> Record<'_, N, A, B>
where
    N: IntoIterator<Item: IntoIterator<Item = &'n [u8]>>,
    A: IntoIterator<Item = Ipv4Addr>,
    B: IntoIterator<Item = Ipv6Addr>,
{
    /// Writes the line, line end included.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    pub fn write(self, out: &mut impl Write) -> fmt::Result {
        self.write_columns(out)?;
        out.write_char('\n')
    }

    /// Writes the line without its end.
    fn write_columns(self, out: &mut impl Write) -> fmt::Result {
        write_known(out, self.sensor)?;
        out.write_char('|')?;
        write_known(out, self.resolver)?;
        write!(out, "|{}|{}|", self.client, Clock(self.time))?;
        let mut comma = Comma::default();
        for name in self.names {
            comma.write(out)?;
            write_name(out, name)?;
        }
        if self.has_more_names {
            comma.write(out)?;
            out.write_str(MORE_NAMES)?;
        }
        out.write_char('|')?;
        write_list(out, self.ipv4)?;
        out.write_char('|')?;
        write_list(out, self.ipv6)
    }
}

/// Writes the line of a data set that was decoded, line end included.
///
/// # Errors
///
/// Only those of `out`.
pub fn write_set(
    out: &mut impl Write,
    sensor: Option<IpAddr>,
    time: Duration,
    set: &Set<'_>,
) -> fmt::Result {
    write_set_columns(out, sensor, time, set)?;
    out.write_char('\n')
}

fn write_set_columns(
    out: &mut impl Write,
    sensor: Option<IpAddr>,
    time: Duration,
    set: &Set<'_>,
) -> fmt::Result {
    Record {
        sensor: sensor.map(Sensor::Address),
        resolver: set.resolver(),
        client: set.client(),
        time,
        names: set.names(),
        ipv4: set.ipv4(),
        ipv6: set.ipv6(),
        has_more_names: false,
    }
    .write_columns(out)
}

/// Writes the line of a record of version 5, line end included. Its time is its own.
///
/// # Errors
///
/// Only those of `out`.
pub fn write_record(
    out: &mut impl Write,
    sensor: Option<Sensor<'_>>,
    record: &v5::Record<'_>,
) -> fmt::Result {
    write_record_columns(out, sensor, record)?;
    out.write_char('\n')
}

fn write_record_columns(
    out: &mut impl Write,
    sensor: Option<Sensor<'_>>,
    record: &v5::Record<'_>,
) -> fmt::Result {
    Record {
        sensor,
        resolver: Some(record.origin.address),
        client: record.client,
        time: record.time,
        names: record.names(),
        ipv4: record.ipv4(),
        ipv6: record.ipv6(),
        has_more_names: false,
    }
    .write_columns(out)
}

/// Writes the line of a response to be exported, line end included: the same as that of its set,
/// but for [`MORE_NAMES`].
///
/// # Errors
///
/// Only those of `out`.
pub fn write_response(
    out: &mut impl Write,
    sensor: Option<IpAddr>,
    time: Duration,
    response: &Response<'_>,
) -> fmt::Result {
    let answers = &response.answers;
    Record {
        sensor: sensor.map(Sensor::Address),
        resolver: Some(response.envelope.endpoints.resolver()),
        client: response.envelope.endpoints.client(),
        time,
        names: answers.names(),
        ipv4: answers.ipv4().iter().map(|&octets| Ipv4Addr::from(octets)),
        ipv6: answers.ipv6().iter().map(|&octets| Ipv6Addr::from(octets)),
        has_more_names: answers.omitted_names() > 0,
    }
    .write(out)
}

/// A name to be formatted, escaped as the [module](self) describes; from an iterator over its
/// labels, such as [`Name`](crate::dns::Name).
#[derive(Clone, Copy, Debug)]
pub struct NameText<L>(pub L);

impl<'n, L: IntoIterator<Item = &'n [u8]> + Clone> Display for NameText<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, self.0.clone())
    }
}

/// Time of day in UTC as `HH:MM:SS`, from the time since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug)]
pub struct Clock(pub Duration);

impl Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs() % (24 * 60 * 60);
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}", seconds % 60)
    }
}

fn write_name<'n>(out: &mut impl Write, labels: impl IntoIterator<Item = &'n [u8]>) -> fmt::Result {
    let mut root = true;
    for label in labels {
        if !root {
            out.write_char('.')?;
        }
        root = false;
        write_label(out, label)?;
    }
    if root {
        out.write_char('.')?;
    }
    Ok(())
}

fn write_label(out: &mut impl Write, label: &[u8]) -> fmt::Result {
    write_escaped(out, label, |byte| is_separator(byte) || byte == b'.')
}

/// Writes what needs no escape in whole pieces.
fn write_escaped(
    out: &mut impl Write,
    bytes: &[u8],
    is_escaped: impl Fn(u8) -> bool,
) -> fmt::Result {
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().position(|&byte| is_escaped(byte));
        let (piece, behind) = rest.split_at(plain.unwrap_or(rest.len()));
        out.write_str(core::str::from_utf8(piece).map_err(|_| fmt::Error)?)?;
        rest = match behind.split_first() {
            Some((&byte, behind)) => {
                out.write_char('\\')?;
                for digit in [byte / 100, byte / 10 % 10, byte % 10] {
                    out.write_char(char::from(b'0' + digit))?;
                }
                behind
            }
            None => behind,
        };
    }
    Ok(())
}

/// Whether a byte separates something in a line or an escape, or is no printable ASCII.
fn is_separator(byte: u8) -> bool {
    !byte.is_ascii_graphic() || matches!(byte, b',' | b'|' | b'\\')
}

fn write_known(out: &mut impl Write, value: Option<impl Display>) -> fmt::Result {
    match value {
        Some(value) => write!(out, "{value}"),
        None => Ok(()),
    }
}

fn write_list(out: &mut impl Write, items: impl IntoIterator<Item: Display>) -> fmt::Result {
    let mut comma = Comma::default();
    for item in items {
        comma.write(out)?;
        write!(out, "{item}")?;
    }
    Ok(())
}

/// Writes a comma before each item but the first.
#[derive(Default)]
struct Comma {
    wanted: bool,
}

impl Comma {
    fn write(&mut self, out: &mut impl Write) -> fmt::Result {
        if self.wanted {
            out.write_char(',')?;
        }
        self.wanted = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(names: &[&[&[u8]]], ipv4: &[Ipv4Addr], ipv6: &[Ipv6Addr]) -> String {
        let mut out = String::new();
        Record {
            sensor: Some(Sensor::Address([192, 0, 2, 1].into())),
            resolver: None,
            client: IpAddr::from([198, 51, 100, 7]),
            time: Duration::new(86_400 * 20_000 + 9 * 3600 + 26 * 60 + 53, 999_999_999),
            names: names.iter().map(|labels| labels.iter().copied()),
            ipv4: ipv4.iter().copied(),
            ipv6: ipv6.iter().copied(),
            has_more_names: false,
        }
        .write(&mut out)
        .unwrap();
        out
    }

    #[test]
    fn fields_stand_in_the_order_of_the_header() {
        let www: &[&[u8]] = &[b"www", b"Example", b"org"];
        let web: &[&[u8]] = &[b"web"];
        let v4 = [
            Ipv4Addr::new(203, 0, 113, 80),
            Ipv4Addr::new(203, 0, 113, 81),
        ];
        let v6 = [Ipv6Addr::LOCALHOST];
        assert_eq!(
            line(&[www, web], &v4, &v6),
            "192.0.2.1||198.51.100.7|09:26:53|www.Example.org,web|203.0.113.80,203.0.113.81|::1\n"
        );
        assert_eq!(
            line(&[www], &v4, &v6).matches('|').count(),
            HEADER.matches('|').count()
        );
    }

    #[test]
    fn no_byte_of_a_name_forges_a_field() {
        for byte in 0..=u8::MAX {
            let label = [b'a', byte, b'z'];
            let text = NameText([&label[..], b"org"]).to_string();
            let plain = byte.is_ascii_graphic() && !b".,|\\".contains(&byte);
            let middle = if plain {
                char::from(byte).to_string()
            } else {
                format!("\\{byte:03}")
            };
            assert_eq!(text, format!("a{middle}z.org"));
        }
    }

    #[test]
    fn no_sensor_forges_statistics_or_a_field() {
        let show = |name: &[u8]| Sensor::Name(name).to_string();
        assert_eq!(show(b"ns1.example net|\xff"), r"ns1.example\032net\124\255");
        assert_eq!(show(b"STATS"), r"\083TATS");
        assert_eq!(show(b"STATS2"), "STATS2");
    }

    #[test]
    fn the_root_is_a_dot() {
        assert_eq!(
            line(&[&[]], &[], &[]),
            "192.0.2.1||198.51.100.7|09:26:53|.||\n"
        );
    }

    #[test]
    fn a_list_that_lacks_names_says_so() {
        let mut out = String::new();
        let record = Record {
            sensor: None,
            resolver: None,
            client: IpAddr::from([198, 51, 100, 7]),
            time: Duration::ZERO,
            names: [[&b"a"[..]]],
            ipv4: [Ipv4Addr::LOCALHOST],
            ipv6: [Ipv6Addr::LOCALHOST; 0],
            has_more_names: true,
        };
        record.write(&mut out).unwrap();
        assert_eq!(out, "||198.51.100.7|00:00:00|a,...|127.0.0.1|\n");
    }
}
