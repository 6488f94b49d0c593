//! RowBinary: the bytes of values, one behind the other, as ClickHouse takes and gives them.
//!
//! It names neither columns nor types, so what is written here is right only in the order of
//! [`super::schema`]. Text is made here without `core::fmt` where nearly every record has it; it is
//! that of [`dnsflow_wire::text`], byte for byte.

use std::fmt::Display;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};

/// Writes a number that is variable in length (LEB128).
pub(super) fn varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Writes a `String`.
pub(super) fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    varint(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Writes a `String` that `write` appends.
pub(super) fn string_by(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    write(out);
    let length = out.len() - at - 1;
    if let (Ok(short @ 0..0x80), Some(place)) = (u8::try_from(length), out.get_mut(at)) {
        *place = short;
        return;
    }
    // Seldom: the text is moved to make room for a longer number.
    let text = out.split_off(at + 1);
    out.truncate(at);
    string(out, &text);
}

/// Writes a `String` of what is displayed.
pub(super) fn shown(out: &mut Vec<u8>, value: impl Display) {
    string_by(out, |out| {
        // A Vec takes everything, and these values have no errors of their own.
        let _ = write!(out, "{value}");
    });
}

/// Writes the mark of a `Nullable`, and the value if there is one.
pub(super) fn nullable<T>(
    out: &mut Vec<u8>,
    value: Option<T>,
    write: impl FnOnce(&mut Vec<u8>, T),
) {
    match value {
        None => out.push(1),
        Some(value) => {
            out.push(0);
            write(out, value);
        }
    }
}

/// Writes `UInt16`.
pub(super) fn u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes `UInt32`.
pub(super) fn u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes an `IPv6`; one of IPv4 is mapped.
pub(super) fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
            out.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
    }
}

/// Appends the text of an IPv4 address.
pub(super) fn ipv4_text(out: &mut Vec<u8>, address: Ipv4Addr) {
    for (at, octet) in address.octets().into_iter().enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        if octet >= 100 {
            out.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            out.push(b'0' + octet / 10 % 10);
        }
        out.push(b'0' + octet % 10);
    }
}

/// Appends the text of a name, from labels in the order in which they are to be: that of
/// [`NameText`](dnsflow_wire::text::NameText).
pub(super) fn name_text<'n>(out: &mut Vec<u8>, labels: impl Iterator<Item = &'n [u8]>) {
    let mut is_root = true;
    for label in labels {
        if !is_root {
            out.push(b'.');
        }
        is_root = false;
        if label.iter().all(|&byte| is_plain(byte)) {
            out.extend_from_slice(label);
            continue;
        }
        for &byte in label {
            if is_plain(byte) {
                out.push(byte);
            } else {
                out.extend([
                    b'\\',
                    b'0' + byte / 100,
                    b'0' + byte / 10 % 10,
                    b'0' + byte % 10,
                ]);
            }
        }
    }
    if is_root {
        out.push(b'.');
    }
}

/// Whether a byte of a label stands for itself in text.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'.' | b',' | b'|' | b'\\')
}

/// Reads what a server has answered.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    /// The next `String`; `None` at the end, or if it is cut.
    pub(super) fn string(&mut self) -> Option<String> {
        let mut length = 0_usize;
        for shift in (0..u32::BITS).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let (text, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                return Some(String::from_utf8_lossy(text).into_owned());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use dnsflow_wire::text::NameText;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_have_their_length_before_them() {
        for length in [0, 1, 127, 128, 300, 20_000] {
            let text = "x".repeat(length);
            let (mut one, mut other) = (vec![9], vec![9]);
            string(&mut one, text.as_bytes());
            shown(&mut other, &text);
            assert_eq!(one, other);
            let mut reader = Reader(&one[1..]);
            assert_eq!(reader.string(), Some(text));
            assert_eq!(reader.string(), None);
        }
    }

    #[test]
    fn absent_values_are_a_mark() {
        let mut out = Vec::new();
        nullable(&mut out, None, u16);
        nullable(&mut out, Some(258), u16);
        assert_eq!(out, [1, 0, 2, 1]);
    }

    proptest! {
        #[test]
        fn text_is_that_of_lines(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..9), 0..5),
            octets: [u8; 4],
        ) {
            let labels: Vec<&[u8]> = labels.iter().map(Vec::as_slice).collect();
            let mut out = Vec::new();
            name_text(&mut out, labels.iter().copied());
            prop_assert_eq!(out, NameText(labels).to_string().into_bytes());
            let mut out = Vec::new();
            ipv4_text(&mut out, octets.into());
            prop_assert_eq!(out, Ipv4Addr::from(octets).to_string().into_bytes());
        }

        #[test]
        fn no_answer_panics(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while reader.string().is_some() {}
        }
    }
}
