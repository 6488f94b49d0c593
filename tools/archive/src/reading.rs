//! What was read, and what could not be.

use std::fmt;
use std::ops::AddAssign;
use std::path::PathBuf;

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files that were opened.
    pub files: u64,
    /// Row groups of which pages were read.
    pub groups: u64,
    /// Pages of rows that were read, each column by itself.
    pub pages: u64,
    /// Rows that were looked at.
    pub rows: u64,
    /// Bytes of files, metadata included.
    pub bytes: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.groups += other.groups;
        self.pages += other.pages;
        self.rows += other.rows;
        self.bytes += other.bytes;
    }
}

/// A file that could not be read, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// What came of reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// How much was read.
    pub counts: Counts,
    /// Files whose rows are missing.
    pub problems: Vec<Problem>,
    /// Rows that were found, and left out: there were too many, or they have no address or client.
    pub left_out: u64,
}

impl Reading {
    pub(crate) fn add(&mut self, other: Self) {
        self.counts += other.counts;
        self.problems.extend(other.problems);
        self.left_out += other.left_out;
    }
}
