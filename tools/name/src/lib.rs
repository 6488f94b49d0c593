//! The filter that adds names to flow records: the name by which the client had looked up the
//! address of each flow, at the time when the flow began.
//!
//! ```text
//! input -> cut -> format (read) -> batch of questions -> source ----------------+
//!            \                                                                  |
//!             +-- the same bytes ------------------------> insert <-- answers --+--> output
//! ```
//!
//! It stands between any program that writes flow records and any that reads them. What it does not
//! know stays as it is, byte for byte: records are looked into, never written again, and names are
//! put in between. It refuses to reorder, drop, aggregate or convert records, and to look anything
//! up itself: names come from what sensors have seen.
//!
//! | module | what it holds |
//! |---|---|
//! | `input`, `signals` | what is there of the input, up to a bound, until a signal |
//! | [`mod@format`] | what a record says, and where something can be put into it |
//! | [`flow`], [`time`] | what is taken from a record |
//! | [`source`], [`answers`] | where names come from |
//! | [`namer`] | a batch from bytes to bytes |
//! | `insert`, [`labels`] | what is written |

pub mod answers;
mod error;
pub mod flow;
pub mod format;
mod input;
mod insert;
pub mod labels;
pub mod namer;
mod options;
mod signals;
pub mod source;
mod summary;
pub mod time;

pub use error::NameError;
pub use flow::Flow;
pub use options::Options;
pub use signals::Stop;
pub use source::SourceError;

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Instant;

use dnsflow_service::progress;
use indicatif::ProgressBar;

use input::{Input, Progress};
use namer::Namer;
use summary::Summary;

/// Reads all flows that `options` name, and writes them with names; then says what was done.
///
/// # Errors
///
/// A [`NameError`] if flows can't be read, named or written. What was read before was written; what
/// was read and could not be named was written without names. A reader of standard output that went
/// away is no error.
pub fn run(options: &Options) -> Result<(), NameError> {
    let stop = Stop::on_signals().map_err(NameError::Signals)?;
    let mut inputs = Vec::new();
    for path in options.inputs() {
        let error = |error| NameError::Input {
            path: path.to_owned(),
            error,
        };
        inputs.push(Input::open(path).map_err(error)?);
    }
    let mut output = output(options.write.as_deref(), &inputs)?;
    let source = options.source(&stop).map_err(NameError::Source)?;
    let mut namer = options.namer(source);
    let start = Instant::now();
    let result = name(&mut namer, inputs, &mut output, &stop).and_then(|()| namer.finish());
    let summary = Summary {
        counts: namer.counts(),
        format: namer.format(),
        took: start.elapsed(),
        forgotten: namer.forgotten(),
    };
    match &result {
        Err(NameError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(NameError::Unclear) => {}
        _ if options.quiet => {}
        // There is nobody else to tell.
        _ => drop(writeln!(io::stderr(), "dnsflow-name: {summary}")),
    }
    result
}

fn name(
    namer: &mut Namer,
    inputs: Vec<Input>,
    output: &mut File,
    stop: &Stop,
) -> Result<(), NameError> {
    let bar = progress::bar(bytes(&inputs));
    for mut input in inputs {
        namer.begin();
        loop {
            let progress = input.fill(stop).map_err(|error| NameError::Input {
                path: input.path().to_owned(),
                error,
            })?;
            let is_end = progress == Progress::End;
            let used = namer.name(input.bytes(), is_end, input.is_full(), output)?;
            input.consume(used);
            step(&bar, used);
            if is_end {
                break;
            }
        }
        if stop.wanted() {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn step(bar: &ProgressBar, bytes: usize) {
    bar.inc(u64::try_from(bytes).unwrap_or(0));
}

/// Bytes of all inputs, if all are regular files.
fn bytes(inputs: &[Input]) -> Option<u64> {
    let size = |input: &Input| {
        let metadata = input.metadata().ok()?;
        metadata.is_file().then_some(metadata.len())
    };
    inputs.iter().map(size).sum()
}

/// The file to write, or standard output, without a buffer: batches are large, and leave as they
/// are.
fn output(path: Option<&Path>, inputs: &[Input]) -> Result<File, NameError> {
    let Some(path) = path else {
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        return stdout.map(File::from).map_err(NameError::Output);
    };
    let error = |error| NameError::Write {
        path: path.to_owned(),
        error,
    };
    // Truncated only once it is known that it is none of the inputs.
    let mut open = OpenOptions::new();
    let file = open
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(error)?;
    let this = file.metadata().map_err(error)?;
    for input in inputs {
        let that = input.metadata().map_err(error)?;
        if this.is_file() && (this.dev(), this.ino()) == (that.dev(), that.ino()) {
            return Err(NameError::Same {
                path: path.to_owned(),
            });
        }
    }
    if this.is_file() {
        file.set_len(0).map_err(error)?;
    }
    Ok(file)
}
