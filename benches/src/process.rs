//! A program that runs while it is measured.

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

/// Longest time that a program may take to get ready or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Option<(JoinHandle<String>, JoinHandle<()>)>,
}

impl Process {
    /// Starts it.
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
        let said = Arc::clone(&lines);
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
                    said.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(line);
                }
            }),
        ));
        Ok(Process {
            child,
            name,
            lines,
            readers,
        })
    }

    /// Waits until it says something on standard error.
    ///
    /// # Errors
    /// If it ends before, or never does.
    pub fn wait_until_it_says(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        while !self.said().contains(text) {
            if self.child.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                return Err(format!("{} did not get ready: {}", self.name, self.said()).into());
            }
            pause(Duration::from_millis(5))?;
        }
        Ok(())
    }

    /// Asks it to end, and waits; gives what it said on standard error.
    ///
    /// # Errors
    /// If it fails or takes too long.
    pub fn stop(self) -> Result<String, Box<dyn Error>> {
        kill(Pid::from_raw(i32::try_from(self.id())?), Signal::SIGTERM)?;
        let mut ended = self;
        ended.wait()?;
        Ok(ended.said())
    }

    /// Waits for its end; gives what it wrote to standard output.
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
            if start.elapsed() > PATIENCE {
                return Err(format!("{} does not end", self.name).into());
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
        Err(format!("{} ended with {status}: {}", self.name, self.said()).into())
    }

    /// What it said on standard error so far.
    #[must_use]
    pub fn said(&self) -> String {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .join("\n")
    }

    /// Its id.
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

/// Nanoseconds of CPU that all threads of a running process have had, in user mode and in the kernel, to the
/// nanosecond where `utime` and `stime` are counted in ticks (scheduler/sched-stats.rst).
#[must_use]
pub fn cpu_ns(id: u32) -> u64 {
    each_thread(id, "schedstat")
        .iter()
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// How often threads of a running process went to sleep by themselves, each of which ended with a wake-up.
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

/// Most memory that a running process has had, in bytes, the ring included.
#[must_use]
pub fn peak_bytes(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    field_kib(&status, "VmHWM:").unwrap_or(0)
}

fn each_thread(id: u32, file: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten()
        .flatten();
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join(file)).ok())
        .collect()
}
