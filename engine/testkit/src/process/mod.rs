//! A child process: it is started, read while it runs, signalled, and never left behind.

mod output;

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::patience::until;
use output::Output;

/// A running child. Dropped, it is killed, by its id.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    feeder: Option<JoinHandle<()>>,
    stdout: Output,
    stderr: Output,
    /// Bytes of standard output that [`Process::line`] has given.
    given: usize,
}

/// A child that has ended.
#[derive(Debug)]
pub struct Ended {
    name: String,
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote to standard output, where that was piped.
    pub stdout: Vec<u8>,
    /// All that it wrote to standard error, where that was piped.
    pub stderr: String,
}

impl Process {
    /// Starts a command with nothing on standard input and the other streams piped.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn spawn(name: &str, command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
        Self::start(name, piped.stderr(Stdio::piped()))
    }

    /// Starts a command with the streams that it was given.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let child = command.spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self {
            name: name.to_owned(),
            feeder: None,
            stdout: Output::of(child.stdout.take()),
            stderr: Output::of(child.stderr.take()),
            child,
            given: 0,
        }
    }

    /// Writes `bytes` to its standard input, and then the end.
    ///
    /// # Panics
    /// If standard input is not piped.
    #[must_use]
    pub fn fed(mut self, bytes: Vec<u8>) -> Self {
        let mut stdin = self.stdin();
        // It may end before it has read everything.
        let feeder = thread::spawn(move || drop(stdin.write_all(&bytes)));
        self.feeder = Some(feeder);
        self
    }

    /// The other end of its standard input.
    ///
    /// # Panics
    /// If standard input is not piped, or was asked for before.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("standard input is piped")
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal, named as kill(1) does, such as `TERM`; nothing where it has ended.
    ///
    /// # Panics
    /// If there is no such signal.
    pub fn signal(&mut self, name: &str) {
        let signal: Signal = format!("SIG{name}").parse().expect("the name of a signal");
        // The id of a process that was waited for may be another's by now.
        if self.is_running() {
            let id = i32::try_from(self.id()).expect("process ids are positive");
            let sent = kill(Pid::from_raw(id), signal);
            assert_eq!(sent, Ok(()), "kill -s {name} {id}, which is {}", self.name);
        }
    }

    /// The next line on standard output, with its end.
    ///
    /// # Panics
    /// If the child ends before, or takes too long.
    pub fn line(&mut self) -> String {
        let line = until(&format!("{} to print a line", self.name), || {
            let has_ended = self.stdout.has_ended();
            let line = self.stdout.line_at(self.given);
            assert!(
                line.is_some() || !has_ended,
                "{} prints no more: {}",
                self.name,
                self.stderr.text()
            );
            line
        });
        self.given += line.len();
        line
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn said(&self) -> String {
        self.stderr.text()
    }

    /// Waits until a whole line on standard error holds `text`.
    ///
    /// # Panics
    /// If the child ends before, or takes too long.
    pub fn wait_until_it_says(&mut self, text: &str) {
        self.wait_until_it_has_said(text, 1);
    }

    /// Waits until so many whole lines on standard error hold `text`.
    ///
    /// # Panics
    /// If the child ends before, or takes too long.
    pub fn wait_until_it_has_said(&mut self, text: &str, times: usize) {
        until(&format!("{} to say {text:?}", self.name), || {
            // Asked first: what is there when the stream has ended is all.
            let has_ended = self.stderr.has_ended();
            let said = self.stderr.text();
            // The last line may be half a line.
            let whole = said
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n') || has_ended);
            let found = whole.filter(|line| line.contains(text)).count() >= times;
            assert!(found || !has_ended, "{} says no more: {said}", self.name);
            found.then_some(())
        });
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If it takes too long.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        let status = until(&format!("{} to end", self.name), || {
            self.child.try_wait().expect("a child can be waited for")
        });
        if let Some(feeder) = self.feeder.take() {
            feeder.join().expect("the feeder does not panic");
        }
        Ended {
            name: self.name.clone(),
            status,
            stdout: self.stdout.all(),
            stderr: String::from_utf8_lossy(&self.stderr.all()).into_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// What it wrote to standard output.
    ///
    /// # Panics
    /// If that is not text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("text on standard output")
    }

    /// The lines of that.
    ///
    /// # Panics
    /// As [`Ended::text`].
    #[must_use]
    pub fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// # Panics
    /// If it did not end with status 0.
    pub fn assert_success(&self) {
        let Self {
            name,
            status,
            stderr,
            ..
        } = self;
        let printed = String::from_utf8_lossy(&self.stdout[..self.stdout.len().min(2000)]);
        assert!(
            status.success(),
            "{name} ended with {status}: {stderr}{printed}"
        );
    }

    /// # Panics
    /// If it did not end with status `code`, or did not say each of `words` on standard error.
    pub fn assert_failure(&self, code: i32, words: &[&str]) {
        assert_eq!(self.status.code(), Some(code), "{}", self.stderr);
        for word in words {
            let said = self.stderr.contains(word);
            assert!(said, "{word:?} is not in: {}", self.stderr);
        }
    }
}
