//! The record that a perfect sensor exports for a packet, known from making the packet.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::message::Message;

/// The set of one response. Its names are ranges of the [`Message`] that it was made with.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) client: IpAddr,
    pub(crate) resolver: IpAddr,
    pub(crate) names: Vec<Range<usize>>,
    pub(crate) ipv4: Vec<Ipv4Addr>,
    pub(crate) ipv6: Vec<Ipv6Addr>,
}

impl Expected {
    /// An empty set.
    pub(crate) fn new() -> Self {
        let none = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            client: none,
            resolver: none,
            names: vec![],
            ipv4: vec![],
            ipv6: vec![],
        }
    }

    /// Forgets names and addresses, for the next response.
    pub(crate) fn begin(&mut self, client: IpAddr, resolver: IpAddr) {
        self.client = client;
        self.resolver = resolver;
        self.names.clear();
        self.ipv4.clear();
        self.ipv6.clear();
    }

    /// Appends the set as a line: client, resolver, names, IPv4 and IPv6 addresses, between tabs;
    /// inside a field, commas. Whatever in a name could be mistaken is escaped as `\DDD`.
    pub(crate) fn write_line(&self, message: &Message, line: &mut String) {
        // Writing to a String cannot fail.
        let _ = write!(line, "{}\t{}\t", self.client, self.resolver);
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                line.push(',');
            }
            write_name(message.labels(name), line);
        }
        line.push('\t');
        write_list(&self.ipv4, line);
        line.push('\t');
        write_list(&self.ipv6, line);
        line.push('\n');
    }
}

fn write_list<T: std::fmt::Display>(items: &[T], line: &mut String) {
    for (index, item) in items.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(line, "{comma}{item}");
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
