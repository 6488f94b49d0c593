//! Values of a configuration file, as the text that a command line would have.

use std::any::TypeId;
use std::num::{NonZeroU16, NonZeroU32};
use std::ops::Range;
use std::path::PathBuf;

use clap::{Arg, ArgAction};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The TOML type of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flag,
    Whole,
    Number,
    Text,
    /// A string or a whole number, which the parser of the option checks.
    Word,
}

/// The key of a table that stands for a URL with parameters.
const URL: &str = "url";

/// The offset of a value, and its text; `None` for a flag.
type Text = (usize, Option<String>);

/// The texts of the value of `key`: none for a flag that is false, one for each element of a list.
///
/// # Errors
/// The offset of a value of another type, and what is expected there.
pub(super) fn texts(
    option: &Arg,
    key: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<Text>, (usize, String)> {
    let kind = kind(option);
    let is_repeated = is_repeated(option);
    let start = |span: Range<usize>| span.start;
    let wrong = |value: &Spanned<DeValue<'_>>| (start(value.span()), wanted(option, key));
    match value.get_ref() {
        DeValue::Boolean(given) if kind == Kind::Flag => Ok(if *given {
            vec![(start(value.span()), None)]
        } else {
            Vec::new()
        }),
        DeValue::Array(list) if is_repeated => list
            .iter()
            .map(|value| match text(kind, value.get_ref()) {
                Some(text) => Ok((start(value.span()), Some(text))),
                None => Err(wrong(value)),
            })
            .collect(),
        single => match text(kind, single) {
            Some(text) => Ok(vec![(start(value.span()), Some(text))]),
            None => Err(wrong(value)),
        },
    }
}

/// The values that an option takes, such as `a whole number, or a list of numbers`.
#[must_use]
pub fn expected(option: &Arg) -> String {
    let (one, several) = match kind(option) {
        Kind::Flag => ("true or false", ""),
        Kind::Whole => ("a whole number", "numbers"),
        Kind::Number => ("a number", "numbers"),
        Kind::Text | Kind::Word => ("a string in quotes", "strings"),
    };
    if is_repeated(option) {
        format!("{one}, or a list of {several}")
    } else {
        one.to_owned()
    }
}

fn is_repeated(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Append)
}

fn kind(option: &Arg) -> Kind {
    if !option.get_action().takes_values() {
        return Kind::Flag;
    }
    let parsed = option.get_value_parser().type_id();
    let is = |known: TypeId| parsed == known;
    let whole = [
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<NonZeroU16>(),
        TypeId::of::<NonZeroU32>(),
    ];
    if whole.into_iter().any(is) {
        Kind::Whole
    } else if is(TypeId::of::<f64>()) {
        Kind::Number
    } else if is(TypeId::of::<String>()) || is(TypeId::of::<PathBuf>()) {
        Kind::Text
    } else {
        Kind::Word
    }
}

fn text(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match (kind, value) {
        (Kind::Text | Kind::Word, DeValue::String(text)) => Some(text.to_string()),
        (Kind::Whole | Kind::Number | Kind::Word, DeValue::Integer(number)) => {
            i128::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(|number| number.to_string())
        }
        (Kind::Number, DeValue::Float(number)) => Some(number.as_str().to_owned()),
        (Kind::Word, DeValue::Table(table)) => url(table),
        _ => None,
    }
}

/// The URL that a table stands for: its key `url`, and each other key as a parameter. Its parser knows which
/// parameters there are.
fn url(table: &DeTable<'_>) -> Option<String> {
    let mut url = text(Kind::Text, table.get(URL)?.get_ref())?;
    let mut mark = if url.contains('?') { '&' } else { '?' };
    for (key, value) in table {
        if key.get_ref() == URL {
            continue;
        }
        let value = match value.get_ref() {
            DeValue::Boolean(value) => u8::from(*value).to_string(),
            value => text(Kind::Word, value)?,
        };
        url.push(mark);
        url.push_str(key.get_ref());
        url.push('=');
        url.push_str(&value);
        mark = '&';
    }
    Some(url)
}

fn wanted(option: &Arg, key: &str) -> String {
    let expected = expected(option);
    let example = match kind(option) {
        Kind::Flag => "true",
        Kind::Whole => "1",
        Kind::Number => "1.5",
        Kind::Text | Kind::Word => "\"..\"",
    };
    if is_repeated(option) {
        format!("expected {expected}: {key} = [{example}, {example}]")
    } else {
        format!("expected {expected}: {key} = {example}")
    }
}
