//! The sensor as a process: on files and pipes ([`Sensor`]), on interfaces ([`Capturing`]), the account that it
//! gives at its end, and the system calls of a core ([`Counting`]).

mod account;
mod calls;
mod config;
mod live;
mod stopped;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

pub use self::account::{Account, Kernel, Tally};
pub use self::calls::{Calls, Counting};
pub use self::config::{Config, collecting};
pub use self::live::Capturing;
pub use self::stopped::Stopped;
use crate::export::Export;
use crate::folder::Folder;
use crate::process::{Ended, Process};
use crate::programs::Programs;

/// A sensor to be started.
#[derive(Debug)]
pub struct Sensor {
    command: Command,
    input: Option<Vec<u8>>,
}

/// A sensor that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Running(Process);

impl Programs {
    /// A sensor with these options, and nothing on standard input.
    pub fn sensor<S: AsRef<OsStr>>(self, options: impl IntoIterator<Item = S>) -> Sensor {
        self.sensor_behind(&[], options)
    }

    /// A sensor that reads `capture`.
    #[must_use]
    pub fn reading(self, capture: &Path) -> Sensor {
        self.sensor([OsStr::new("-r"), capture.as_os_str()])
    }

    /// A sensor that another program starts, such as prlimit(1), whose words come first.
    pub fn sensor_behind<S: AsRef<OsStr>>(
        self,
        words: &[&str],
        options: impl IntoIterator<Item = S>,
    ) -> Sensor {
        let path = self.path("dnsflow");
        let mut words = words.iter().map(OsStr::new).chain([path.as_os_str()]);
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
}

impl Sensor {
    /// With more options, divided at spaces.
    #[must_use]
    pub fn with(mut self, options: &str) -> Self {
        self.command.args(options.split_whitespace());
        self
    }

    /// With an option that may hold anything.
    #[must_use]
    pub fn option(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.arg(name).arg(value);
        self
    }

    /// With `bytes` on standard input, and then its end.
    #[must_use]
    pub fn fed(mut self, bytes: &[u8]) -> Self {
        self.input = Some(bytes.to_vec());
        self.with_pipe()
    }

    /// With a standard input that the test writes to; see [`Running::stdin`].
    #[must_use]
    pub fn with_pipe(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// With standard output going there.
    #[must_use]
    pub fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stdout(to);
        self
    }

    /// With standard error going there.
    #[must_use]
    pub fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stderr(to);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(mut self) -> Running {
        let process = Process::start("the sensor", &mut self.command);
        Running(match self.input {
            Some(bytes) => process.fed(bytes),
            None => process,
        })
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// As [`Running::wait`].
    #[must_use]
    pub fn run(self) -> Ended {
        self.start().wait()
    }

    /// Runs it to its end with `-w`, and gives what was exported.
    ///
    /// # Panics
    /// As [`Running::wait`]; if it fails, or the export can't be read, has gaps, or lacks the final stats.
    #[must_use]
    pub fn export(self) -> (Export, Account) {
        let folder = Folder::new();
        let path = folder.path("export.pcap");
        let ended = self.option("-w", &path).run();
        ended.assert_success();
        (Export::of(&path), ended.account())
    }
}

impl Running {
    /// The other end of its standard input; only once.
    ///
    /// # Panics
    /// If it was started without a pipe.
    pub fn stdin(&mut self) -> ChildStdin {
        self.0.stdin()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.0.is_running()
    }

    /// Sends a signal, named as kill(1) does.
    ///
    /// # Panics
    /// If there is no such signal.
    pub fn signal(&mut self, name: &str) {
        self.0.signal(name);
    }

    /// Waits until a whole line on standard error holds `text`.
    ///
    /// # Panics
    /// As [`Process::wait_until_it_says`].
    pub fn wait_until_it_says(&mut self, text: &str) {
        self.0.wait_until_it_says(text);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it takes too long, ends by a signal or a panic, or its counters do not add up.
    pub fn wait(self) -> Ended {
        let ended = self.0.wait();
        let code = ended.status.code();
        assert!(
            matches!(code, Some(0..=2)),
            "{}: {}",
            ended.status,
            ended.stderr
        );
        // Panics where the counters do not add up.
        let _ = Account::found_in(&ended.stderr);
        ended
    }
}

impl Ended {
    /// The account that a sensor has given.
    ///
    /// # Panics
    /// If it gave none, or its counters do not add up.
    #[must_use]
    pub fn account(&self) -> Account {
        Account::found_in(&self.stderr).unwrap_or_else(|| panic!("no account in: {}", self.stderr))
    }
}

/// Records or lines that outputs did not take, as the sensor has said at its end; `unit` is `datagrams` or `lines`.
#[must_use]
pub fn output_dropped(said: &str, unit: &str) -> u64 {
    let counts = said.lines().filter_map(|line| {
        let (_, count) = line.split_once("output_dropped ")?;
        let (count, of) = count.split_once(' ')?;
        (of == unit).then(|| count.parse::<u64>().ok())?
    });
    counts.sum()
}
