//! The lists of `--names`, `--clients`, `--resolvers` and of their opposites, read from files and
//! from the command line.
//!
//! A file has one entry a line. Blank lines count for nothing, nor does what follows a `#` at the
//! start of a line or behind a space. Files are read at the start and at each reload, on a thread
//! that no packet waits for.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use dnsflow_packet::lists::{Listed, Lists, NameSet, Prefix, PrefixError, PrefixSet};
use thiserror::Error;

use crate::start::cli::Options;

/// Most entries of one option, of all its files together.
const MAX_ENTRIES: usize = 1_000_000;

/// Longest line in bytes: a name of which each byte is escaped has 1,008.
const MAX_LINE_BYTES: usize = 4096;

/// Largest file in bytes: a million long names with remarks. It bounds what a wrong path can cost.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// A value of `--clients` and the like.
#[derive(Clone, Debug, PartialEq)]
pub enum Prefixes {
    /// A list with commas.
    Given(Vec<Prefix>),
    /// `@` and the path of a file.
    File(PathBuf),
}

impl FromStr for Prefixes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix('@') {
            if path.is_empty() {
                return Err("expected the path of a file behind @".to_owned());
            }
            return Ok(Self::File(path.into()));
        }
        let prefixes = text.split(',').map(|prefix| {
            let prefix = prefix.trim();
            prefix
                .parse()
                .map_err(|error: PrefixError| format!("'{prefix}': {error}"))
        });
        prefixes.collect::<Result<_, _>>().map(Self::Given)
    }
}

/// Why a list can't be had.
#[derive(Debug, Error)]
pub enum ListError {
    /// The file can't be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A line is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The file is larger than 256 MiB.
    #[error("{}: the file has more than {} MiB", path.display(), MAX_FILE_BYTES >> 20)]
    Large {
        /// The file.
        path: PathBuf,
    },
    /// An option has more entries than it may.
    #[error("--{option} has more than {MAX_ENTRIES} entries; leave out those that others contain")]
    Many {
        /// The long option.
        option: &'static str,
    },
    /// A list of what is taken has nothing.
    #[error(
        "--{option} lists nothing, so that no response would be exported; omit the option to export all"
    )]
    Empty {
        /// The long option.
        option: &'static str,
    },
}

impl ListError {
    /// The exit status: 1 for a file that can't be read, 2 for what is wrong in it.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::File { .. } => 1,
            _ => 2,
        }
    }
}

/// The lists of a command line; `None` if it has none.
///
/// # Errors
/// The first list that can't be had.
pub fn read(options: &Options) -> Result<Option<Arc<Lists>>, ListError> {
    let lists = Lists {
        names: Listed {
            only: filled("names", names("names", &options.names)?, NameSet::is_empty)?,
            never: names("not-names", &options.not_names)?,
        },
        clients: prefixes(
            ["clients", "not-clients"],
            &options.clients,
            &options.not_clients,
        )?,
        resolvers: prefixes(
            ["resolvers", "not-resolvers"],
            &options.resolvers,
            &options.not_resolvers,
        )?,
    };
    Ok((!lists.are_empty()).then(|| Arc::new(lists)))
}

/// A list of what is taken has something, or it is a mistake, such as a file that is being written.
fn filled<Set>(
    option: &'static str,
    set: Option<Set>,
    is_empty: fn(&Set) -> bool,
) -> Result<Option<Set>, ListError> {
    if set.as_ref().is_some_and(is_empty) {
        return Err(ListError::Empty { option });
    }
    Ok(set)
}

fn names(option: &'static str, files: &[PathBuf]) -> Result<Option<NameSet>, ListError> {
    let mut set = NameSet::default();
    for path in files {
        entries(path, |name| {
            let is_new = set.insert(name).map_err(|error| error.to_string())?;
            Ok(!is_new || set.len() <= MAX_ENTRIES)
        })?
        .ok_or(ListError::Many { option })?;
    }
    set.shrink();
    Ok((!files.is_empty()).then_some(set))
}

