//! What is wrong with a configuration file, and where.

use std::error::Error as _;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use thiserror::Error;

/// Something wrong in a configuration file.
#[derive(Debug, Error)]
#[error("{}:{line}: {problem}", path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// What it is.
    pub problem: Problem,
}

/// What can be wrong.
#[derive(Debug, Error)]
pub enum Problem {
    /// No TOML.
    #[error("{0}")]
    Syntax(String),
    /// No option of that name.
    #[error("unknown key '{key}'{}", suggestion(nearest.as_deref()))]
    Unknown {
        /// As it stands there.
        key: String,
        /// An option that looks like it.
        nearest: Option<String>,
    },
    /// A table in brackets.
    #[error("there are no sections such as [{0}]: keys stand at the top, one a line")]
    Section(String),
    /// An option that only the command line has.
    #[error("'{0}' stands on the command line only")]
    CommandLineOnly(String),
    /// A value of another type than the option has.
    #[error("'{key}': {wanted}")]
    Kind {
        /// The key.
        key: String,
        /// What is wanted, and how to write it.
        wanted: String,
    },
    /// A value that the option does not take.
    #[error("'{key}': '{value}': {reason}")]
    Value {
        /// The key.
        key: String,
        /// As it would stand on the command line.
        value: String,
        /// What the option's parser said.
        reason: String,
    },
    /// Two keys that exclude each other.
    #[error("'{key}' can't stand beside '{other}' (line {line})")]
    Conflict {
        /// The later one.
        key: String,
        /// The earlier one.
        other: String,
        /// Its line, from 1.
        line: usize,
    },
}

impl Problem {
    /// A value that clap refused.
    pub(super) fn value(key: &str, value: &str, refusal: &clap::Error) -> Self {
        let reason = match (refusal.source(), refusal.get(ContextKind::ValidValue)) {
            (Some(source), _) => source.to_string(),
            (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
                format!("one of {} is wanted", valid.join(", "))
            }
            _ => refusal.kind().to_string(),
        };
        Problem::Value {
            key: key.to_owned(),
            value: value.to_owned(),
            reason,
        }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(key) => format!("; is '{key}' meant?"),
        None => ": keys are the long options, which `dnsflow --help` lists".to_owned(),
    }
}
