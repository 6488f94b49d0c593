//! Names in presentation format (RFC 1035, section 5.1), as operators write them into lists.

use std::fmt;

use dnsflow_wire::dns::{MAX_LABEL_BYTES, MAX_NAME_BYTES};

/// Why a text is no name of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameTextError {
    /// Nothing between two dots, or before the first.
    Empty,
    /// A label of more than [`MAX_LABEL_BYTES`].
    LongLabel,
    /// More than [`MAX_NAME_BYTES`] on the wire.
    Long,
    /// A backslash without a character, or without three digits of at most 255.
    Escape,
    /// A byte that is not printable ASCII.
    Byte(u8),
    /// A label that is an asterisk.
    Wildcard,
    /// More names than a set has room for.
    Many,
}

impl fmt::Display for NameTextError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(out, "a label is empty: expected a name such as example.com"),
            Self::LongLabel => write!(out, "a label has more than {MAX_LABEL_BYTES} bytes"),
            Self::Long => write!(out, "the name has more than {MAX_NAME_BYTES} bytes"),
            Self::Escape => write!(
                out,
                "a backslash has to precede three digits up to 255, or a character"
            ),
            Self::Byte(byte @ (b' ' | b'\t')) => {
                write!(out, "one name a line; a space in a name is \\{byte:03}")
            }
            Self::Byte(0x80..) => write!(
                out,
                "not ASCII: write an internationalised name with its A-labels (xn--..), and other bytes as \\DDD"
            ),
            Self::Byte(byte) => write!(out, "an unprintable byte: write it as \\{byte:03}"),
            Self::Wildcard => write!(
                out,
                "no wildcards: example.com stands for everything below it, too; a real asterisk is \\042"
            ),
            Self::Many => write!(out, "too many names"),
        }
    }
}

impl std::error::Error for NameTextError {}

/// Appends the labels of a name to `wire`, in lower case, each behind the byte of its length,
/// without the root. Returns their number.
///
/// # Errors
/// What is wrong with the name. What was appended until then is unspecified.
pub(super) fn labels(name: &[u8], wire: &mut Vec<u8>) -> Result<usize, NameTextError> {
    if name == b"." {
        return Ok(0);
    }
    let start = wire.len();
    let (mut rest, mut count) = (name, 0);
    loop {
        let label_at = wire.len();
        wire.push(0);
        let is_escaped = rest.starts_with(b"\\");
        let has_more = label(&mut rest, wire)?;
        let length = wire.len() - label_at - 1;
        wire[label_at] = match u8::try_from(length) {
            Ok(0) => return Err(NameTextError::Empty),
            Ok(length) if length <= 63 => length,
            _ => return Err(NameTextError::LongLabel),
        };
        if wire[label_at + 1..] == *b"*" && !is_escaped {
            return Err(NameTextError::Wildcard);
        }
        // The root has a byte too.
        if wire.len() - start >= MAX_NAME_BYTES {
            return Err(NameTextError::Long);
        }
        count += 1;
        // A dot at the end is the root's.
        if !has_more || rest.is_empty() {
            return Ok(count);
        }
    }
}

/// Appends one label, and takes it with the dot behind it from the front of `rest`. Returns whether
/// there was a dot.
fn label(rest: &mut &[u8], wire: &mut Vec<u8>) -> Result<bool, NameTextError> {
    while let Some((&byte, behind)) = rest.split_first() {
        *rest = behind;
        let byte = match byte {
            b'.' => return Ok(true),
            b'\\' => escaped(rest)?,
            0x21..0x7f => byte,
            other => return Err(NameTextError::Byte(other)),
        };
        wire.push(byte.to_ascii_lowercase());
    }
    Ok(false)
}

/// The byte behind a backslash: three decimal digits, or any printable character for itself.
fn escaped(rest: &mut &[u8]) -> Result<u8, NameTextError> {
    let (byte, behind) = match **rest {
        [
            a @ b'0'..=b'9',
            b @ b'0'..=b'9',
            c @ b'0'..=b'9',
            ref behind @ ..,
        ] => {
            let digits = [a, b, c].map(|digit| u16::from(digit - b'0'));
            let number = digits.iter().fold(0, |number, digit| 10 * number + digit);
            (
                u8::try_from(number).map_err(|_| NameTextError::Escape)?,
                behind,
            )
        }
        [b'0'..=b'9', ..] => return Err(NameTextError::Escape),
        [byte @ 0x21..0x7f, ref behind @ ..] => (byte, behind),
        _ => return Err(NameTextError::Escape),
    };
    *rest = behind;
    Ok(byte)
}
