//! A sensor that captures on an interface.

use super::Account;
use crate::network::Namespace;
use crate::process::{Ended, Process};
use crate::programs::Programs;

/// What the sensor says when packets come in.
const READY: &str = "dnsflow: filter:";

/// What it says when new settings hold on all cores.
const APPLIED: &str = "the settings are applied";

/// A sensor that captures. Dropped, it is killed.
#[derive(Debug)]
pub struct Capturing {
    process: Process,
    reloads: usize,
}

impl Programs {
    /// Starts a sensor on an interface and waits until it captures.
    ///
    /// # Panics
    /// If it does not get so far.
    #[must_use]
    pub fn capture(self, namespace: &Namespace, interface: &str, options: &[&str]) -> Capturing {
        let mut command = namespace.command(self.path("dnsflow"));
        command.args(["--interface", interface]).args(options);
        let mut process = Process::spawn("dnsflow", &mut command);
        process.wait_until_it_says(READY);
        Capturing {
            process,
            reloads: 0,
        }
    }
}

impl Capturing {
    /// Has it read its file again, and waits until all cores go by that.
    ///
    /// # Panics
    /// If they never do.
    pub fn reload(&mut self) {
        self.process.signal("HUP");
        self.reloads += 1;
        self.process.wait_until_it_has_said(APPLIED, self.reloads);
    }

    /// Has it read its file again, which has something wrong that it says in the words of `complaint`.
    ///
    /// # Panics
    /// If it never does.
    pub fn reload_in_vain(&mut self, complaint: &str) {
        self.process.signal("HUP");
        self.process.wait_until_it_says(complaint);
    }

    /// Waits until so many lines that it has said hold `text`.
    ///
    /// # Panics
    /// If there are never as many.
    pub fn wait_until_it_has_said(&mut self, text: &str, times: usize) {
        self.process.wait_until_it_has_said(text, times);
    }

    /// Sends a signal, named as kill(1) does.
    ///
    /// # Panics
    /// If there is no such signal.
    pub fn signal(&mut self, name: &str) {
        self.process.signal(name);
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Asks for the end with SIGTERM.
    ///
    /// # Panics
    /// As [`Capturing::stop_with`].
    pub fn stop(self) -> Account {
        self.stop_with("TERM")
    }

    /// Asks for the end with a signal, and waits for it.
    ///
    /// # Panics
    /// If the exit status is not 0, the counters do not add up, or the kernel has lost packets.
    pub fn stop_with(mut self, signal: &str) -> Account {
        self.signal(signal);
        let ended = self.ended();
        ended.assert_success();
        let account = ended.account();
        account.assert_nothing_lost_by_the_kernel();
        account
    }

    /// Asks for the end with SIGTERM, where the kernel may have lost packets.
    ///
    /// # Panics
    /// If the exit status is not 0, or the counters do not add up.
    pub fn end(mut self) -> Account {
        self.signal("TERM");
        let ended = self.ended();
        ended.assert_success();
        ended.account()
    }

    /// Asks for the end with SIGTERM, after the kernel has had to drop packets.
    ///
    /// # Panics
    /// As [`Capturing::end`], and if packets are missing that the kernel does not count as dropped.
    pub fn stop_overloaded(self) -> Account {
        let account = self.end();
        account.assert_all_accounted_for();
        account
    }

    /// Waits for the end, which it was asked for.
    ///
    /// # Panics
    /// If it takes too long.
    #[must_use]
    pub fn ended(self) -> Ended {
        self.process.wait()
    }
}
