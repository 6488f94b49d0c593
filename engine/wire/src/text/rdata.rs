//! RDATA as in zone files.
//!
//! RDATA is whatever the answering server has sent, and has any form only by chance. So it is
//! checked as a whole first; if it has not the form of its type, its bytes are written as RFC 3597
//! has them.

use core::fmt::{self, Write};
use core::net::{Ipv4Addr, Ipv6Addr};

use super::{NameText, is_separator, svcb, write_escaped};
use crate::cursor::Cursor;
use crate::dns::{MAX_LABEL_BYTES, MAX_NAME_BYTES, Name};

/// Class in which addresses are those of IP.
const CLASS_IN: u16 = 1;

/// What RDATA is made of.
#[derive(Clone, Copy, Debug)]
enum Field {
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    Number8,
    Number16,
    Number32,
    /// A name without compression.
    Name,
    /// A length of one byte, and so many bytes of text.
    Text,
    /// Text up to the end.
    Texts,
    /// The end of RDATA as text.
    Rest,
    /// A service binding (RFC 9460, section 2.2).
    Svcb,
}

/// A field that was read.
enum Value<'a> {
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
    Number(u32),
    Name(Name<'a>),
    Text(&'a [u8]),
    Svcb(svcb::Svcb<'a>),
}

/// The form of RDATA of a type; `None` if that is not known here.
fn form(record_type: u16, class: u16) -> Option<&'static [Field]> {
    use Field::{Ipv4, Ipv6, Name, Number8, Number16, Number32, Rest, Svcb, Text, Texts};
    Some(match record_type {
        // A, AAAA (RFC 1035, section 3.4.1; RFC 3596, section 2.2).
        1 if class == CLASS_IN => &[Ipv4],
        28 if class == CLASS_IN => &[Ipv6],
        // NS, CNAME, MB, MG, MR, PTR (RFC 1035, section 3.3), DNAME (RFC 6672, section 2.1).
        2 | 5 | 7 | 8 | 9 | 12 | 39 => &[Name],
        // SOA (RFC 1035, section 3.3.13).
        6 => &[Name, Name, Number32, Number32, Number32, Number32, Number32],
        // HINFO (RFC 1035, section 3.3.2).
        13 => &[Text, Text],
        // MINFO (RFC 1035, section 3.3.7), RP (RFC 1183, section 2.2).
        14 | 17 => &[Name, Name],
        // MX (RFC 1035, section 3.3.9), AFSDB, RT (RFC 1183), KX (RFC 2230, section 3.1).
        15 | 18 | 21 | 36 => &[Number16, Name],
        // TXT (RFC 1035, section 3.3.14), SPF (RFC 7208, section 3.1).
        16 | 99 => &[Text, Texts],
        // SRV (RFC 2782).
        33 => &[Number16, Number16, Number16, Name],
        // NAPTR (RFC 3403, section 4.1).
        35 => &[Number16, Number16, Text, Text, Text, Name],
        // SVCB, HTTPS (RFC 9460, section 2.2).
        64 | 65 => &[Number16, Name, Svcb],
        // CAA (RFC 8659, section 4.1).
        257 => &[Number8, Text, Rest],
        _ => return None,
    })
}

/// Writes RDATA of this type and class.
pub(super) fn write(
    out: &mut impl Write,
    record_type: u16,
    class: u16,
    rdata: &[u8],
) -> fmt::Result {
    let Some(form) = form(record_type, class).filter(|form| has_form(rdata, form)) else {
        return write_unknown(out, rdata);
    };
    let mut separator = "";
    for value in Values::of(rdata, form).flatten() {
        // A service binding may have no parameters.
        if !matches!(&value, Value::Svcb(svcb) if svcb.is_empty()) {
            out.write_str(separator)?;
        }
        separator = " ";
        match value {
            Value::Ipv4(address) => write!(out, "{address}"),
            Value::Ipv6(address) => write!(out, "{address}"),
            Value::Number(number) => write!(out, "{number}"),
            Value::Name(name) => write!(out, "{}", NameText(name)),
            Value::Text(text) => write_text(out, text),
            Value::Svcb(svcb) => svcb.write(out),
        }?;
    }
    Ok(())
}

/// Whether the fields are there, and nothing behind them.
fn has_form(rdata: &[u8], form: &'static [Field]) -> bool {
    let mut values = Values::of(rdata, form);
    values.by_ref().all(|value| value.is_some()) && values.cursor.at == rdata.len()
}

/// The fields of RDATA; `None` for one that is not there.
struct Values<'a> {
    cursor: Cursor<'a>,
    form: &'static [Field],
}

impl<'a> Values<'a> {
    fn of(rdata: &'a [u8], form: &'static [Field]) -> Self {
        let cursor = Cursor {
            bytes: rdata,
            at: 0,
        };
        Self { cursor, form }
    }

