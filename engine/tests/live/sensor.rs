//! The sensor as a child process, and the account that it gives at its end.

use std::collections::BTreeMap;

use crate::network::Namespace;
use crate::process::{Ended, Process};

/// What the sensor says when packets come in.
const READY: &str = "dnsflow: filter:";

/// What it says when new settings hold on all cores.
const APPLIED: &str = "the settings are applied";

/// A running sensor.
#[derive(Debug)]
pub(crate) struct Sensor {
    process: Process,
    reloads: usize,
}

/// What a sensor that has ended has said.
#[derive(Debug)]
pub(crate) struct Account {
    stderr: String,
    total: Tally,
    kernel_drops: u64,
    /// Datagrams, each counted once.
    pub(crate) datagrams: u64,
    /// Datagrams that collectors took, and did not take, over all collectors.
    pub(crate) taken: u64,
    pub(crate) missed: u64,
}

/// `received N + rebuilt N = exported N + reason N + ..; lost: what N, ..`
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// As the sensor has put it.
    pub(crate) line: String,
    pub(crate) received: u64,
    rebuilt: u64,
    pub(crate) exported: u64,
    reasons: BTreeMap<String, u64>,
}

impl Sensor {
    /// Starts a sensor and waits until it captures.
    pub(crate) fn start(namespace: &Namespace, interface: &str, options: &[&str]) -> Self {
        let mut command = namespace.command(env!("CARGO_BIN_EXE_dnsflow"));
        command.args(["--interface", interface]).args(options);
        let mut process = Process::spawn("dnsflow", &mut command);
        process.wait_until_it_says(READY);
        Self {
            process,
            reloads: 0,
        }
    }

    /// Has it read its file again, and waits until all cores go by that.
    pub(crate) fn reload(&mut self) {
        self.process.signal("HUP");
        self.reloads += 1;
        self.process.wait_until_it_has_said(APPLIED, self.reloads);
    }

    /// Has it read its file again, which has something wrong that it says in the words of `complaint`.
    pub(crate) fn reload_in_vain(&mut self, complaint: &str) {
        self.process.signal("HUP");
        self.process.wait_until_it_says(complaint);
    }

    /// Waits until it has said `text` so many times.
    pub(crate) fn wait_until_it_has_said(&mut self, text: &str, times: usize) {
        self.process.wait_until_it_has_said(text, times);
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Asks for the end with SIGTERM.
    pub(crate) fn stop(self) -> Account {
        self.stop_with("TERM")
    }

    /// Asks for the end.
    ///
    /// # Panics
    /// If the exit status is not 0, the counters do not add up, or the kernel dropped packets.
    pub(crate) fn stop_with(self, signal: &str) -> Account {
        self.process.signal(signal);
        let ended = self.process.wait();
        ended.assert_success("dnsflow");
        let account = Account::new(ended);
        assert_eq!(account.kernel_drops, 0, "{}", account.stderr);
        account
    }
}

impl Account {
    fn new(ended: Ended) -> Self {
        let stderr = ended.stderr;
        let mut total = Tally::default();
        let mut cores = Vec::new();
        let (mut kernel_drops, mut sent) = (None, None);
        for line in stderr
            .lines()
            .filter_map(|line| line.strip_prefix("dnsflow: "))
        {
            if let Some(core) = line.strip_prefix("core ") {
                let (_, tally) = core.split_once(": ").expect("a number before the counters");
                cores.extend(Tally::parse(tally));
            } else if let Some(tally) = Tally::parse(line) {
                total = tally;
            } else if line.starts_with("kernel: ") {
                kernel_drops = number_before(line, " dropped");
            } else if line.starts_with("sent ") {
                sent = sent_datagrams(line);
            }
        }
        total.assert_adds_up(&stderr);
        if !cores.is_empty() {
            let received: u64 = cores.iter().map(|core| core.received).sum();
            assert_eq!(received, total.received, "cores and total: {stderr}");
            cores.iter().for_each(|core| core.assert_adds_up(&stderr));
        }
        // What is left in a ring at the end shows here.
        let passed = stderr
            .lines()
            .filter_map(|line| line.strip_prefix("dnsflow: kernel: "))
            .find_map(|line| number_before(line, " passed the filter"));
        assert_eq!(
            passed,
            Some(total.received),
            "passed by the kernel, and received: {stderr}"
        );
        let [datagrams, taken, missed] =
            sent.unwrap_or_else(|| panic!("no account of what was sent: {stderr}"));
        Self {
            kernel_drops: kernel_drops.unwrap_or_else(|| panic!("no kernel counts: {stderr}")),
            stderr,
            total,
            datagrams,
            taken,
            missed,
        }
    }

    /// The counters over all cores.
    pub(crate) fn total(&self) -> &Tally {
        &self.total
    }

    /// How many lines of its log hold `text`.
    pub(crate) fn lines_with(&self, text: &str) -> usize {
        self.stderr
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }

    /// # Panics
    /// If anything was counted that the capture filter leaves out: only what a whole response from port 53
    /// can be rejected for may be there.
    pub(crate) fn assert_filtered(&self) {
        const OF_RESPONSES: [&str; 4] =
            ["error_code", "not_recursive", "question_type", "no_address"];
        for (reason, count) in &self.total.reasons {
            assert!(
                OF_RESPONSES.contains(&reason.as_str()),
                "{count} {reason}: {}",
                self.stderr
            );
        }
    }
}

impl Tally {
    /// Packets under a reason.
    pub(crate) fn reason(&self, name: &str) -> u64 {
        self.reasons.get(name).copied().unwrap_or(0)
    }

    fn parse(line: &str) -> Option<Self> {
        let (came, rest) = line.strip_prefix("received ")?.split_once(" = exported ")?;
        let (received, rebuilt) = came.split_once(" + rebuilt ").unwrap_or((came, "0"));
        let (became, _lost) = rest.split_once("; lost: ").unwrap_or((rest, ""));
        let mut parts = became.split(" + ");
        let exported = parts.next()?.parse().ok()?;
        let reasons = parts
            .map(|part| {
                let (name, count) = part.rsplit_once(' ')?;
                Some((name.to_owned(), count.parse().ok()?))
            })
            .collect::<Option<_>>()?;
        Some(Self {
            line: line.to_owned(),
            received: received.parse().ok()?,
            rebuilt: rebuilt.parse().ok()?,
            exported,
            reasons,
        })
    }

    fn assert_adds_up(&self, stderr: &str) {
        let reasons: u64 = self.reasons.values().sum();
        let came = self.received + self.rebuilt;
        assert_eq!(came, self.exported + reasons, "counters: {stderr}");
    }
}

fn number_before(line: &str, text: &str) -> Option<u64> {
    line.split_once(text)?.0.rsplit(' ').next()?.parse().ok()
}

/// `sent N sets in N datagrams; collectors took N, did not take N`
fn sent_datagrams(line: &str) -> Option<[u64; 3]> {
    let last = line.rsplit(' ').next()?.parse().ok()?;
    Some([
        number_before(line, " datagrams")?,
        number_before(line, ", did not take")?,
        last,
    ])
}
