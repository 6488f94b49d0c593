//! `dnsflow-gen` and `dnsflow-read`, which are built beside the sensor.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sensor::{Folder, PATH};

/// Captures that the generator makes, and what a perfect sensor exports for them.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) capture: PathBuf,
    /// Lines of sets, sorted.
    pub(crate) sets: Vec<String>,
    pub(crate) packets: u64,
    _folder: Folder,
}

/// So many packets, with more options.
pub(crate) fn traffic(packets: u64, options: &str) -> Traffic {
    let folder = Folder::new();
    let (capture, expected) = (folder.path("traffic.pcap"), folder.path("sets.tsv"));
    run(Command::new(program("dnsflow-gen"))
        .arg("--write")
        .arg(&capture)
        .arg("--expect")
        .arg(&expected)
        .args(["--count", &packets.to_string()])
        .args(options.split_whitespace()));
    let expected = fs::read_to_string(expected).expect("the generator wrote it");
    let mut sets: Vec<String> = expected.lines().map(str::to_owned).collect();
    sets.sort_unstable();
    assert!(!sets.is_empty(), "the generator made responses");
    Traffic {
        capture,
        sets,
        packets,
        _folder: folder,
    }
}

/// What the reader prints for an export.
pub(crate) fn read(export: &Path) -> String {
    run(Command::new(program("dnsflow-read")).arg("-r").arg(export))
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    String::from_utf8(output.stdout).expect("text on standard output")
}

fn program(name: &str) -> PathBuf {
    let path = Path::new(PATH).with_file_name(name);
    assert!(
        path.is_file(),
        "{} is missing; build it: cargo build --workspace --bins",
        path.display()
    );
    path
}
