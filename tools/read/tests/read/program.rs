//! The program, run.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use dnsflow_testkit::process::{Ended, Process};

use crate::BUILT;

/// What a run left behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(ended: Ended) -> Self {
        Self {
            status: ended.status.code(),
            stdout: ended.text().to_owned(),
            stderr: ended.stderr,
        }
    }
}

/// The program with these arguments, and all its streams piped.
pub(crate) fn command<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = Command::new(BUILT.path("dnsflow-read"));
    command.args(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn spawn<S: AsRef<OsStr>>(args: &[S]) -> Process {
    Process::start("dnsflow-read", &mut command(args))
}

/// Runs to the end, with `input` on standard input.
pub(crate) fn run_with<S: AsRef<OsStr>>(args: &[S], input: &[u8]) -> Run {
    Run::of(spawn(args).fed(input.to_vec()).wait())
}

pub(crate) fn run<S: AsRef<OsStr>>(args: &[S]) -> Run {
    run_with(args, &[])
}
