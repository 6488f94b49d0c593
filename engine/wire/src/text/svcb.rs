//! Parameters of SVCB and HTTPS records (RFC 9460).

use core::fmt::{self, Write};
use core::net::{Ipv4Addr, Ipv6Addr};

use super::{is_separator, write_escaped};
use crate::cursor::Cursor;

/// Keys (RFC 9460, section 14.3.2; RFC 9848, section 3; RFC 9461, section 5).
const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;
const DOH_PATH: u16 = 7;

/// A comma that separates values of a list. Parsers of zone files split the list once escapes are
/// resolved (RFC 9460, appendix A.1).
const LIST_COMMA: &str = "\\044";

/// The parameters of a service binding, checked.
///
/// ```text
/// parameter | key 2 | length 2 | value
/// ```
#[derive(Clone, Copy)]
pub(super) struct Svcb<'a>(&'a [u8]);

impl<'a> Svcb<'a> {
    /// All of `bytes`; `None` if they are no parameters, in the order of their keys.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor { bytes, at: 0 };
        let mut last = None;
        while cursor.at < bytes.len() {
            let (key, value) = parameter(&mut cursor)?;
            if last.is_some_and(|last| last >= key) || !is_valid(key, value) {
                return None;
            }
            last = Some(key);
        }
        Some(Self(bytes))
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Writes the parameters with blanks between them.
    pub(super) fn write(self, out: &mut impl Write) -> fmt::Result {
        let mut cursor = Cursor {
            bytes: self.0,
            at: 0,
        };
        let mut separator = "";
        while let Some((key, value)) = parameter(&mut cursor) {
            out.write_str(separator)?;
            separator = " ";
            write_key(out, key)?;
            if !value.is_empty() {
                out.write_char('=')?;
                write_value(out, key, value)?;
            }
        }
        Ok(())
    }
}

fn parameter<'a>(cursor: &mut Cursor<'a>) -> Option<(u16, &'a [u8])> {
    let key = u16::from_be_bytes(cursor.array()?);
    let length = u16::from_be_bytes(cursor.array()?);
    Some((key, cursor.take(length.into())?))
}

/// Whether the value is one that its key can have.
fn is_valid(key: u16, value: &[u8]) -> bool {
    let has_items_of = |bytes: usize| !value.is_empty() && value.len().is_multiple_of(bytes);
    match key {
        MANDATORY => has_items_of(2),
        ALPN => {
            let mut cursor = Cursor {
                bytes: value,
                at: 0,
            };
            while let Some(id) = protocol(&mut cursor) {
                if id.is_empty() {
                    return false;
                }
            }
            !value.is_empty() && cursor.at == value.len()
        }
        NO_DEFAULT_ALPN => value.is_empty(),
        PORT => value.len() == 2,
        IPV4_HINT => has_items_of(4),
        IPV6_HINT => has_items_of(16),
        _ => true,
    }
}

/// The protocol at the cursor: a length of one byte, and so many bytes. Without it, the cursor stays.
fn protocol<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let before = cursor.at;
    let length = cursor.array::<1>().map(|[length]| length.into());
    let id = length.and_then(|length| cursor.take(length));
    if id.is_none() {
        cursor.at = before;
    }
    id
}

fn write_key(out: &mut impl Write, key: u16) -> fmt::Result {
    match key {
        MANDATORY => out.write_str("mandatory"),
        ALPN => out.write_str("alpn"),
        NO_DEFAULT_ALPN => out.write_str("no-default-alpn"),
        PORT => out.write_str("port"),
        IPV4_HINT => out.write_str("ipv4hint"),
        ECH => out.write_str("ech"),
        IPV6_HINT => out.write_str("ipv6hint"),
        DOH_PATH => out.write_str("dohpath"),
        _ => write!(out, "key{key}"),
    }
}

