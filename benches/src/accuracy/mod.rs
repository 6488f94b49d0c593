//! How often the name of a flow is the one that its client meant.
//!
//! The name that was meant is in the flow itself: in the Server Name Indication of TLS and QUIC, or in the Host of
//! HTTP, as tshark reads them. `dnsflow-name` does not see it: it is given the flow's addresses and its start, and
//! the records that the sensor makes of the same capture. Beside it stand what others do: a map from
//! each address to the last name that anyone looked up, and the name that a PTR record has for the
//! address.
//!
//! Only flows count whose client was told the address in the capture, since nothing can be known of the others;
//! their number is told.

mod report;
mod told;
pub mod traffic;
mod truth;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

pub use report::{mistakes, summary};
pub use told::Told;
pub use truth::{Flow, Protocol, flows};

/// Names that `dnsflow-name` gives besides the first one.
const CANDIDATES: &str = "8";

/// The programs that are asked.
#[derive(Clone, Copy, Debug)]
pub struct Programs<'a> {
    /// `dnsflow`.
    pub sensor: &'a Path,
    /// `dnsflow-name`.
    pub name: &'a Path,
}

/// A flow, and what it was named.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// The flow.
    pub flow: Flow,
    /// How `dnsflow-name` found its names; `None` where it found none.
    pub matched: Option<String>,
    /// Its names, the likeliest first.
    pub names: Vec<String>,
    /// Whether the client had looked up the name that it meant.
    pub is_looked_up: bool,
    /// The last name that anyone looked up and was told the address for.
    pub global: Option<String>,
    /// The name that a PTR record in the capture has for the address.
    pub pointer: Option<String>,
}

impl Named {
    /// Whether the client was told the address.
    #[must_use]
    pub fn is_told(&self) -> bool {
        matches!(self.matched.as_deref(), Some("client" | "client-expired"))
    }

    /// Whether the name that was meant is among the first `most`.
    #[must_use]
    pub fn is_among(&self, most: usize) -> bool {
        self.names
            .iter()
            .take(most)
            .any(|name| *name == self.flow.name)
    }

    fn is(&self, name: Option<&String>) -> bool {
        name == Some(&self.flow.name)
    }
}

/// Flows that were named, and how many names are right. A part of a whole is `None` of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Flows that count.
    pub flows: u64,
    /// Those whose first name is the one that was meant.
    pub first: u64,
    /// Those where it is among the first three.
    pub among_three: u64,
    /// Those for which the last name that anyone looked up is.
    pub global: u64,
    /// Those whose address has a PTR record in the capture.
    pub with_pointer: u64,
    /// Those for which its name is the one that was meant.
    pub pointer: u64,
}

impl Score {
    /// The score of these flows.
    #[must_use]
    pub fn of<'a>(flows: impl IntoIterator<Item = &'a Named>) -> Self {
        let mut score = Self::default();
        for named in flows {
            score.flows += 1;
            score.first += u64::from(named.is_among(1));
            score.among_three += u64::from(named.is_among(3));
            score.global += u64::from(named.is(named.global.as_ref()));
            score.with_pointer += u64::from(named.pointer.is_some());
            score.pointer += u64::from(named.is(named.pointer.as_ref()));
        }
        score
    }
}

/// The flows of a capture whose name is known, and what they are named by its responses. Files are left in
/// `folder`.
///
/// # Errors
/// If tshark or one of the programs can't be run or fails. A capture that the sensor can't read to its end counts
/// as far as it goes.
pub fn named(
    capture: &Path,
    programs: Programs<'_>,
    folder: &Path,
) -> Result<Vec<Named>, Box<dyn Error>> {
    let flows = flows(capture)?;
    if flows.is_empty() {
        return Ok(Vec::new());
    }
    let records = folder.join("records.pcap");
    Command::new(programs.sensor)
        .args(["--cores", "1", "--format", "v5", "-w"])
        .arg(&records)
        .arg("-r")
        .arg(capture)
        .stderr(Stdio::null())
        .status()?;
    if !records.exists() {
        return Ok(Vec::new());
    }
    let told = Told::read(&records)?;
    let answers = ask(&flows, &records, programs.name)?;
    let named = flows.into_iter().zip(answers).map(|(flow, answer)| Named {
        is_looked_up: told.is_looked_up(&flow),
        global: told.last(&flow).map(str::to_owned),
        pointer: told.pointer(flow.server).map(str::to_owned),
        matched: answer.matched,
        names: answer.names,
        flow,
    });
    Ok(named.collect())
}

/// What `dnsflow-name` adds to a flow.
#[derive(Clone, Debug, Default)]
struct Answer {
    matched: Option<String>,
    names: Vec<String>,
}

fn ask(flows: &[Flow], records: &Path, program: &Path) -> Result<Vec<Answer>, Box<dyn Error>> {
    let mut process = Command::new(program)
        .arg("--from")
        .arg(records)
        .args(["--candidates", CANDIDATES, "--map"])
        .arg("client=client,server=server,start=start,client-port=client_port,server-port=server_port")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut lines = Vec::new();
    for flow in flows {
        serde_json::to_writer(&mut lines, flow)?;
        lines.push(b'\n');
    }
    let mut input = process.stdin.take().ok_or("no standard input")?;
    let writer = std::thread::spawn(move || input.write_all(&lines));
    let output = process.wait_with_output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    writer.join().map_err(|_| "the writer panicked")??;
    let lines = std::str::from_utf8(&output.stdout)?.lines();
    let answers = lines.map(answer).collect::<Result<Vec<_>, _>>()?;
    if answers.len() != flows.len() {
        return Err("dnsflow-name has answered another number of flows".into());
    }
    Ok(answers)
}

fn answer(line: &str) -> Result<Answer, serde_json::Error> {
    let line: serde_json::Value = serde_json::from_str(line)?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let first = line.get("dnsflow_name").and_then(text);
    let others = line.get("dnsflow_names").and_then(|names| names.as_array());
    let others = others.into_iter().flatten();
    let others = others.filter_map(|other| other.get("name").and_then(text));
    Ok(Answer {
        matched: line.get("dnsflow_matched").and_then(text),
        names: first.into_iter().chain(others).collect(),
    })
}
