//! A child process that ends with the test, and what it says.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::patience::until;

/// A running child. Dropped, it is killed, by its id and nobody else.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    errors: Arc<Mutex<Vec<String>>>,
    readers: Option<(JoinHandle<String>, JoinHandle<()>)>,
}

/// A child that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let errors = Arc::default();
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let readers = Some((
            thread::spawn(move || read_all(stdout)),
            read_lines(stderr, Arc::clone(&errors)),
        ));
        Self {
            name: name.to_owned(),
            child,
            errors,
            readers,
        }
    }

    /// Waits until a line on standard error holds `text`.
    ///
    /// # Panics
    /// If the child ends before, or takes too long.
    pub(crate) fn wait_until_it_says(&mut self, text: &str) {
        self.wait_until_it_has_said(text, 1);
    }

    /// Waits until so many lines on standard error hold `text`.
    ///
    /// # Panics
    /// If the child ends before, or takes too long.
    pub(crate) fn wait_until_it_has_said(&mut self, text: &str, times: usize) {
        until(&format!("{} to say {text:?}", self.name), || {
            let said = self
                .lines()
                .iter()
                .filter(|line| line.contains(text))
                .count();
            let found = said >= times;
            if !found && let Ok(Some(status)) = self.child.try_wait() {
                panic!("{} ended with {status}: {}", self.name, self.said());
            }
            found.then_some(())
        });
    }

    /// Sends a signal, named as kill(1) does: TERM, INT.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &id])
            .status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill -s {name} {id}"
        );
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let name = self.name.clone();
        let status = until(&format!("{name} to end"), || {
            self.child.try_wait().expect("a child can be waited for")
        });
        let (stdout, errors) = self.readers.take().expect("only the end takes the readers");
        errors.join().expect("the reader of stderr does not panic");
        Ended {
            status,
            stdout: stdout.join().expect("the reader of stdout does not panic"),
            stderr: self.said(),
        }
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.errors.lock().expect("the reader does not panic")
    }

    fn said(&self) -> String {
        self.lines().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// # Panics
    /// If it did not end with status 0.
    pub(crate) fn assert_success(&self, what: &str) {
        assert!(
            self.status.success(),
            "{what} ended with {}: {}",
            self.status,
            self.stderr
        );
    }
}

fn read_all(mut stream: ChildStdout) -> String {
    let mut bytes = Vec::new();
    // A stream that breaks off is seen by who looks at what it said.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read_lines(stream: ChildStderr, lines: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            lines
                .lock()
                .expect("nobody panics with the lock")
                .push(line);
        }
    })
}