fn write_value(out: &mut impl Write, key: u16, value: &[u8]) -> fmt::Result {
    let mut comma = "";
    let mut next = || core::mem::replace(&mut comma, LIST_COMMA);
    match key {
        MANDATORY => value.as_chunks().0.iter().try_for_each(|&key| {
            out.write_str(next())?;
            write_key(out, u16::from_be_bytes(key))
        }),
        ALPN => {
            let mut cursor = Cursor {
                bytes: value,
                at: 0,
            };
            while let Some(id) = protocol(&mut cursor) {
                out.write_str(next())?;
                write_item(out, id)?;
            }
            Ok(())
        }
        PORT => value
            .as_chunks()
            .0
            .iter()
            .try_for_each(|&port| write!(out, "{}", u16::from_be_bytes(port))),
        IPV4_HINT => value
            .as_chunks::<4>()
            .0
            .iter()
            .try_for_each(|&octets| write!(out, "{}{}", next(), Ipv4Addr::from(octets))),
        IPV6_HINT => value
            .as_chunks::<16>()
            .0
            .iter()
            .try_for_each(|&octets| write!(out, "{}{}", next(), Ipv6Addr::from(octets))),
        ECH => write_base64(out, value),
        _ => write_escaped(out, value, is_escaped),
    }
}

/// Bytes in base 64 (RFC 4648, section 4).
fn write_base64(out: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for piece in bytes.chunks(3) {
        let byte = |at| u32::from(piece.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * at) & 0x3f) as usize);
            let digit = digit.filter(|_| at <= piece.len()).unwrap_or(&b'=');
            out.write_char(char::from(*digit))?;
        }
    }
    Ok(())
}

/// An item of a list: a comma or a backslash in it has a backslash before it (RFC 9460, appendix
/// A.1), and then all is escaped.
fn write_item(out: &mut impl Write, item: &[u8]) -> fmt::Result {
    for piece in item.split_inclusive(|byte| matches!(byte, b',' | b'\\')) {
        match piece.split_last() {
            Some((last @ (b',' | b'\\'), before)) => {
                write_escaped(out, before, is_escaped)?;
                write!(out, "\\092\\{last:03}")?;
            }
            _ => write_escaped(out, piece, is_escaped)?,
        }
    }
    Ok(())
}

/// Values have no quotes, so what ends a word of a zone file is escaped too.
fn is_escaped(byte: u8) -> bool {
    is_separator(byte) || matches!(byte, b'"' | b';' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(parameters: &[(u16, &[u8])]) -> Option<String> {
        let mut bytes = Vec::new();
        for (key, value) in parameters {
            bytes.extend(key.to_be_bytes());
            bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            bytes.extend(*value);
        }
        let svcb = Svcb::parse(&bytes)?;
        let mut out = String::new();
        svcb.write(&mut out).unwrap();
        Some(out)
    }

    #[test]
    fn every_key() {
        let found = show(&[
            (0, &[0, 1, 0, 4]),
            (1, b"\x02h2\x05h3,\\|"),
            (2, b""),
            (3, &[0x20, 0xfb]),
            (4, &[192, 0, 2, 1, 192, 0, 2, 2]),
            (5, &[0, 0xfe, 0x0d, 0xff]),
            (6, &[0; 16]),
            (7, b"/q{?dns}"),
            (667, b"he llo\xd2"),
        ]);
        let want = r"mandatory=alpn\044ipv4hint alpn=h2\044h3\092\044\092\092\124 no-default-alpn port=8443 ipv4hint=192.0.2.1\044192.0.2.2 ech=AP4N/w== ipv6hint=:: dohpath=/q{?dns} key667=he\032llo\210";
        assert_eq!(found.as_deref(), Some(want));
    }

    #[test]
    fn values_that_keys_cannot_have() {
        let cases: &[&[(u16, &[u8])]] = &[
            &[(0, &[0])],
            &[(0, b"")],
            &[(1, b"")],
            &[(1, b"\0")],
            &[(1, b"\x02a")],
            &[(2, b"x")],
            &[(3, b"x")],
            &[(4, &[0; 5])],
            &[(6, &[0; 15])],
            &[(3, &[0; 2]), (3, &[0; 2])],
            &[(4, &[0; 4]), (3, &[0; 2])],
        ];
        for parameters in cases {
            assert_eq!(show(parameters), None, "{parameters:?}");
        }
        assert_eq!(show(&[]).as_deref(), Some(""));
        assert!(Svcb::parse(&[0]).is_none() && Svcb::parse(&[0, 1, 0, 9, 1]).is_none());
    }
}
