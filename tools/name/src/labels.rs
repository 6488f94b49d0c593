//! What the added members and columns are called.

use std::str::FromStr;

/// Bytes that a prefix may have.
const PREFIX_BYTES: usize = 64;

/// What the added members and columns are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The name.
    pub(crate) name: String,
    /// How it was found.
    pub(crate) matched: String,
    /// How likely it is.
    pub(crate) confidence: String,
    /// Which side it belongs to.
    pub(crate) of: String,
    /// Other names.
    pub(crate) names: String,
    /// The object that has all of them, in the Elastic Common Schema.
    pub(crate) object: String,
}

impl FromStr for Labels {
    type Err = String;

    /// From a prefix, of letters, digits and `_ - . @`, which need no escapes in any format.
    fn from_str(prefix: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
        let object = prefix.trim_end_matches(['_', '-', '.']);
        if prefix.len() > PREFIX_BYTES || !prefix.bytes().all(is_plain) || object.is_empty() {
            return Err(format!(
                "a prefix has 1 to {PREFIX_BYTES} letters, digits, and _ - . @"
            ));
        }
        let label = |word: &str| format!("{prefix}{word}");
        Ok(Self {
            name: label("name"),
            matched: label("matched"),
            confidence: label("confidence"),
            of: label("of"),
            names: label("names"),
            object: object.to_owned(),
        })
    }
}
