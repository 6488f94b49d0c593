//! How often dnsflow-name gives the name that a client meant, over captures; see README.md.

use std::error::Error;
use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use dnsflow_benches::accuracy::{self, Named, Programs, traffic};
use dnsflow_benches::files::folder;
use dnsflow_benches::programs::ours;

/// Visits of the traffic that is made.
const VISITS: u16 = 20_000;

/// Hold the names that dnsflow-name gives to flows against those that the flows tell themselves.
///
/// Names are told by TLS, QUIC and HTTP, and read by tshark. Beside dnsflow-name stand the last name that anyone
/// looked up for an address, and PTR records. Without a folder, traffic of many clients behind shared addresses is
/// made. Ends with a table of the wrong answers.
#[derive(Debug, Parser)]
#[command(name = "bench-accuracy", max_term_width = 100)]
struct Options {
    /// Capture files, or folders of them
    #[arg(value_name = "CAPTURES")]
    captures: Vec<PathBuf>,

    /// Folder for the capture that is made and the JSON [default: bench, beside the folder of this program]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-accuracy: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let out = folder(options.out.as_deref())?;
    let captures = if options.captures.is_empty() {
        let made = out.join("accuracy.pcap");
        fs::write(&made, traffic::capture(VISITS, 1))?;
        vec![made]
    } else {
        files(&options.captures)?
    };
    let named = named(&captures, &out)?;
    println!("{}", accuracy::summary(&named));
    println!("Wrong answers:\n\n{}", accuracy::mistakes(&named));
    let json = out.join("accuracy.json");
    fs::write(&json, serde_json::to_string_pretty(&named)?)?;
    println!("Each flow: {}", json.display());
    Ok(())
}

/// The flows of all captures; a terminal is told how far it is.
fn named(captures: &[PathBuf], out: &Path) -> Result<Vec<Named>, Box<dyn Error>> {
    let (sensor, name) = (ours("dnsflow")?, ours("dnsflow-name")?);
    let programs = Programs {
        sensor: &sensor,
        name: &name,
    };
    let work = out.join(format!("accuracy-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    let terminal = std::io::stderr().is_terminal();
    let mut all = Vec::new();
    for (number, capture) in captures.iter().enumerate() {
        if terminal {
            eprint!("\rcapture {} of {} \x1b[K", number + 1, captures.len());
        }
        let named = accuracy::named(capture, programs, &work)
            .map_err(|error| format!("{}: {error}", capture.display()))?;
        all.extend(named);
    }
    if terminal {
        eprint!("\r\x1b[K");
    }
    fs::remove_dir_all(&work)?;
    Ok(all)
}

/// The files of folders, and files, in the order of their names.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                files.push(entry?.path());
            }
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    Ok(files)
}
