//! What a record costs the collector: to be received and accounted for, and to be written to each store.
//!
//! ```text
//! make bench-collect                        over what the generator makes, in both versions
//! cargo bench --package dnsflow-collect -- FILE.. [--to URL]
//! ```
//!
//! Files are those of `dnsflow -w`. The CPU time is that of the thread that does the work, the median of
//! [`ROUNDS`] rounds; `dnsflow-read --json` on the same file stands beside it. A store that needs a server
//! is measured where `--to` names one.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dnsflow_capfile::{Records, input};
use dnsflow_collect::batch::{Batch, BatchId};
use dnsflow_collect::receive::{Admission, Intake};
use dnsflow_collect::sink::Destination;
use dnsflow_records::frame;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};

/// Rounds of each measurement.
const ROUNDS: usize = 5;

/// Bytes from which on a batch is closed, as by default.
const BATCH_BYTES: usize = 4 << 20;

/// A datagram: its sender, when it came, and its bytes.
type Datagram = (SocketAddr, Duration, Vec<u8>);

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    let mut stores = Vec::new();
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        if argument == "--to" {
            stores.push(arguments.next().ok_or("--to wants a URL")?);
        } else {
            files.push(PathBuf::from(argument));
        }
    }
    if files.is_empty() {
        println!(
            "nothing to measure: give files that dnsflow -w has written, or run make bench-collect"
        );
        return Ok(());
    }
    println!("| file | what | CPU a record, ns | records a second and core, millions |");
    println!("|---|---|---|---|");
    for path in &files {
        let datagrams = datagrams(path)?;
        let (batches, records) = batches(&datagrams);
        let row = |what: &str, times: Vec<Duration>| {
            let time = median(times);
            let each = time.as_secs_f64() / records as f64;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            println!(
                "| {name} | {what} | {:.0} | {:.2} |",
                each * 1e9,
                1e-6 / each
            );
        };
        row(
            "received and accounted for",
            rounds(|| {
                drop(self::batches(&datagrams));
                Ok(())
            })?,
        );
        let folder = tempfile::tempdir()?;
        for url in [
            "jsonl:FOLDER",
            "jsonl:FOLDER?form=ecs",
            "jsonl:FOLDER?compression=zstd",
            "parquet:FOLDER?compact=off",
        ] {
            let times = store(
                &url.replace("FOLDER", &folder.path().display().to_string()),
                &batches,
            )?;
            row(&format!("`{}`", url.replace(":FOLDER", ":")), times);
        }
        for url in &stores {
            let to: Destination = url.parse()?;
            row(&format!("`{}`", to.name()), store(url, &batches)?);
        }
        row("dnsflow-read --json", reader(path)?);
    }
    Ok(())
}

/// The datagrams of a file.
fn datagrams(path: &Path) -> Result<Vec<Datagram>, Box<dyn Error>> {
    let mut records = Records::open(input::unpacked(input::open(path)?)?)?;
    let mut datagrams = Vec::new();
    while let Some(frame) = records.next_frame()? {
        let time = Duration::new(frame.at.seconds, frame.at.nanoseconds);
        let payload = frame::payload(frame.link, frame.bytes)?;
        datagrams.push((payload.source, time, payload.bytes.to_vec()));
    }
    Ok(datagrams)
}

/// The batches that a receiver makes of them, and how many records these have.
fn batches(datagrams: &[Datagram]) -> (Vec<Arc<Batch>>, u64) {
    let mut intake = Intake::new(Arc::new(Admission::default()), Arc::default());
    let mut batches = Vec::new();
    let mut close = |intake: &mut Intake| {
        let number = batches.len() as u64 + 1;
        let id = BatchId {
            collector: 1,
            number,
        };
        batches.push(Arc::new(Batch::new(id, intake.take_content())));
    };
    for (source, time, bytes) in datagrams {
        if intake.take(*source, *time, bytes).is_ok() && intake.is_full(BATCH_BYTES) {
            close(&mut intake);
        }
    }
    if !intake.is_empty() {
        close(&mut intake);
    }
    let records = batches.iter().map(|batch| batch.records()).sum();
    (batches, records)
}

/// Writes all batches to a store, each round under another collector's number.
fn store(url: &str, batches: &[Arc<Batch>]) -> Result<Vec<Duration>, Box<dyn Error>> {
    let to: Destination = url.parse()?;
    let mut collector = 1;
    rounds(|| {
        // The same number again would find everything stored.
        collector = if collector == 1 {
            std::process::id().into()
        } else {
            collector + 1
        };
        let batches: Vec<_> = batches
            .iter()
            .map(|batch| Arc::new(batch.with_collector(collector)))
            .collect();
        let mut sink = to.sink(collector);
        sink.open()?;
        for batch in &batches {
            sink.write(batch)?;
        }
        sink.finish()?;
        Ok(())
    })
}

/// What dnsflow-read takes for the same file.
fn reader(path: &Path) -> Result<Vec<Duration>, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let release = program
        .ancestors()
        .nth(2)
        .ok_or("there is no target folder")?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let before = children()?;
        let mut command = Command::new(release.join("dnsflow-read"));
        let command = command.arg("--read").arg(path).arg("--json");
        let ended = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !ended.success() {
            return Err("dnsflow-read failed".into());
        }
        times.push(children()? - before);
    }
    Ok(times)
}

/// CPU time of all children that have ended.
fn children() -> Result<Duration, Box<dyn Error>> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.try_into()?))
}

/// CPU time of this thread for each of the rounds.
fn rounds(
    mut act: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let now = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
        let before = now()?;
        act()?;
        times.push(now()? - before);
    }
    Ok(times)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
