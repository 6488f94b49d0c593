//! Text from outside in messages: names of files and interfaces, expressions, words of libraries.
//! What would act on a terminal or look like another line is written as an escape, and long text is
//! cut in its middle.

/// Longest message, in characters; its start and its end are kept.
const LONGEST: usize = 4096;

/// Characters that are kept of the end: there an error says what is wrong.
const END: usize = 1024;

/// The text as one line.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            _ if is_active(one) => out.extend(one.escape_default()),
            _ => out.push(one),
        }
    }
    let count = out.chars().count();
    if count <= LONGEST {
        return out;
    }
    let start: String = out.chars().take(LONGEST - END).collect();
    let end: String = out.chars().skip(count - END).collect();
    format!("{start} [{} characters left out] {end}", count - LONGEST)
}

/// The same for text of several lines.
#[must_use]
pub fn escaped_lines(text: &str) -> String {
    text.lines().map(|line| escaped(line) + "\n").collect()
}

/// Control characters, line separators, and marks that change the direction of text (Unicode
/// Standard Annex 9).
fn is_active(one: char) -> bool {
    one.is_control()
        || matches!(one, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal() {
        let name = "a\u{1b}[31m\r\nb\u{202e}c\u{9b}1m\0";
        assert_eq!(
            escaped(name),
            "a\\u{1b}[31m\\r\\nb\\u{202e}c\\u{9b}1m\\u{0}"
        );
        assert_eq!(escaped("Zürich, \"東京\" \\ '"), "Zürich, \"東京\" \\ '");
        assert_eq!(escaped_lines("a\n\tb\n"), "a\n\\tb\n");
    }

    #[test]
    fn start_and_end_of_long_text_are_kept() {
        let text = format!("start{}end", "é".repeat(LONGEST));
        let cut = escaped(&text);
        assert!(cut.starts_with("starté") && cut.ends_with("éend"), "{cut}");
        assert!(cut.contains(" [8 characters left out] "), "{cut}");
        assert_eq!(escaped(&"x".repeat(LONGEST)).len(), LONGEST);
    }
}
