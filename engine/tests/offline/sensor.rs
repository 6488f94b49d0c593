//! The sensor as a process: started with options, fed, waited for, and held to account.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use crate::account::Account;
use crate::export::Export;

/// What takes longer hangs. Far more than anything here needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time between two looks at a process.
const LOOK: Duration = Duration::from_millis(1);

/// The program's path.
pub(crate) const PATH: &str = env!("CARGO_BIN_EXE_dnsflow");

/// A sensor to be started.
#[derive(Debug)]
pub(crate) struct Sensor {
    command: Command,
    input: Option<Vec<u8>>,
}

/// A sensor that runs, or another program. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    feeder: Option<JoinHandle<()>>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

/// A sensor that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Sensor {
    /// With nothing on standard input.
    pub(crate) fn new<S: AsRef<OsStr>>(options: impl IntoIterator<Item = S>) -> Self {
        Self::behind(&[], options)
    }

    /// Reads `capture`.
    pub(crate) fn reading(capture: &Path) -> Self {
        Self::new([OsStr::new("-r"), capture.as_os_str()])
    }

    /// Started by another program, such as `prlimit`, whose words come first.
    pub(crate) fn behind<S: AsRef<OsStr>>(
        words: &[&str],
        options: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut words = words.iter().chain([&PATH]);
        let mut command = Command::new(words.next().expect("at least the program"));
        command.args(words).args(options);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Sensor {
            command,
            input: None,
        }
    }

    /// With more options, divided at spaces.
    pub(crate) fn with(mut self, options: &str) -> Self {
        self.command.args(options.split_whitespace());
        self
    }

    /// With an option that may hold anything.
    pub(crate) fn option(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.arg(name).arg(value);
        self
    }

    /// With `bytes` on standard input, and then its end.
    pub(crate) fn fed(mut self, bytes: &[u8]) -> Self {
        self.input = Some(bytes.to_vec());
        self.command.stdin(Stdio::piped());
        self
    }

    /// With a standard input that the test writes to; see [`Running::stdin`].
    pub(crate) fn with_pipe(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// With standard output going there.
    pub(crate) fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stdout(to);
        self
    }

    /// With standard error going there.
    pub(crate) fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stderr(to);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().unwrap_or_else(|error| {
            panic!("{:?} does not start: {error}", self.command.get_program())
        });
        let feeder = self.input.take().map(|bytes| {
            let mut stdin = child.stdin.take().expect("standard input is piped");
            // It may end before it has read everything.
            thread::spawn(move || drop(stdin.write_all(&bytes)))
        });
        Running {
            feeder,
            stdout: child.stdout.take().map(read_all),
            stderr: child.stderr.take().map(read_all),
            child,
        }
    }

    /// Runs to the end.
    ///
    /// # Panics
    /// If it hangs, ends by a signal or a panic, or its counters don't add up.
    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }

    /// Runs to the end with `-w` and gives what was exported.
    ///
    /// # Panics
    /// As [`Sensor::run`]; if it fails, or the export can't be read, has gaps, or lacks the final stats.
    pub(crate) fn export(self) -> (Export, Account) {
        let folder = Folder::new();
        let path = folder.path("export.pcap");
        let ended = self.option("-w", &path).run();
        ended.assert_success();
        (Export::of(&path), ended.account())
    }
}

impl Running {
    /// The other end of its standard input; only once.
    pub(crate) fn stdin(&mut self) -> process::ChildStdin {
        self.child.stdin.take().expect("standard input is piped")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal, named as kill(1) does.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &id])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    /// As [`Sensor::run`].
    pub(crate) fn wait(mut self) -> Ended {
        let status = until("the sensor to end", || {
            self.child.try_wait().expect("a child can be waited for")
        });
        if let Some(feeder) = self.feeder.take() {
            feeder.join().expect("the feeder does not panic");
        }
        let taken = |reader: Option<JoinHandle<Vec<u8>>>| {
            reader.map_or_else(Vec::new, |reader| {
                reader.join().expect("a reader does not panic")
            })
        };
        let ended = Ended {
            status,
            stdout: taken(self.stdout.take()),
            stderr: String::from_utf8_lossy(&taken(self.stderr.take())).into_owned(),
        };
        let code = ended.status.code();
        assert!(
            matches!(code, Some(0..=2)),
            "{}: {}",
            ended.status,
            ended.stderr
        );
        // Panics where the counters don't add up.
        let _ = Account::found_in(&ended.stderr);
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// # Panics
    /// If it failed.
    pub(crate) fn assert_success(&self) {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
    }

    /// # Panics
    /// If it did not end with status `code`, or did not say each of `words`.
    pub(crate) fn assert_failure(&self, code: i32, words: &[&str]) {
        assert_eq!(self.status.code(), Some(code), "{}", self.stderr);
        for word in words {
            let said = self.stderr.contains(word);
            assert!(said, "{word:?} is not in: {}", self.stderr);
        }
    }

    /// # Panics
    /// If it gave none.
    pub(crate) fn account(&self) -> Account {
        Account::found_in(&self.stderr).unwrap_or_else(|| panic!("no account in: {}", self.stderr))
    }

    /// Lines on standard output.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let text = std::str::from_utf8(&self.stdout).expect("text on standard output");
        text.lines().collect()
    }
}

/// Waits for `look` to give something.
///
/// # Panics
/// If it does not.
pub(crate) fn until<Found>(what: &str, mut look: impl FnMut() -> Option<Found>) -> Found {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(LOOK);
    }
}

fn read_all(mut stream: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A stream that breaks off is seen by who looks at what it said.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

/// One core, and two where this process may use as many; where not, that is said once.
pub(crate) fn core_counts() -> &'static [&'static str] {
    static SAID: Once = Once::new();
    if thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1) {
        &["1", "2"]
    } else {
        SAID.call_once(|| say("SKIPPED all tests with 2 cores: there is 1 CPU"));
        &["1"]
    }
}

/// Says that a test can't run, and why; with CI=true that is a failure.
pub(crate) fn skip(test: &str, why: &str) {
    let strict = env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!strict, "skipped {test}: {why}");
    say(&format!("SKIPPED {test}: {why}"));
}

/// Whether this is root.
pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// Says it to the person, whatever the harness does with what tests print.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "\n{text}\n");
}

/// A folder that goes with the test.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("dnsflow-offline-{}-{number}", process::id()));
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file of these bytes.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a temporary file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
