//! Keys: what is counted, as bytes, and back to the text that is shown.
//!
//! Names are counted as their labels in lower case, each behind its length, which is quicker to make
//! than text and holds any byte; addresses as their octets.

use std::fmt::Display;
use std::net::IpAddr;

use dnsflow_records::domain;
use dnsflow_wire::dns::MAX_NAME_BYTES;
use dnsflow_wire::text::{NameText, RcodeText, TypeText};

use crate::snapshot::Kind;

/// A name as a key.
#[derive(Debug)]
pub(crate) struct NameKey {
    bytes: [u8; MAX_NAME_BYTES],
    length: usize,
}

impl NameKey {
    pub(crate) fn new() -> Self {
        Self {
            bytes: [0; MAX_NAME_BYTES],
            length: 0,
        }
    }

    /// Takes a name; false if it is longer than names of DNS are, as one of versions before 5 can be.
    pub(crate) fn set<'a>(&mut self, labels: impl Iterator<Item = &'a [u8]>) -> bool {
        self.length = 0;
        for label in labels {
            let end = self.length + 1 + label.len();
            let room = self.bytes.get_mut(self.length..end);
            let parts = room.and_then(<[u8]>::split_first_mut);
            let (Some((head, room)), Ok(length)) = (parts, u8::try_from(label.len())) else {
                return false;
            };
            *head = length;
            room.copy_from_slice(label);
            room.make_ascii_lowercase();
            self.length = end;
        }
        true
    }

    /// The key.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The key of the registered domain that the name is in, if it is below a public suffix.
    pub(crate) fn domain(&self) -> Option<&[u8]> {
        let mut labels = Labels(self.bytes());
        let skipped = domain::registered(labels.clone())?;
        if skipped > 0 {
            labels.nth(skipped - 1)?;
        }
        Some(labels.0)
    }
}

/// The labels of a key that is a name.
#[derive(Clone)]
struct Labels<'a>(&'a [u8]);

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&length, rest) = self.0.split_first()?;
        let (label, rest) = rest.split_at_checked(length.into())?;
        self.0 = rest;
        Some(label)
    }
}

/// Gives the octets of an address to `take`.
pub(crate) fn of_address(address: IpAddr, take: impl FnOnce(&[u8])) {
    match address {
        IpAddr::V4(address) => take(&address.octets()),
        IpAddr::V6(address) => take(&address.octets()),
    }
}

/// A key of a list as text: printable ASCII, whatever the key's bytes are.
pub(crate) fn text(kind: Kind, key: &[u8]) -> String {
    match kind {
        Kind::Names | Kind::Domains => NameText(Labels(key)).to_string(),
        Kind::Clients | Kind::Resolvers | Kind::Addresses => {
            let ipv4 = <[u8; 4]>::try_from(key).map(IpAddr::from);
            let address = ipv4.or_else(|_| <[u8; 16]>::try_from(key).map(IpAddr::from));
            address.map_or_else(|_| String::new(), |address| address.to_string())
        }
        Kind::Types => of_number(key, TypeText),
        Kind::Rcodes => of_number(key, RcodeText),
    }
}

fn of_number<T: Display>(key: &[u8], text: impl FnOnce(u16) -> T) -> String {
    let number = <[u8; 2]>::try_from(key).map(u16::from_be_bytes);
    number.map_or_else(|_| String::new(), |number| text(number).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(labels: &[&[u8]]) -> (String, Option<String>) {
        let mut key = NameKey::new();
        assert!(key.set(labels.iter().copied()));
        let domain = key.domain().map(|domain| text(Kind::Domains, domain));
        (text(Kind::Names, key.bytes()), domain)
    }

    #[test]
    fn names_are_lower_case_and_have_a_domain() {
        let domain = |text: &str| Some(text.to_owned());
        let www = shown(&[b"WWW", b"Example", b"co", b"uk"]);
        assert_eq!(www, ("www.example.co.uk".into(), domain("example.co.uk")));
        let itself = shown(&[b"example", b"org"]);
        assert_eq!(itself, ("example.org".into(), domain("example.org")));
        assert_eq!(shown(&[b"org"]), ("org".into(), None));
        assert_eq!(shown(&[]), (".".into(), None));
        let hostile = shown(&[b"a.b\x1b[2J", b"example", b"org"]);
        assert_eq!(hostile, (r"a\046b\027[2j.example.org".into(), None));
    }

    #[test]
    fn a_name_that_is_too_long_is_no_key() {
        let label = [b'x'; 63];
        let mut key = NameKey::new();
        assert!(key.set([&label[..], &label, &label, &label[..62]].into_iter()));
        assert!(!key.set([&label[..], &label, &label, &label].into_iter()));
        assert!(!key.set([&[b'x'; 256][..]].into_iter()));
    }

    #[test]
    fn addresses_and_numbers() {
        for address in ["192.0.2.1", "2001:db8::1"] {
            of_address(address.parse().unwrap(), |key| {
                assert_eq!(text(Kind::Clients, key), address);
            });
        }
        assert_eq!(text(Kind::Types, &28_u16.to_be_bytes()), "AAAA");
        assert_eq!(text(Kind::Rcodes, &3_u16.to_be_bytes()), "NXDOMAIN");
    }
}
