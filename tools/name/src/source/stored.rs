//! The Parquet files of the collector: for flows that are older than what a service remembers.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dnsflow_archive::{Archive, Limits};
use dnsflow_names::Question;

use super::{Source, SourceError};
use crate::answers::Answers;

/// A folder of Parquet files.
pub struct Stored {
    archive: Archive,
    path: PathBuf,
    limits: Limits,
    /// Files that could not be read, each told once.
    damaged: BTreeSet<PathBuf>,
}

impl Stored {
    /// The folder of `dnsflow-collect --to parquet:FOLDER`. An address is used so long after its
    /// TTL.
    ///
    /// # Errors
    ///
    /// If it is no such folder.
    pub fn open(path: &Path, grace: Duration) -> Result<Self, SourceError> {
        Ok(Self {
            archive: Archive::open(path)?,
            path: path.to_owned(),
            limits: Limits {
                grace,
                ..Limits::default()
            },
            damaged: BTreeSet::new(),
        })
    }
}

impl Source for Stored {
    fn ask(
        &mut self,
        questions: &[Question],
        most: usize,
        answers: &mut Answers,
    ) -> Result<(), SourceError> {
        if questions.is_empty() {
            return Ok(());
        }
        let limits = Limits {
            candidates: most,
            ..self.limits
        };
        let asked = self.archive.ask(questions, &limits)?;
        for problem in asked.reading.problems {
            if self.damaged.insert(problem.path.clone()) {
                // There is nobody else to tell.
                let _ = writeln!(std::io::stderr(), "dnsflow-name: {problem}");
            }
        }
        for answer in &asked.answers {
            let names = answer.names.iter();
            let names = names.map(|found| (found.name.as_str(), found.confidence));
            answers.push(answer.matched, names);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SourceError> {
        match self.damaged.len() {
            0 => Ok(()),
            files => Err(SourceError::Incomplete {
                path: self.path.clone(),
                files,
            }),
        }
    }
}
