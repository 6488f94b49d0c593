//! The configuration file: a TOML file (version 1.1) whose keys are the long options. The command
//! line takes precedence.
//!
//! Options are defined once, by the parser of the program's command line. A key becomes the option
//! of its name, `--key=value`, and is parsed by that definition: first alone, so that an error has
//! its line in the file, and then before the arguments of the command line. A file can't have
//! options that the command line lacks.

mod error;
mod taken_back;
#[cfg(test)]
mod tests;
mod value;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use error::{ConfigError, LoadError, Problem};
use taken_back::{is_taken_back, with_opposites};
pub use value::expected;

/// Options that the file of no program can have, since they are about one start. A program may lack
/// some of them.
pub const COMMAND_LINE_ONLY: [&str; 4] = ["config", "help", "version", "print-filter"];

/// Similarity, from 0 to 1, from which on an option is suggested for an unknown key (Jaro-Winkler).
const LIKENESS: f64 = 0.75;

/// Parses a command line, whose first argument is the program's name, and reads the file of its
/// `--config`.
///
/// `Cli` has the options, among them `config`, whose value is a [`PathBuf`]; it may have
/// subcommands with options of their own. Without a `config`, there is no file.
///
/// The command line takes precedence: an option there replaces the key of the file, lists as a
/// whole, and removes keys that conflict with it. It can also have the opposite of each flag, which
/// is no key: `--no-print` takes back what the file or the command line before it says.
///
/// # Errors
/// [`LoadError::Arguments`] for the command line, and for `--help` and `--version`;
/// [`LoadError::File`] if the file can't be read; [`LoadError::Wrong`] for what is wrong in it.
pub fn load<Cli: CommandFactory + FromArgMatches>(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Cli, LoadError> {
    let mut arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let mut command = Cli::command();
    command.build();
    let program = command.get_name().to_owned();
    let accepting = with_opposites(Cli::command());
    let matches = accepting.clone().try_get_matches_from(&arguments)?;
    // Options stand after the subcommand, if there is one.
    let (start, command, given) = match matches.subcommand() {
        Some((name, given)) => (2, command.find_subcommand(name).unwrap_or(&command), given),
        None => (1, &command, &matches),
    };
    // Not every subcommand has options.
    let Ok(Some(path)) = given.try_get_one::<PathBuf>("config") else {
        return Ok(Cli::from_arg_matches(&matches)?);
    };
    let text = fs::read_to_string(path).map_err(|source| LoadError::File {
        path: path.clone(),
        source,
    })?;
    let file = File {
        program: &program,
        path,
        text: &text,
    };
    let words = file.words(command, given)?;
    arguments.splice(start..start, words);
    Ok(Cli::from_arg_matches(
        &accepting.try_get_matches_from(&arguments)?,
    )?)
}

/// The options of a command that can be keys of a file, in the order of their definition. The
/// command has to be built.
pub fn keys(command: &Command) -> impl Iterator<Item = &Arg> {
    let has_key = |option: &&Arg| {
        let long = option.get_long();
        long.is_some_and(|long| !COMMAND_LINE_ONLY.contains(&long))
    };
    command.get_arguments().filter(has_key)
}

/// Whether two options of a command conflict.
#[must_use]
pub fn are_in_conflict(command: &Command, one: &Arg, other: &Arg) -> bool {
    command.get_arg_conflicts_with(one).contains(&other)
        || command.get_arg_conflicts_with(other).contains(&one)
}

/// A configuration file and its text.
struct File<'a> {
    /// The name of the program, whose `--help` lists the keys.
    program: &'a str,
    path: &'a Path,
    text: &'a str,
}

/// A key with its option, and the arguments that it stands for, one for each value.
struct Entry<'a> {
    option: &'a Arg,
    at: usize,
    words: Vec<OsString>,
}

