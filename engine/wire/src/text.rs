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
//! Lines are written to any [`core::fmt::Write`]; a `String` that is cleared and reused stops
//! allocating once it has the longest line's size. The module refuses to know where lines go, and
//! when.

use core::fmt::{self, Display, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use crate::response::Response;
use crate::v4::Set;

/// The header line: the names of the fields, separated by bars. Without a line end.
pub const HEADER: &str = "sensor|resolver|client|time|names|ips|ip6s";

/// The end of the list of names of a response that has more than
/// [`MAX_NAMES_BYTES`](crate::dns::MAX_NAMES_BYTES) of them.
pub const MORE_NAMES: &str = "...";

/// One record: the fields of a line, in order.
///
/// `N` iterates over names, each an iterator over its labels from left to right without the root's
/// empty one; `A` and `B` iterate over the addresses. None is collected.
#[derive(Clone, Copy, Debug)]
pub struct Record<N, A, B> {
    /// The sender of the record; an empty field if there is none.
    pub sensor: Option<IpAddr>,
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

impl<'n, N, A, B> Record<N, A, B>
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
        write_list(out, self.ipv6)?;
        out.write_char('\n')
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
    Record {
        sensor,
        resolver: set.resolver(),
        client: set.client(),
        time,
        names: set.names(),
        ipv4: set.ipv4(),
        ipv6: set.ipv6(),
        has_more_names: false,
    }
    .write(out)
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
        sensor,
        resolver: Some(response.endpoints.resolver()),
        client: response.endpoints.client(),
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

/// Writes what needs no escape in whole pieces.
fn write_label(out: &mut impl Write, label: &[u8]) -> fmt::Result {
    let mut rest = label;
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

fn is_escaped(byte: u8) -> bool {
    !byte.is_ascii_graphic() || matches!(byte, b'.' | b',' | b'|' | b'\\')
}

fn write_known(out: &mut impl Write, address: Option<IpAddr>) -> fmt::Result {
    match address {
        Some(address) => write!(out, "{address}"),
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
            sensor: Some(IpAddr::from([192, 0, 2, 1])),
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
