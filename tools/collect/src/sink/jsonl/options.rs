//! What `--to jsonl:` is told.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::sink::destination::{divide, duration, size};
use crate::sink::lines::Form;

/// How long a file is written to, unless it is told.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How large a file becomes, unless it is told, in bytes before compression.
const SIZE_BYTES: u64 = 1 << 30;

/// The options of the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(super) target: Target,
    pub(super) form: Form,
    pub(super) compression: Compression,
    pub(super) every: Duration,
    pub(super) size: u64,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    StandardOutput,
    Folder(PathBuf),
    /// Host and port.
    Tcp(String),
}

/// How files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Why the text behind `jsonl:` is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// There is no place.
    #[error("expected jsonl:- for standard output, jsonl:FOLDER, or jsonl:tcp://HOST:PORT")]
    Place,
    /// There is no such parameter.
    #[error("jsonl: has no parameter {0}: it has form, compression, every and size")]
    Unknown(String),
    /// A value is none of the parameter's.
    #[error("jsonl: {name}={value}: expected {expected}")]
    Value {
        /// The parameter.
        name: String,
        /// What it was given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// The parameter is about files.
    #[error("jsonl: {0} is about files, as in jsonl:FOLDER?{0}=..")]
    FilesOnly(String),
}

impl Options {
    /// Reads what stands behind `jsonl:`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        let (place, parameters) = divide(text);
        let target = match place {
            "" => return Err(OptionsError::Place),
            "-" => Target::StandardOutput,
            _ => match place.strip_prefix("tcp://") {
                Some(address) if has_port(address) => Target::Tcp(address.to_owned()),
                Some(_) => return Err(OptionsError::Place),
                None => Target::Folder(place.into()),
            },
        };
        let mut options = Self {
            target,
            form: Form::Keys,
            compression: Compression::None,
            every: EVERY,
            size: SIZE_BYTES,
        };
        for (name, value) in parameters {
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), OptionsError> {
        let wrong = |expected| OptionsError::Value {
            name: name.to_owned(),
            value: value.to_owned(),
            expected,
        };
        let is_of_files = matches!(name, "compression" | "every" | "size");
        if is_of_files && !matches!(self.target, Target::Folder(_)) {
            return Err(OptionsError::FilesOnly(name.to_owned()));
        }
        match (name, value) {
            ("form", _) => match Form::named(value) {
                Some(form) => self.form = form,
                None => return Err(wrong("keys or ecs")),
            },
            ("compression", "none") => self.compression = Compression::None,
            ("compression", "gzip") => self.compression = Compression::Gzip,
            ("compression", "zstd") => self.compression = Compression::Zstd,
            ("compression", _) => return Err(wrong("none, gzip or zstd")),
            ("every", _) => self.every = duration(value).ok_or(wrong("a time, as in 10m or 1h"))?,
            ("size", _) => self.size = size(value).ok_or(wrong("a size, as in 256M or 1G"))?,
            _ => return Err(OptionsError::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

fn has_port(address: &str) -> bool {
    let port = address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    matches!(port, Some(Ok(1..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        let options = Options::parse("/d?compression=zstd&every=10m&size=2M&form=ecs");
        let expected = Options {
            target: Target::Folder("/d".into()),
            form: Form::Ecs,
            compression: Compression::Zstd,
            every: Duration::from_secs(600),
            size: 2 << 20,
        };
        assert_eq!(options, Ok(expected));
        let target = |text| Options::parse(text).map(|options| options.target);
        assert_eq!(target("-"), Ok(Target::StandardOutput));
        assert_eq!(target("tcp://h:1"), Ok(Target::Tcp("h:1".to_owned())));
    }

    #[test]
    fn what_is_wrong() {
        let error = |text| Options::parse(text).expect_err("it is wrong").to_string();
        assert!(error("").contains("expected jsonl:-"));
        assert!(error("tcp://h").contains("tcp://HOST:PORT"));
        assert!(error("-?every=1h").contains("is about files"));
        assert!(error("/d?every=soon").contains("every=soon: expected a time"));
        assert!(error("/d?color=red").contains("has no parameter color"));
    }
}