fn prefixes(
    [only_option, never_option]: [&'static str; 2],
    only: &[Prefixes],
    never: &[Prefixes],
) -> Result<Listed<PrefixSet>, ListError> {
    let only = prefixes_of(only_option, only)?;
    let only = filled(only_option, only, Vec::is_empty)?;
    let never = prefixes_of(never_option, never)?;
    Ok(Listed {
        only: only.map(PrefixSet::from_iter),
        never: never.map(PrefixSet::from_iter),
    })
}

fn prefixes_of(
    option: &'static str,
    values: &[Prefixes],
) -> Result<Option<Vec<Prefix>>, ListError> {
    let mut found = Vec::new();
    for value in values {
        match value {
            Prefixes::Given(prefixes) => found.extend(prefixes),
            Prefixes::File(path) => entries(path, |prefix| {
                found.push(parsed(prefix)?);
                Ok(found.len() <= MAX_ENTRIES)
            })?
            .ok_or(ListError::Many { option })?,
        }
    }
    Ok((!values.is_empty()).then_some(found))
}

fn parsed<T: FromStr<Err: Display>>(text: &[u8]) -> Result<T, String> {
    let text = String::from_utf8_lossy(text);
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Gives each entry of a file to `take`, which returns whether there may be more; `None` if there
/// may not.
fn entries(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<bool, String>,
) -> Result<Option<()>, ListError> {
    let failed = |source| ListError::File {
        path: path.to_owned(),
        source,
    };
    let wrong = |line, problem| ListError::Line {
        path: path.to_owned(),
        line,
        problem,
    };
    let file = File::open(path).map_err(failed)?;
    let mut left = MAX_FILE_BYTES;
    let mut reader = BufReader::new(file);
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        // One byte more tells a line that is too long from one that just fits.
        let mut bounded = reader.by_ref().take(MAX_LINE_BYTES as u64 + 1);
        let bytes = bounded.read_until(b'\n', &mut text).map_err(failed)?;
        if bytes == 0 {
            break;
        }
        if bytes > MAX_LINE_BYTES {
            let problem = format!("the line has more than {MAX_LINE_BYTES} bytes");
            return Err(wrong(line, problem));
        }
        left = left
            .checked_sub(bytes as u64)
            .ok_or_else(|| ListError::Large {
                path: path.to_owned(),
            })?;
        let entry = without_remark(&text);
        if !entry.is_empty() && !take(entry).map_err(|problem| wrong(line, problem))? {
            return Ok(None);
        }
    }
    Ok(Some(()))
}

/// What a line has besides spaces and a remark.
fn without_remark(line: &[u8]) -> &[u8] {
    let is_remark = |at: &usize| {
        line.get(*at) == Some(&b'#')
            && (*at == 0 || line.get(at - 1).is_some_and(u8::is_ascii_whitespace))
    };
    let end = (0..line.len()).find(is_remark).unwrap_or(line.len());
    line.get(..end).unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use dnsflow_testkit::folder::Folder;

    use super::*;
    use crate::start::cli::Cli;

    /// The lists of these options, or what is wrong with them, without the name of the folder.
    fn lists(folder: &Folder, options: &[&str]) -> Result<Option<Arc<Lists>>, String> {
        let cli = Cli::try_parse_from(["dnsflow"].iter().chain(options));
        let cli = cli.map_err(|error| error.to_string())?;
        read(&cli.options).map_err(|error| {
            let text = error.to_string();
            text.replace(&folder.argument(""), "")
        })
    }

    #[test]
    fn without_lists_there_are_none() {
        assert_eq!(lists(&Folder::new(), &[]), Ok(None));
    }

    #[test]
    fn files_and_values_add_up() {
        let folder = Folder::new();
        let one = folder.file(
            "one",
            b"# remark\r\n\r\nExample.com. # too\r\n\tA.example\r\n",
        );
        let two = folder.file("two", b"example.com\nb#c.example");
        let nets = folder.file("nets", b"#\n10.0.0.0/8#\n");
        let (one, two) = (one.display().to_string(), two.display().to_string());
        let found = lists(
            &folder,
            &["--names", &one, "--names", &two, "--not-names", &two],
        );
        let found = found.expect("both are right").expect("there are some");
        assert_eq!(found.names.only.as_ref().map(NameSet::len), Some(3));
        assert_eq!(found.names.never.as_ref().map(NameSet::len), Some(2));
        let nets = format!("@{}", nets.display());
        assert_eq!(
            lists(&folder, &["--clients", &nets]),
            Err("nets:2: expected a length from 0 to 32 behind the slash".to_owned())
        );
        let nets = folder.file("nets", b"#\n10.0.0.0/8 # ten\n2001:db8::/32");
        let nets = format!("@{}", nets.display());
        let found = lists(
            &folder,
            &[
                "--clients",
                &nets,
                "--clients",
                "192.0.2.1, 192.0.2.8/29",
                "--not-resolvers=::1",
            ],
        );
        let found = found.expect("all are right").expect("there are some");
        let clients = format!("{:?}", found.clients.only);
        assert_eq!(clients, "Some(PrefixSet(3 ranges of IPv4, 1 of IPv6))");
        assert_eq!(
            (found.clients.never.as_ref(), found.resolvers.only.as_ref()),
            (None, None)
        );
        assert!(found.resolvers.never.is_some());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let folder = Folder::new();
        let long = vec![b'a'; MAX_LINE_BYTES + 1];
        for (text, problem) in [
            (
                &b"a.example\nb..example\n"[..],
                "2: a label is empty: expected a name such as example.com",
            ),
            (
                b"\n\n*.example",
                "3: no wildcards: example.com stands for everything below it, too; a real asterisk is \\042",
            ),
            (
                b"0.0.0.0 ads.example\n",
                "1: one name a line; a space in a name is \\032",
            ),
            (&long, "1: the line has more than 4096 bytes"),
        ] {
            let file = folder.file("list", text).display().to_string();
            for option in ["--names", "--not-names"] {
                assert_eq!(
                    lists(&folder, &[option, &file]),
                    Err(format!("list:{problem}"))
                );
            }
        }
        let file = format!(
            "@{}",
            folder.file("list", b"10.0.0.0/8\n10.0.0.1/8\n").display()
        );
        for option in [
            "--clients",
            "--not-clients",
            "--resolvers",
            "--not-resolvers",
        ] {
            let expected =
                "list:2: bits behind the length of the prefix are set: is 10.0.0.0/8 meant?";
            assert_eq!(lists(&folder, &[option, &file]), Err(expected.to_owned()));
        }
    }

    #[test]
    fn files_that_are_not_there() {
        let folder = Folder::new();
        for options in [["--names", "/nonexistent"], ["--clients", "@/nonexistent"]] {
            let error = lists(&folder, &options).expect_err("no file");
            assert_eq!(
                error,
                "/nonexistent: No such file or directory (os error 2)"
            );
        }
        let endless = lists(&folder, &["--not-names", "/dev/zero"]).expect_err("no lines");
        assert_eq!(endless, "/dev/zero:1: the line has more than 4096 bytes");
    }

    #[test]
    fn lists_of_nothing() {
        let folder = Folder::new();
        let file = folder
            .file("list", b"# nothing yet\n")
            .display()
            .to_string();
        let at_file = format!("@{file}");
        for (option, value) in [
            ("names", &file),
            ("clients", &at_file),
            ("resolvers", &at_file),
        ] {
            let error = lists(&folder, &[&format!("--{option}"), value]).expect_err("nothing");
            assert!(
                error.starts_with(&format!("--{option} lists nothing")),
                "{error}"
            );
            let excluded = lists(&folder, &[&format!("--not-{option}"), value]);
            assert!(excluded.is_ok_and(|lists| lists.is_some()), "{option}");
        }
    }

    #[test]
    fn more_than_a_million() {
        let folder = Folder::new();
        let all: String = (0..MAX_ENTRIES)
            .map(|number| format!("{number}\n"))
            .collect();
        let file = folder.file("all", all.as_bytes()).display().to_string();
        let twice = lists(&folder, &["--names", &file, "--names", &file]);
        let twice = twice.expect("as many as may be").expect("a list");
        assert_eq!(
            twice.names.only.as_ref().map(NameSet::len),
            Some(MAX_ENTRIES)
        );
        let more = folder.file("more", b"one.more\n").display().to_string();
        let many = lists(&folder, &["--not-names", &file, "--not-names", &more]);
        assert_eq!(
            many,
            Err(
                "--not-names has more than 1000000 entries; leave out those that others contain"
                    .to_owned()
            )
        );
    }

    #[test]
    fn values_that_are_no_lists() {
        for (value, problem) in [
            (
                "10.0.0.0/8,",
                "'': expected an address or a prefix, such as 10.0.0.0/8 or 2001:db8::/32",
            ),
            (
                "list.txt",
                "'list.txt': expected an address or a prefix, such as 10.0.0.0/8 or 2001:db8::/32",
            ),
            (
                "::1/129",
                "'::1/129': expected a length from 0 to 128 behind the slash",
            ),
            ("@", "expected the path of a file behind @"),
        ] {
            assert_eq!(value.parse::<Prefixes>(), Err(problem.to_owned()));
        }
    }
}
