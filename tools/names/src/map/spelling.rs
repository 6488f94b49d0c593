//! Chains of names as text: `www.example.org,cdn.example.net`.
//!
//! Names are in presentation format as [`dnsflow_wire::text::NameText`] has them, in which no comma can
//! be part of a name, and in lower case.

use std::fmt::Write;

use dnsflow_wire::text::NameText;

/// Names of a chain at most; those behind are left out.
pub(super) const MAX_NAMES: usize = 16;

/// What separates the names of a chain.
const SEPARATOR: char = ',';

/// Writes the chain of these names into `text`, which is emptied.
pub(super) fn write<'n, N>(text: &mut String, names: impl Iterator<Item = N>)
where
    N: IntoIterator<Item = &'n [u8]> + Clone,
{
    text.clear();
    for name in names.take(MAX_NAMES) {
        if !text.is_empty() {
            text.push(SEPARATOR);
        }
        // A String takes everything.
        let _ = write!(text, "{}", NameText(name));
    }
    text.make_ascii_lowercase();
}

/// The names of a chain, in order.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split(SEPARATOR)
}

/// The name that was asked for first.
pub(super) fn first(text: &str) -> &str {
    text.split_once(SEPARATOR).map_or(text, |(first, _)| first)
}

/// Where the names behind the first one start.
pub(super) fn targets(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.match_indices(SEPARATOR).map(|(at, _)| at + 1)
}

/// Puts the names of `led`, which ends with a separator, before those of `text`. Nothing is done if that
/// would go in a circle. Returns where the names of `text` start.
pub(super) fn lead(text: &mut String, led: &str) -> usize {
    let start = first(led);
    if names(text).any(|name| name == start) {
        return 0;
    }
    text.insert_str(0, led);
    if let Some((end, _)) = text.match_indices(SEPARATOR).nth(MAX_NAMES - 1) {
        text.truncate(end);
    }
    led.len()
}
