//! Captures and messages to try everything on: those that the project has made, and those of others.
//!
//! The project's own are in `engine/testkit/corpus`, built by this module: `files` has captures, `oracle` the sets that
//! a sensor has to export for each, `wire` DNS messages. What is expected is known from building them. A test holds
//! what is committed against what is built; `cargo run -p dnsflow-testkit --example corpus` writes it anew.
//!
//! Those of others are no part of the project. Where they lie beside its checkout, in `../shared/captures`, tests take
//! them too; where they don't, tests say so, and the project's own are what was tried.

mod capture;
mod damaged;
pub mod links;
mod messages;
mod pieces;
pub mod tunnels;

use std::fs;
use std::path::{Path, PathBuf};

pub use self::capture::{Capture, record};
pub use self::messages::{Message, messages};
use crate::requirements::say;

/// What names in the project's own captures end in.
const DOMAIN: &str = "corpus.example";

/// When their packets were captured, in seconds: 2023-11-14 22:13:20 UTC.
const START: u64 = 1_700_000_000;

/// A capture file, and the sets that a sensor which looks into all tunnels has to export for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Lines of sets; a tag behind a fifth tab says that one may come in another form.
    pub expected: Vec<String>,
}

/// Captures and messages in a folder.
#[derive(Clone, Debug)]
pub struct Corpus(PathBuf);

impl Corpus {
    /// Those of the project.
    #[must_use]
    pub fn own() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"))
    }

    /// Those of others; where there are none, it is said that `test` goes without.
    #[must_use]
    pub fn of_others(test: &str) -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
        if folder.is_dir() {
            return Some(Self(folder));
        }
        say(&format!(
            "SKIPPED {test}: no captures of others in ../shared/captures; those of the project were tried"
        ));
        None
    }

    /// Capture files, sorted.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn captures(&self) -> Vec<PathBuf> {
        self.files("files")
    }

    /// DNS messages, sorted.
    ///
    /// # Panics
    /// If there are none.
    #[must_use]
    pub fn messages(&self) -> Vec<PathBuf> {
        self.files("wire")
    }

    /// What is expected of a capture: by `golden`, which is what the original finds, or by `oracle`. Nothing where there
    /// is nothing.
    ///
    /// # Panics
    /// If `capture` is no path of a file.
    #[must_use]
    pub fn expected(&self, kind: &str, capture: &Path) -> String {
        let name = capture.file_name().expect("a file").to_string_lossy();
        let path = self.0.join(kind).join(format!("{name}.tsv"));
        fs::read_to_string(path).unwrap_or_default()
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let folder = self.0.join(folder);
        let entries = fs::read_dir(&folder).expect("a folder that can be read");
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.expect("a folder that can be read").path())
            .collect();
        files.sort_unstable();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        files
    }
}

/// All capture files of the project.
#[must_use]
pub fn files() -> Vec<File> {
    let captures = links::all()
        .into_iter()
        .chain(tunnels::all())
        .chain(pieces::all());
    let mut files: Vec<File> = captures.map(|capture| capture.file()).collect();
    // More tunnels inside each other than are followed.
    files.push(File {
        expected: Vec::new(),
        ..tunnels::five().file()
    });
    files.extend(pieces::incomplete());
    files.extend(damaged::all());
    files
}

/// Writes all of the corpus.
///
/// # Errors
/// If its folder can't be written to.
pub fn write() -> std::io::Result<()> {
    let Corpus(folder) = Corpus::own();
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for (path, bytes) in all() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a file in a folder"))?;
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// Paths in the folder, and what is in each.
fn all() -> Vec<(String, Vec<u8>)> {
    let files = files().into_iter().flat_map(|file| {
        let File {
            name,
            bytes,
            expected,
        } = file;
        let lines: String = expected.iter().map(|line| format!("{line}\n")).collect();
        [
            (format!("oracle/{name}.tsv"), lines.into_bytes()),
            (format!("files/{name}"), bytes),
        ]
    });
    let messages = messages()
        .into_iter()
        .map(|message| (format!("wire/{}", message.name), message.bytes));
    files.chain(messages).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_committed_is_what_is_built() {
        let Corpus(folder) = Corpus::own();
        let hint = "cargo run -p dnsflow-testkit --example corpus";
        let mut built = BTreeSet::new();
        for (path, bytes) in all() {
            let path = folder.join(path);
            let is_same = fs::read(&path).is_ok_and(|found| found == bytes);
            assert!(is_same, "{} differs: {hint}", path.display());
            assert!(built.insert(path), "two have one name");
        }
        for kind in ["files", "oracle", "wire"] {
            for path in Corpus::own().files(kind) {
                assert!(
                    built.contains(&path),
                    "{} is not built: {hint}",
                    path.display()
                );
            }
        }
    }
}
