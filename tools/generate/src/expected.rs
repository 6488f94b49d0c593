//! The record that a perfect sensor exports for a packet, known from making the packet.

use std::fmt::{Display, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::message::{Answer, Message, flag, kind, type_name};
use crate::packet::Envelope;
use crate::wanted::Format;

/// Flags in the order of the header, as dnsflow-read names them.
const FLAGS: [(u16, &str); 7] = [
    (flag::AA, "aa"),
    (flag::TC, "tc"),
    (flag::RD, "rd"),
    (flag::RA, "ra"),
    (flag::Z, "z"),
    (flag::AD, "ad"),
    (flag::CD, "cd"),
];

/// Appends the record of a message in this envelope as a line: client, resolver, names, IPv4 and IPv6
/// addresses, between tabs; inside a field, commas. Version 5 has more fields behind them: port of the
/// client, transport, type of the question, response code, flags, answers, VLAN identifiers.
///
/// Whatever in a name could be mistaken is escaped as `\DDD`.
pub(crate) fn write_line(
    format: Format,
    message: &Message,
    envelope: &Envelope,
    line: &mut String,
) {
    // Writing to a String cannot fail.
    let (client, resolver) = (envelope.destination, envelope.source);
    let _ = write!(line, "{}\t{}\t", client.address, resolver.address);
    let asked = message.asked();
    let aliases = message
        .answers()
        .iter()
        .filter(|answer| answer.kind == kind::CNAME)
        .filter_map(|answer| answer.data.name.as_ref());
    let names = asked.iter().map(|(name, _)| name).chain(aliases);
    write_list(names, line, |name, line| {
        write_name(message.labels(name), line);
    });
    line.push('\t');
    write_list(addresses(message, kind::A, ipv4), line, write_shown);
    line.push('\t');
    write_list(addresses(message, kind::AAAA, ipv6), line, write_shown);
    if format == Format::V5 {
        let _ = write!(line, "\t{}\tudp\t", client.port);
        if let Some((_, kind)) = asked {
            line.push_str(type_name(*kind));
        }
        let _ = write!(line, "\t{}\t", code(message.flags()));
        let set = FLAGS.iter().filter(|(bit, _)| message.flags() & bit != 0);
        write_list(set.map(|(_, name)| name), line, write_shown);
        line.push('\t');
        // Signatures are no answers, unless asked for.
        let told = message.answers().iter();
        let told = told.filter(|answer| answer.kind != kind::RRSIG);
        write_list(told, line, |answer, line| {
            write_answer(message, answer, line);
        });
        line.push('\t');
        let tags = &envelope.vlans[..usize::from(envelope.vlan_tags)];
        // A record has room for two.
        for (index, tag) in tags.iter().take(2).enumerate() {
            let dot = if index > 0 { "." } else { "" };
            let _ = write!(line, "{dot}{tag}");
        }
    }
    line.push('\n');
}

fn addresses<T>(
    message: &Message,
    kind: u16,
    address: fn(&[u8]) -> Option<T>,
) -> impl Iterator<Item = T> {
    let answers = message.answers().iter();
    let of_kind = answers.filter(move |answer| answer.kind == kind);
    of_kind.filter_map(move |answer| address(message.before(answer)))
}

fn ipv4(data: &[u8]) -> Option<Ipv4Addr> {
    Some(data.first_chunk::<4>().copied()?.into())
}

fn ipv6(data: &[u8]) -> Option<Ipv6Addr> {
    Some(data.first_chunk::<16>().copied()?.into())
}

/// The response code of a flags word.
fn code(flags: u16) -> &'static str {
    match flags & flag::RCODE {
        0 => "NOERROR",
        flag::SERVFAIL => "SERVFAIL",
        flag::NXDOMAIN => "NXDOMAIN",
        _ => "REFUSED",
    }
}

/// Owner, TTL, type and data, as dnsflow-read --fields shows them.
fn write_answer(message: &Message, answer: &Answer, line: &mut String) {
    write_name(message.labels(&answer.owner), line);
    let _ = write!(line, " {} {} ", answer.ttl, type_name(answer.kind));
    let data = message.before(answer);
    match answer.kind {
        kind::A => write_list(ipv4(data), line, write_shown),
        kind::AAAA => write_list(ipv6(data), line, write_shown),
        kind::TXT => {
            // One string of printable characters.
            let text = String::from_utf8_lossy(data.get(1..).unwrap_or_default());
            let _ = write!(line, "\"{text}\"");
        }
        kind::HTTPS => line.push_str("1 . alpn=h2"),
        // Numbers, then a name.
        _ => {
            let (numbers, _) = data.as_chunks::<2>();
            for number in numbers {
                let _ = write!(line, "{} ", u16::from_be_bytes(*number));
            }
            if let Some(name) = &answer.data.name {
                write_name(message.labels(name), line);
            }
        }
    }
}

fn write_shown(item: impl Display, line: &mut String) {
    let _ = write!(line, "{item}");
}

fn write_list<T>(
    items: impl IntoIterator<Item = T>,
    line: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        write(item, line);
    }
}

fn write_name(mut labels: &[u8], line: &mut String) {
    if labels.is_empty() {
        line.push('.');
    }
    let mut first = true;
    while let Some((&len, rest)) = labels.split_first() {
        if !first {
            line.push('.');
        }
        first = false;
        let (label, rest) = rest.split_at(usize::from(len).min(rest.len()));
        for &byte in label {
            if byte.is_ascii_graphic() && !b".\\,".contains(&byte) {
                line.push(char::from(byte));
            } else {
                let _ = write!(line, "\\{byte:03}");
            }
        }
        labels = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_mistaken_is_escaped() {
        let mut line = String::new();
        write_name(b"\x05a.b,c\x04\\ \x7f\xff\x04Test", &mut line);
        assert_eq!(line, "a\\046b\\044c.\\092\\032\\127\\255.Test");
        line.clear();
        write_name(b"", &mut line);
        assert_eq!(line, ".");
    }
}
