//! Traffic of known content, made by `dnsflow-gen`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder::Folder;
use crate::network::Namespace;
use crate::process::Process;
use crate::programs::Programs;

/// An address that is nobody's: the receiving host's own stack leaves such frames alone at once.
const FOREIGN_MAC: &str = "02:00:00:00:00:99";

/// A generator that sends through an interface.
#[derive(Debug)]
pub struct Generator {
    process: Process,
    expected: PathBuf,
}

/// What was sent.
#[derive(Debug)]
pub struct Generated {
    json: String,
    /// The sets that a sensor must export, sorted.
    pub sets: Vec<String>,
    /// The same in the order in which they were sent, where every frame was sent once and by one thread.
    pub in_order: Vec<String>,
}

/// A capture, and what a perfect sensor exports for it.
#[derive(Debug)]
pub struct Traffic {
    /// The file.
    pub capture: PathBuf,
    /// Sets, sorted.
    pub sets: Vec<String>,
    /// Packets in the file.
    pub packets: u64,
    _folder: Folder,
}

impl Programs {
    /// Starts sending through an interface.
    ///
    /// # Panics
    /// If the generator does not start.
    #[must_use]
    pub fn generate(
        self,
        namespace: &Namespace,
        interface: &str,
        folder: &Folder,
        options: &str,
    ) -> Generator {
        let expected = folder.path("expected.tsv");
        let mut command = namespace.command(self.path("dnsflow-gen"));
        command.args(["--interface", interface, "--json"]);
        command.arg("--expect").arg(&expected);
        command.args(["--destination-mac", FOREIGN_MAC]);
        command.args(options.split_whitespace());
        let process = Process::spawn("dnsflow-gen", &mut command);
        Generator { process, expected }
    }

    /// Sends through an interface, and waits until all is sent.
    ///
    /// # Panics
    /// As [`Generator::finish`].
    #[must_use]
    pub fn send(
        self,
        namespace: &Namespace,
        interface: &str,
        folder: &Folder,
        options: &str,
    ) -> Generated {
        self.generate(namespace, interface, folder, options)
            .finish()
    }

    /// Writes a capture of so many packets.
    ///
    /// # Panics
    /// If the generator fails, or makes no response.
    #[must_use]
    pub fn traffic(self, packets: u64, options: &str) -> Traffic {
        let folder = Folder::new();
        let (capture, expected) = (folder.path("traffic.pcap"), folder.path("sets.tsv"));
        let mut command = Command::new(self.path("dnsflow-gen"));
        command.arg("--write").arg(&capture);
        command.arg("--expect").arg(&expected);
        command.args(["--count", &packets.to_string()]);
        command.args(options.split_whitespace());
        Process::spawn("dnsflow-gen", &mut command)
            .wait()
            .assert_success();
        let mut sets = lines(&expected);
        sets.sort_unstable();
        assert!(!sets.is_empty(), "the generator made responses");
        Traffic {
            capture,
            sets,
            packets,
            _folder: folder,
        }
    }
}

impl Programs {
    /// What the reader prints for an export.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn read(self, export: &Path) -> String {
        let mut command = Command::new(self.path("dnsflow-read"));
        let ended = Process::spawn("dnsflow-read", command.arg("-r").arg(export)).wait();
        ended.assert_success();
        ended.text().to_owned()
    }
}

impl Programs {
    /// The records of version 5 in an export, sorted, in the form in which the generator writes those that it
    /// expects.
    ///
    /// # Panics
    /// If the reader fails.
    #[must_use]
    pub fn records(self, export: &Path) -> Vec<String> {
        let mut command = Command::new(self.path("dnsflow-read"));
        command.args(["--fields", "--no-header", "-r"]).arg(export);
        let ended = Process::spawn("dnsflow-read", &mut command).wait();
        ended.assert_success();
        assert!(!ended.stderr.contains("bad"), "{}", ended.stderr);
        // The summary has no bars.
        let lines = ended.text().lines();
        let records = lines.filter(|line| line.contains('|') && !line.starts_with("STATS|"));
        let mut records: Vec<String> = records.map(record).collect();
        records.sort_unstable();
        records
    }
}

/// A line of the reader as one of the generator.
///
/// # Panics
/// If it has other columns.
fn record(line: &str) -> String {
    let columns: Vec<&str> = line.split('|').collect();
    let [
        _,
        resolver,
        client,
        _,
        names,
        ipv4,
        ipv6,
        port,
        transport,
        kind,
        code,
        flags,
        answers,
        _,
        vlan,
        ..,
    ] = columns[..]
    else {
        panic!("not a line of the reader: {line}");
    };
    let told = [
        client, resolver, names, ipv4, ipv6, port, transport, kind, code, flags, answers, vlan,
    ];
    told.join("\t")
}

impl Generator {
    /// Tells it to stop, where it was not given a count.
    ///
    /// # Panics
    /// As [`Generator::finish`].
    #[must_use]
    pub fn stop(mut self) -> Generated {
        self.process.signal("TERM");
        self.finish()
    }

    /// Whether it is still at it.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Waits until all is sent.
    ///
    /// # Panics
    /// If the wire itself lost frames: then nothing can be said about a sensor.
    #[must_use]
    pub fn finish(self) -> Generated {
        let ended = self.process.wait();
        ended.assert_success();
        let in_order = lines(&self.expected);
        let mut sets = in_order.clone();
        sets.sort_unstable();
        let generated = Generated {
            json: ended.text().to_owned(),
            sets,
            in_order,
        };
        let lost = generated.number("dropped");
        assert_eq!(lost, 0, "frames lost by veth: {}", generated.json);
        assert_eq!(generated.number("sets"), generated.sets.len());
        generated
    }
}

impl Generated {
    /// A number of the summary.
    ///
    /// # Panics
    /// If there is no such number.
    #[must_use]
    pub fn number(&self, key: &str) -> usize {
        number(&self.json, key)
    }
}

/// The number after `"key":` in the summary that `--json` has the generator print.
///
/// # Panics
/// If there is no such number.
#[must_use]
pub fn number(json: &str, key: &str) -> usize {
    let key = format!("\"{key}\":");
    let digits = json.split_once(&key).map(|(_, rest)| {
        let digits = rest.chars().take_while(char::is_ascii_digit);
        digits.collect::<String>()
    });
    let number = digits.and_then(|digits| digits.parse().ok());
    number.unwrap_or_else(|| panic!("no number {key} in {json:?}"))
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("the generator wrote a file");
    text.lines().map(str::to_owned).collect()
}
