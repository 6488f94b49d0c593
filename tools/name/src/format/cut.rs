//! From bytes to records: lines, and objects that are printed over several lines.

use memchr::memchr;

/// What stands at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A record of so many bytes, the end of its line included.
    Record(usize),
    /// A record whose end is not there yet.
    Part,
}

/// Finds the end of the record at the start of `bytes`. If `is_pretty`, a line with nothing but `{`
/// begins an object that ends in the next line that begins with `}`. At the end of the input, what
/// is there is the record.
pub(crate) fn cut(bytes: &[u8], is_pretty: bool, is_end: bool) -> Cut {
    let Some(line) = line_bytes(bytes) else {
        return if is_end {
            Cut::Record(bytes.len())
        } else {
            Cut::Part
        };
    };
    if !is_pretty || bytes.get(..line).map(<[u8]>::trim_ascii) != Some(b"{") {
        return Cut::Record(line);
    }
    let mut end = line;
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        let closes = rest.first() == Some(&b'}');
        match line_bytes(rest) {
            Some(line) if closes => return Cut::Record(end + line),
            Some(line) => end += line,
            None if is_end && closes => return Cut::Record(bytes.len()),
            // An object that is never closed is passed on line by line.
            None if is_end => return Cut::Record(line),
            None => return Cut::Part,
        }
    }
}

fn line_bytes(bytes: &[u8]) -> Option<usize> {
    memchr(b'\n', bytes).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut() {
        assert_eq!(cut(b"a\nb", false, false), Cut::Record(2));
        assert_eq!(cut(b"b", false, false), Cut::Part);
        assert_eq!(cut(b"b", false, true), Cut::Record(1));
        assert_eq!(cut(b"{\n}\n", false, false), Cut::Record(2));
    }

    #[test]
    fn objects_over_several_lines_are_cut() {
        assert_eq!(cut(b"{\n\"a\":1\n},\n{", true, false), Cut::Record(11));
        assert_eq!(cut(b"{\n\"a\":1\n", true, false), Cut::Part);
        assert_eq!(cut(b"{\n\"a\":1\n}]", true, true), Cut::Record(10));
        assert_eq!(cut(b"{\n\"a\":1\n", true, true), Cut::Record(2));
        assert_eq!(cut(b"[\n{\n", true, false), Cut::Record(2));
        assert_eq!(cut(b"{\"a\":1}\n", true, false), Cut::Record(8));
    }
}
