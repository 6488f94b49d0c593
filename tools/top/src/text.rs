//! Numbers and names as text, in which nothing can control a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Numbers from here on are shown with a unit.
const LARGE: u64 = 100_000_000;

/// Text in which all that is not printable ASCII is written as `\DDD`, byte by byte.
///
/// What a board makes of names has nothing else. This is for what comes from elsewhere, and in case.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~');
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            // A string takes everything.
            let _ = write!(out, "\\{byte:03}");
        }
    }
    Cow::Owned(out)
}

/// A count with its digits in groups of three, at most 10 characters: `12,345`, and `123.4M` from a
/// hundred millions on.
pub(crate) fn count(count: u64) -> String {
    if count >= LARGE {
        // For people, who need no more than the 15 digits that this keeps.
        let mut value = count as f64;
        let mut unit = ' ';
        for next in ['k', 'M', 'G', 'T', 'P', 'E'] {
            if value < 1000.0 {
                break;
            }
            (value, unit) = (value / 1000.0, next);
        }
        return format!("{value:.1}{unit}");
    }
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The same of a number that may be negative.
pub(crate) fn signed(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", count(value.unsigned_abs()))
}

/// How many a second: with a digit behind the point below 100, and `-` if it is not known.
pub(crate) fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate < 100.0 => format!("{rate:.1}"),
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of what is too large is the largest"
        )]
        Some(rate) => count(rate.round() as u64),
    }
}

/// A share from 0 to 1, as percent; what is not nothing does not look like it.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.01 {
        "<0.01%".to_owned()
    } else {
        format!("{percent:.2}%")
    }
}

/// The share of `part` in `whole`.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

/// Text of at most `width` characters; what was cut ends with `>`. The text is ASCII.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.len() <= width {
        return Cow::Borrowed(text);
    }
    let head = text.get(..width.saturating_sub(1)).unwrap_or_default();
    Cow::Owned(format!("{head}>"))
}

/// A length of time: `59 s`, `12 min 5 s`, `3 h 0 min`.
pub(crate) fn span(seconds: f64) -> String {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of what is too large is the largest"
    )]
    let whole = seconds.floor() as u64;
    match whole {
        0 if seconds > 0.0 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_byte_is_left() {
        assert_eq!(printable("www.example"), "www.example");
        assert_eq!(
            printable("a\x1b[2J\n\x7f\u{9b}"),
            r"a\027[2J\010\127\194\155"
        );
        for byte in 0..=u8::MAX {
            let text = char::from(byte).to_string();
            assert!(
                printable(&text)
                    .bytes()
                    .all(|byte| matches!(byte, b' '..=b'~'))
            );
        }
    }

    #[test]
    fn numbers() {
        let counts = [0, 999, 1000, 99_999_999, 100_000_000, u64::MAX].map(count);
        let want = ["0", "999", "1,000", "99,999,999", "100.0M", "18.4E"];
        assert_eq!(counts, want);
        assert_eq!([-1234, 5].map(signed), ["-1,234", "5"]);
        let rates = [None, Some(0.0), Some(99.94), Some(1234.5), Some(f64::MAX)].map(rate);
        assert_eq!(rates, ["-", "0.0", "99.9", "1,235", "18.4E"]);
        let shares = [0.0, 0.00001, 0.5, 1.0].map(percent);
        assert_eq!(shares, ["0.00%", "<0.01%", "50.00%", "100.00%"]);
        assert_eq!(
            [0.0, 0.5, 59.9, 125.0, 10_900.0].map(span),
            ["0 s", "0.5 s", "59 s", "2 min 5 s", "3 h 1 min"]
        );
        assert_eq!([cut("abc", 3), cut("abcd", 3)], ["abc", "ab>"]);
    }
}
