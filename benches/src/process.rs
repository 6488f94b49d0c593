//! Running programs, their logs and their use of resources.

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::interrupt::pause;
use crate::programs::field_kib;

/// Longest time that a program may take to become ready or to end.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running program. Dropping it kills the program.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Option<(JoinHandle<String>, JoinHandle<()>)>,
}

/// The same command, kept on a CPU by taskset(1). The ID of the process is that of the program.
#[must_use]
pub fn pinned(command: &Command, cpu: usize) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", &cpu.to_string()]);
    pinned.arg(command.get_program()).args(command.get_args());
    pinned
}

impl Process {
    /// Starts `command`; errors call it `name`.
    ///
    /// # Errors
    /// If it can't be run.
    pub fn start(name: &'static str, command: &mut Command) -> Result<Self, Box<dyn Error>> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let log = Arc::clone(&lines);
        let readers = Some((
            thread::spawn(move || {
                let mut text = String::new();
                if let Some(mut stdout) = stdout {
                    let _ = stdout.read_to_string(&mut text);
                }
                text
            }),
            thread::spawn(move || {
                for line in stderr
                    .into_iter()
                    .flat_map(|stderr| BufReader::new(stderr).lines())
                    .map_while(Result::ok)
                {
                    log.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(line);
                }
            }),
        ));
        Ok(Self {
            child,
            name,
            lines,
            readers,
        })
    }

    /// Waits until standard error contains `text`.
    ///
    /// # Errors
    /// If the program ends first, or after 30 seconds.
    pub fn wait_for_log(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        while !self.log().contains(text) {
            if self.child.try_wait()?.is_some() || start.elapsed() > TIMEOUT {
                return Err(format!("{} did not become ready: {}", self.name, self.log()).into());
            }
            pause(Duration::from_millis(5))?;
        }
        Ok(())
    }

    /// Waits until so many lines of standard error contain `text`.
    ///
    /// # Errors
    /// As [`Process::wait_for_log`].
    pub fn wait_for_lines(&mut self, text: &str, count: u64) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        let has = |log: &str| {
            let lines = log.lines().filter(|line| line.contains(text)).count();
            u64::try_from(lines).is_ok_and(|lines| lines >= count)
        };
        while !has(&self.log()) {
            if self.child.try_wait()?.is_some() || start.elapsed() > TIMEOUT {
                let (name, log) = (self.name, self.log());
                return Err(format!("{name} did not say {text:?} {count} times: {log}").into());
            }
            pause(Duration::from_millis(20))?;
        }
        Ok(())
    }

    /// Sends SIGTERM and waits for the end; returns what was written to standard error.
    ///
    /// # Errors
    /// If it fails or takes too long.
    pub fn stop(self) -> Result<String, Box<dyn Error>> {
        kill(Pid::from_raw(i32::try_from(self.id())?), Signal::SIGTERM)?;
        let mut ended = self;
        ended.wait()?;
        Ok(ended.log())
    }

    /// Waits for the end; returns what was written to standard output.
    ///
    /// # Errors
    /// If it fails or takes too long.
    pub fn finish(mut self) -> Result<String, Box<dyn Error>> {
        self.wait()
    }

    fn wait(&mut self) -> Result<String, Box<dyn Error>> {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if start.elapsed() > TIMEOUT {
                return Err(format!("{} did not end in time", self.name).into());
            }
            pause(Duration::from_millis(5))?;
        };
        let mut written = String::new();
        if let Some((stdout, stderr)) = self.readers.take() {
            written = stdout.join().unwrap_or_default();
            let _ = stderr.join();
        }
        if status.success() {
            return Ok(written);
        }
        Err(format!("{} ended with {status}: {}", self.name, self.log()).into())
    }

    /// What was written to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .join("\n")
    }

    /// Its process ID.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU time of all threads of a running process, in nanoseconds, in user mode and in the kernel.
/// Unlike `utime` and `stime`, which count ticks, it is exact (scheduler/sched-stats.rst).
#[must_use]
pub fn cpu_ns(id: u32) -> u64 {
    each_thread(id, "schedstat")
        .iter()
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Voluntary context switches of all threads of a running process: each is followed by a wake-up.
#[must_use]
pub fn sleeps(id: u32) -> u64 {
    let field = |text: &String| {
        text.lines().find_map(|line| {
            line.strip_prefix("voluntary_ctxt_switches:")?
                .trim()
                .parse::<u64>()
                .ok()
        })
    };
    each_thread(id, "status").iter().filter_map(field).sum()
}

/// Peak resident memory of a running process, in bytes, including the ring.
#[must_use]
pub fn peak_bytes(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    field_kib(&status, "VmHWM:").unwrap_or(0)
}

/// The contents of `/proc/PID/task/TID/file` for each thread.
fn each_thread(id: u32, file: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten()
        .flatten();
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join(file)).ok())
        .collect()
}
