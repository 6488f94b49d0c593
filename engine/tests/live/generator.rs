//! Traffic of known content: `dnsflow-gen` of the tools crate.

use std::fs;
use std::path::{Path, PathBuf};

use crate::network::{Folder, Namespace};
use crate::process::{Ended, Process};

/// An address that is nobody's: the receiving host's own stack leaves such frames alone at once.
const FOREIGN_MAC: &str = "02:00:00:00:00:99";

/// A run of the generator.
#[derive(Debug)]
pub(crate) struct Generator {
    process: Process,
    expected: String,
}

/// What was sent.
#[derive(Debug)]
pub(crate) struct Generated {
    json: String,
    /// The sets that a sensor must export, sorted.
    pub(crate) sets: Vec<String>,
    /// The same in the order in which they were sent, where every frame was sent once and by one thread.
    pub(crate) in_order: Vec<String>,
}

impl Generator {
    /// Starts sending through an interface.
    pub(crate) fn start(
        namespace: &Namespace,
        interface: &str,
        folder: &Folder,
        options: &str,
    ) -> Self {
        let expected = folder.path("expected.tsv");
        let mut command = namespace.command(program("dnsflow-gen"));
        command.args(["--interface", interface, "--json", "--expect", &expected]);
        command.args(["--destination-mac", FOREIGN_MAC]);
        command.args(options.split_whitespace());
        let process = Process::spawn("dnsflow-gen", &mut command);
        Self { process, expected }
    }

    /// Tells it to stop, where it was not given a count.
    pub(crate) fn stop(self) -> Generated {
        self.process.signal("TERM");
        self.finish()
    }

    /// Whether it is still at it.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Waits until all is sent.
    ///
    /// # Panics
    /// If the wire itself lost frames: then nothing can be said about a sensor.
    pub(crate) fn finish(self) -> Generated {
        let ended: Ended = self.process.wait();
        ended.assert_success("dnsflow-gen");
        let sets = fs::read_to_string(&self.expected).expect("the generator wrote a file");
        let in_order: Vec<String> = sets.lines().map(str::to_owned).collect();
        let mut sets = in_order.clone();
        sets.sort_unstable();
        let generated = Generated {
            json: ended.stdout,
            sets,
            in_order,
        };
        assert_eq!(
            generated.number("dropped"),
            0,
            "frames lost by veth: {}",
            generated.json
        );
        assert_eq!(generated.number("responses"), generated.sets.len());
        generated
    }
}

impl Generated {
    /// Sends and waits.
    pub(crate) fn send(
        namespace: &Namespace,
        interface: &str,
        folder: &Folder,
        options: &str,
    ) -> Self {
        Generator::start(namespace, interface, folder, options).finish()
    }

    /// A number of the summary.
    pub(crate) fn number(&self, key: &str) -> usize {
        let key = format!("\"{key}\":");
        let found = self.json.split_once(&key).map(|(_, rest)| {
            rest.chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
        });
        let number = found.and_then(|digits| digits.parse().ok());
        number.unwrap_or_else(|| panic!("no number {key} in {:?}", self.json))
    }
}

/// A program of the workspace, built into the same folder as the sensor.
///
/// # Panics
/// If it was not built.
pub(crate) fn program(name: &str) -> PathBuf {
    let sensor = Path::new(env!("CARGO_BIN_EXE_dnsflow"));
    let path = sensor.with_file_name(name);
    assert!(
        path.is_file(),
        "{} is not there; build it first: cargo build -p dnsflow-generate",
        path.display()
    );
    path
}
