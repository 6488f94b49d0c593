//! What `parquet:FOLDER?PARAMETERS` says.

use std::path::PathBuf;
use std::time::Duration;

use dnsflow_archive::Partition;
use thiserror::Error;

use crate::sink::destination::divide;

/// Where files go, and how they are cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder; it is created if it is missing.
    pub folder: PathBuf,
    /// How long rows wait until they are written to files, at most. Default: 60 s.
    pub every: Duration,
    /// How many rows wait, at most. Default: 1,000,000.
    pub rows: usize,
    /// Whether small files of an hour that is over are merged. Default: yes.
    pub compact: bool,
    /// Whether pages are compressed with zstd. Default: yes.
    pub compress: bool,
    /// What a folder of files holds. Default: an hour.
    pub partition: Partition,
}

/// Fewest rows that `rows` may say: files with less are no use to anybody.
const MIN_ROWS: usize = 1;

/// Most rows that `rows` may say. The bound of memory ends a file earlier.
const MAX_ROWS: usize = 10_000_000;

/// Longest time that `every` may say: rows are lost to readers so long.
const MAX_EVERY: Duration = Duration::from_secs(3600);

/// Why the text says no folder.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// There is no folder.
    #[error("parquet: no folder is named; write parquet:/var/lib/dnsflow/parquet")]
    NoFolder,
    /// There is no such parameter.
    #[error(
        "parquet: no parameter is called `{0}`; there are every, rows, compact, compression and \
         partition"
    )]
    Unknown(String),
    /// A value is none that the parameter can have.
    #[error("parquet: {name}={value} is none of its values; {values}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What was written.
        value: String,
        /// What can be written.
        values: &'static str,
    },
}

impl Options {
    /// Reads the text behind `parquet:`.
    ///
    /// # Errors
    ///
    /// [`OptionsError`], which says what can be written instead.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        let (folder, parameters) = divide(text);
        if folder.is_empty() {
            return Err(OptionsError::NoFolder);
        }
        let mut options = Self {
            folder: folder.into(),
            every: Duration::from_secs(60),
            rows: 1_000_000,
            compact: true,
            compress: true,
            partition: Partition::Hour,
        };
        for (name, value) in parameters {
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), OptionsError> {
        let wrong = |name, values| OptionsError::Value {
            name,
            value: value.to_owned(),
            values,
        };
        match name {
            "every" => {
                self.every = duration(value)
                    .filter(|every| !every.is_zero() && *every <= MAX_EVERY)
                    .ok_or(wrong("every", "write a time of up to 1h, such as 60s"))?;
            }
            "rows" => {
                self.rows = value
                    .parse()
                    .ok()
                    .filter(|rows| (MIN_ROWS..=MAX_ROWS).contains(rows))
                    .ok_or(wrong("rows", "write a number from 1 to 10000000"))?;
            }
            "compact" => {
                self.compact = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err(wrong("compact", "write on or off")),
                };
            }
            "compression" => {
                self.compress = match value {
                    "zstd" => true,
                    "none" => false,
                    _ => return Err(wrong("compression", "write zstd or none")),
                };
            }
            "partition" => {
                self.partition = match value {
                    "hour" => Partition::Hour,
                    "day" => Partition::Day,
                    _ => return Err(wrong("partition", "write hour or day")),
                };
            }
            _ => return Err(OptionsError::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

/// A time such as `500ms`, `60s`, `5m` or `1h`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(milliseconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_enough() {
        let options = Options::parse("/data").unwrap();
        assert_eq!(options.folder, PathBuf::from("/data"));
        assert_eq!(options.every, Duration::from_secs(60));
        assert_eq!(options.rows, 1_000_000);
        assert!(options.compact && options.compress);
        assert_eq!(options.partition, Partition::Hour);
    }

    #[test]
    fn parameters_say_how() {
        let text = "d?every=5m&rows=10&compact=off&compression=none&partition=day";
        let options = Options::parse(text).unwrap();
        assert_eq!(options.every, Duration::from_secs(300));
        assert_eq!(options.rows, 10);
        assert!(!options.compact && !options.compress);
        assert_eq!(options.partition, Partition::Day);
    }

    #[test]
    fn errors_say_what_can_be_written() {
        for (text, said) in [
            ("", "no folder"),
            (
                "d?row=1",
                "no parameter is called `row`; there are every, rows",
            ),
            ("d?rows=0", "rows=0 is none of its values; write a number"),
            ("d?rows=ten", "write a number"),
            ("d?every=60", "such as 60s"),
            ("d?every=0s", "such as 60s"),
            ("d?every=2h", "up to 1h"),
            ("d?every=99999999999999999999h", "up to 1h"),
            ("d?compact=yes", "on or off"),
            ("d?compression=gzip", "zstd or none"),
            ("d?partition=week", "hour or day"),
        ] {
            let error = Options::parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