impl File<'_> {
    /// The arguments that the file stands for, without those that the command line overrides.
    fn words(&self, command: &Command, given: &ArgMatches) -> Result<Vec<OsString>, ConfigError> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.error(at, Problem::Syntax(error.message().to_owned()))
        })?;
        let mut keys: Vec<_> = table.get_ref().iter().collect();
        keys.sort_unstable_by_key(|(key, _)| key.span().start);
        let mut entries = Vec::with_capacity(keys.len());
        for (key, value) in keys {
            entries.push(self.entry(command, key.get_ref(), key.span().start, value)?);
        }
        self.check_conflicts(command, &entries)?;
        let is_given = |option: &Arg| {
            given.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
        };
        let gives_way = |entry: &Entry<'_>| {
            if is_taken_back(entry.option, given) {
                return true;
            }
            let others = command.get_arguments().filter(|other| is_given(other));
            others
                .into_iter()
                .any(|other| other == entry.option || are_in_conflict(command, entry.option, other))
        };
        let left = entries.into_iter().filter(|entry| !gives_way(entry));
        Ok(left.flat_map(|entry| entry.words).collect())
    }

    fn entry<'a>(
        &self,
        command: &'a Command,
        key: &str,
        at: usize,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Entry<'a>, ConfigError> {
        let mut options = command.get_arguments();
        let option = options.find(|option| option.get_long() == Some(key));
        let option = match option {
            _ if COMMAND_LINE_ONLY.contains(&key) => {
                return Err(self.error(at, Problem::CommandLineOnly(key.to_owned())));
            }
            Some(option) => option,
            None if matches!(value.get_ref(), DeValue::Table(_)) => {
                return Err(self.error(at, Problem::Section(key.to_owned())));
            }
            None => return Err(self.error(at, self.unknown(command, key))),
        };
        let mut words = Vec::new();
        for (at, text) in value::texts(option, key, value).map_err(|(at, wanted)| {
            let key = key.to_owned();
            self.error(at, Problem::Kind { key, wanted })
        })? {
            let word = match &text {
                Some(text) => OsString::from(format!("--{key}={text}")),
                None => OsString::from(format!("--{key}")),
            };
            let alone = [OsStr::new(command.get_name()), &word];
            if let Err(error) = command.clone().try_get_matches_from(alone) {
                let text = text.unwrap_or_default();
                return Err(self.error(at, Problem::value(key, &text, &error)));
            }
            words.push(word);
        }
        Ok(Entry { option, at, words })
    }

    fn check_conflicts(&self, command: &Command, entries: &[Entry<'_>]) -> Result<(), ConfigError> {
        let mut before: Vec<&Entry<'_>> = Vec::new();
        for entry in entries.iter().filter(|entry| !entry.words.is_empty()) {
            let other = before
                .iter()
                .find(|other| are_in_conflict(command, entry.option, other.option));
            if let Some(other) = other {
                let problem = Problem::Conflict {
                    key: name(entry.option),
                    other: name(other.option),
                    line: self.line(other.at),
                };
                return Err(self.error(entry.at, problem));
            }
            before.push(entry);
        }
        Ok(())
    }

    fn unknown(&self, command: &Command, key: &str) -> Problem {
        let likeness = |option: &str| strsim::jaro_winkler(key, option);
        let nearest = keys(command)
            .filter_map(Arg::get_long)
            .max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
            .filter(|option| likeness(option) >= LIKENESS);
        Problem::Unknown {
            program: self.program.to_owned(),
            key: key.to_owned(),
            nearest: nearest.map(str::to_owned),
        }
    }

    fn error(&self, at: usize, problem: Problem) -> ConfigError {
        ConfigError {
            path: self.path.to_owned(),
            line: self.line(at),
            problem,
        }
    }

    /// The line, from 1, of the byte at offset `at`.
    fn line(&self, at: usize) -> usize {
        let before = self.text.bytes().take(at);
        1 + before.filter(|byte| *byte == b'\n').count()
    }
}

fn name(option: &Arg) -> String {
    option.get_long().unwrap_or_default().to_owned()
}
