//! The columns that version 5 adds, and the parts of which they are made.

use core::fmt::{self, Display, Write};
use core::net::IpAddr;
use core::time::Duration;

use super::{
    ClassText, Comma, NameText, RcodeText, Sensor, TypeText, is_separator, rdata, write_escaped,
    write_known, write_list, write_record_columns, write_set_columns,
};
use crate::response::Transport;
use crate::v4::Set;
use crate::v5::{Answer, Data, Flags, Record, Subnet};

/// The names of the columns that version 5 adds, separated by bars.
///
/// | column | meaning |
/// |---|---|
/// | `port` | Port of the client. |
/// | `transport` | `udp` or `tcp`. |
/// | `type` | Type of the question; the class behind a blank if it is not IN. Empty without a question. |
/// | `rcode` | Response code. |
/// | `flags` | Flags of the message that are set: `aa`, `tc`, `rd`, `ra`, `z`, `ad`, `cd`. Then `incomplete` if its end was not captured, `continued` if the record continues the one before, `more` if more of the response is in the next one. |
/// | `answers` | All answers, each as [`AnswerText`]. |
/// | `interface` | Interface of the sensor, escaped. |
/// | `vlan` | VLAN identifier, `outer` or `outer.inner`. |
/// | `vni` | Identifier of the tunnel. |
/// | `subnet` | Client subnet as [`SubnetText`]. |
pub const FIELDS: &str = "port|transport|type|rcode|flags|answers|interface|vlan|vni|subnet";

/// The columns of a record that has none of [`FIELDS`], each with the bar before it.
const NO_FIELDS: &str = "||||||||||";

/// Class of nearly all records.
const CLASS_IN: u16 = 1;

/// Writes the line of [`write_record`](super::write_record) and the columns of [`FIELDS`], line end
/// included.
///
/// # Errors
///
/// Only those of `out`.
pub fn write_record_and_fields(
    out: &mut impl Write,
    sensor: Option<Sensor<'_>>,
    record: &Record<'_>,
) -> fmt::Result {
    write_record_columns(out, sensor, record)?;
    write!(out, "|{}|", record.client_port)?;
    out.write_str(match record.transport {
        Transport::Udp => "udp|",
        Transport::Tcp => "tcp|",
    })?;
    if let Some(question) = record.question {
        write!(out, "{}", TypeText(question.record_type))?;
        if question.class != CLASS_IN {
            write!(out, " {}", ClassText(question.class))?;
        }
    }
    write!(out, "|{}|", RcodeText(record.rcode))?;
    write_flags(out, record)?;
    out.write_char('|')?;
    write_list(out, record.answers().map(AnswerText))?;
    out.write_char('|')?;
    let origin = &record.origin;
    write_escaped(out, origin.interface.unwrap_or_default(), is_separator)?;
    out.write_char('|')?;
    write_known(out, origin.vlan)?;
    if let Some(inner) = origin.inner_vlan {
        write!(out, ".{inner}")?;
    }
    out.write_char('|')?;
    write_known(out, origin.vni)?;
    out.write_char('|')?;
    write_known(out, record.subnet.map(SubnetText))?;
    out.write_char('\n')
}

/// Writes the line of [`write_set`](super::write_set) and the columns of [`FIELDS`], which are empty,
/// line end included.
///
/// # Errors
///
/// Only those of `out`.
pub fn write_set_and_fields(
    out: &mut impl Write,
    sensor: Option<IpAddr>,
    time: Duration,
    set: &Set<'_>,
) -> fmt::Result {
    write_set_columns(out, sensor, time, set)?;
    out.write_str(NO_FIELDS)?;
    out.write_char('\n')
}

fn write_flags(out: &mut impl Write, record: &Record<'_>) -> fmt::Result {
    let mut comma = Comma::default();
    let of_record = [
        (record.is_incomplete, "incomplete"),
        (record.continues, "continued"),
        (record.has_more, "more"),
    ];
    let of_record = of_record
        .into_iter()
        .filter_map(|(is_set, name)| is_set.then_some(name));
    for name in record.flags.names().chain(of_record) {
        comma.write(out)?;
        out.write_str(name)?;
    }
    Ok(())
}

/// The flags of a message that are set, such as `aa,rd,ra`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagsText(pub Flags);

impl Display for FlagsText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_list(f, self.0.names())
    }
}

/// An answer, such as `www.example.org 300 A 203.0.113.80`; the class is before the type if it is not
/// IN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerText<'a>(pub Answer<'a>);

impl Display for AnswerText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = &self.0;
        write!(f, "{} {} ", NameText(answer.owner), answer.ttl)?;
        if answer.class != CLASS_IN {
            write!(f, "{} ", ClassText(answer.class))?;
        }
        write!(f, "{} {}", TypeText(answer.record_type), DataText(*answer))
    }
}

/// What an answer says, as in zone files. RDATA without a known form is `\# LENGTH HEX` (RFC 3597,
/// section 5), and what is left out of the record `\# LENGTH ...`.
///
/// Bars, commas, quotes and backslashes in it are escaped where they would be taken for those of the
/// line, so that the values of a list in SVCB are separated by `\044` (RFC 9460, appendix A).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataText<'a>(pub Answer<'a>);

impl Display for DataText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.data {
            Data::Ipv4(address) => address.fmt(f),
            Data::Ipv6(address) => address.fmt(f),
            Data::Name(name) => NameText(name).fmt(f),
            Data::Rdata(rdata) => rdata::write(f, self.0.record_type, self.0.class, rdata),
            Data::LeftOut(length) => write!(f, "\\# {length} ..."),
        }
    }
}

/// A client subnet, as `address/source/scope` with the two prefix lengths. An address that is none
/// of its family is `family:hex` instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubnetText<'a>(pub Subnet<'a>);

impl Display for SubnetText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subnet = &self.0;
        match subnet.ip() {
            Some(address) => write!(f, "{address}")?,
            None => {
                write!(f, "{}:", subnet.family)?;
                rdata::write_hex(f, subnet.address)?;
            }
        }
        write!(f, "/{}/{}", subnet.source_prefix, subnet.scope_prefix)
    }
}
