//! Why options can't be loaded, and where a configuration file is wrong.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use thiserror::Error;

/// Why the options can't be had.
#[derive(Debug, Error)]
pub enum LoadError {
    /// clap refused the command line, or printed what `--help` or `--version` asks for.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The configuration file can't be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The configuration file is wrong.
    #[error(transparent)]
    Wrong(#[from] ConfigError),
}

impl LoadError {
    /// The exit status: 2 for wrong usage, 1 for a file that can't be read.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Arguments(_) | Self::Wrong(_) => 2,
            Self::File { .. } => 1,
        }
    }
}

/// An error in a configuration file.
#[derive(Debug, Error)]
#[error("{}:{line}: {problem}", path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong in a configuration file.
#[derive(Debug, Error)]
pub enum Problem {
    /// It is not TOML.
    #[error("{0}")]
    Syntax(String),
    /// There is no option of that name.
    #[error("unknown key '{key}'{}", suggestion(program, nearest.as_deref()))]
    Unknown {
        /// The program, whose `--help` lists the keys.
        program: String,
        /// The key in the file.
        key: String,
        /// The option whose name is most like it.
        nearest: Option<String>,
    },
    /// A table in brackets.
    #[error("there are no sections such as [{0}]: keys stand at the top, one a line")]
    Section(String),
    /// An option that only the command line may have.
    #[error("'{0}' stands on the command line only")]
    CommandLineOnly(String),
    /// A value of a type that the option does not have.
    #[error("'{key}': {wanted}")]
    Kind {
        /// The key.
        key: String,
        /// The expected type, and an example.
        wanted: String,
    },
    /// A value that the parser of the option rejects.
    #[error("'{key}': '{value}': {reason}")]
    Value {
        /// The key.
        key: String,
        /// The value, as on the command line.
        value: String,
        /// The message of the parser.
        reason: String,
    },
    /// Two keys that conflict.
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
    /// A value that clap has rejected.
    pub(super) fn value(key: &str, value: &str, refusal: &clap::Error) -> Self {
        let reason = match (refusal.source(), refusal.get(ContextKind::ValidValue)) {
            (Some(source), _) => source.to_string(),
            (None, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
                format!("expected one of {}", valid.join(", "))
            }
            _ => refusal.kind().to_string(),
        };
        Self::Value {
            key: key.to_owned(),
            value: value.to_owned(),
            reason,
        }
    }
}

fn suggestion(program: &str, nearest: Option<&str>) -> String {
    match nearest {
        Some(key) => format!("; is '{key}' meant?"),
        None => format!(": keys are the long options, which `{program} --help` lists"),
    }
}