    fn value(&mut self, field: Field) -> Option<Value<'a>> {
        let cursor = &mut self.cursor;
        Some(match field {
            Field::Ipv4 => Value::Ipv4(cursor.array::<4>()?.into()),
            Field::Ipv6 => Value::Ipv6(cursor.array::<16>()?.into()),
            Field::Number8 => Value::Number(cursor.array::<1>()?[0].into()),
            Field::Number16 => Value::Number(u16::from_be_bytes(cursor.array()?).into()),
            Field::Number32 => Value::Number(u32::from_be_bytes(cursor.array()?)),
            Field::Name => Value::Name(name(cursor)?),
            Field::Text | Field::Texts => Value::Text(text(cursor)?),
            Field::Rest => Value::Text(rest(cursor)?),
            Field::Svcb => Value::Svcb(svcb::Svcb::parse(rest(cursor)?)?),
        })
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Option<Value<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&field, behind) = self.form.split_first()?;
        if matches!(field, Field::Texts) {
            if self.cursor.at == self.cursor.bytes.len() {
                return None;
            }
        } else {
            self.form = behind;
        }
        let value = self.value(field);
        if value.is_none() {
            self.form = &[];
        }
        Some(value)
    }
}

/// The name at the cursor, which has no pointers.
fn name<'a>(cursor: &mut Cursor<'a>) -> Option<Name<'a>> {
    let start = cursor.at;
    loop {
        let length = usize::from(cursor.array::<1>()?[0]);
        if length > MAX_LABEL_BYTES {
            return None;
        }
        cursor.take(length)?;
        if length == 0 {
            break;
        }
    }
    let wire = cursor.bytes.get(start..cursor.at)?;
    (wire.len() <= MAX_NAME_BYTES).then(|| Name::from_wire(wire))
}

fn text<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let [length] = cursor.array()?;
    cursor.take(length.into())
}

fn rest<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    cursor.take(cursor.bytes.len() - cursor.at)
}

/// A text in quotes; blanks stay as they are.
fn write_text(out: &mut impl Write, text: &[u8]) -> fmt::Result {
    out.write_char('"')?;
    write_escaped(out, text, |byte| {
        byte == b'"' || byte != b' ' && is_separator(byte)
    })?;
    out.write_char('"')
}

/// RDATA of no known form (RFC 3597, section 5).
fn write_unknown(out: &mut impl Write, rdata: &[u8]) -> fmt::Result {
    write!(out, "\\# {}", rdata.len())?;
    if !rdata.is_empty() {
        out.write_char(' ')?;
        write_hex(out, rdata)?;
    }
    Ok(())
}

/// Bytes as hexadecimal digits.
pub(super) fn write_hex(out: &mut impl Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(record_type: u16, rdata: &[u8]) -> String {
        let mut out = String::new();
        write(&mut out, record_type, CLASS_IN, rdata).unwrap();
        out
    }

    #[test]
    fn each_form() {
        let cases: &[(u16, &[u8], &str)] = &[
            (1, &[192, 0, 2, 1], "192.0.2.1"),
            (28, &[0; 16], "::"),
            (2, b"\x02ns\x03a.b\0", r"ns.a\046b"),
            (12, b"\0", "."),
            (
                6,
                b"\x01m\0\x01r\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\xff\xff\xff\xff",
                "m r 1 2 3 4 4294967295",
            ),
            (15, b"\0\x0a\x02mx\0", "10 mx"),
            (
                16,
                b"\x05a b|c\0\x03\"\\,",
                r#""a b\124c" "" "\034\092\044""#,
            ),
            (33, b"\0\x01\0\x02\x01\xbb\x01s\0", "1 2 443 s"),
            (39, b"\x01d\0", "d"),
            (257, b"\0\x05issueca.example", r#"0 "issue" "ca.example""#),
            (43, &[0xab, 0xc, 13], r"\# 3 ab0c0d"),
            (65280, b"", r"\# 0"),
        ];
        for (record_type, rdata, want) in cases {
            assert_eq!(show(*record_type, rdata), *want);
        }
    }

    #[test]
    fn what_has_not_its_form_is_bytes() {
        let long = [&[63; 64][..], &[63; 64], &[63; 64], &[63; 64], &[0]].concat();
        let cases: &[(u16, &[u8])] = &[
            (1, &[1, 2, 3]),
            (1, &[1, 2, 3, 4, 5]),
            (28, &[0; 15]),
            (2, b"\x02n"),
            (2, b"\x01n\0\0"),
            (2, b"\xc0\x0c"),
            (2, &long),
            (2, b""),
            (6, b"\0\0\0\0\0\x01"),
            (15, b"\0"),
            (16, b""),
            (16, b"\x02a"),
            (65, b"\0\x01"),
            (65, b"\0\x01\0\0"),
        ];
        for (record_type, rdata) in cases {
            let mut want = format!("\\# {}", rdata.len());
            if !rdata.is_empty() {
                want.push(' ');
                write_hex(&mut want, rdata).unwrap();
            }
            assert_eq!(show(*record_type, rdata), want);
        }
        let mut out = String::new();
        write(&mut out, 1, 3, &[1, 2, 3, 4]).unwrap();
        assert_eq!(out, r"\# 4 01020304");
    }

    #[test]
    fn no_byte_of_a_text_forges_a_field() {
        for byte in 0..=u8::MAX {
            let found = show(16, &[3, b'a', byte, b'z']);
            let plain = (b' '..=b'~').contains(&byte) && !b"\",|\\".contains(&byte);
            let middle = if plain {
                char::from(byte).to_string()
            } else {
                format!("\\{byte:03}")
            };
            assert_eq!(found, format!("\"a{middle}z\""));
        }
    }
}
