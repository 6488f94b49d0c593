//! Shards that read a capture file.
//!
//! A large file of the classic format is divided, so that each shard walks only a part of it. Any other input
//! is read whole by every shard, and each takes the packets whose balance value is its own.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dnsflow_filters::{FilterError, Interpreter, MAX_SNAP_LENGTH, Program, compile};

use super::event::Events;
use super::output::{Output, Outputs};
use super::progress;
use super::shards::Shards;
use crate::capture::relay::{Stop, relay};
use crate::shard::admission::{Admission, Part};
use crate::shard::deferred::Deferred;
use crate::shard::file::Offline;
use crate::shard::{Progress, Report, Shard, ShardError};
use crate::start::error::StartError;
use crate::start::settings::{Capture, Settings};
use dnsflow_capfile::input::{self, Source};
use dnsflow_capfile::{Records, split};
use dnsflow_packet::Decoder;
use dnsflow_packet::LinkType;

/// What one shard reads.
enum Share {
    /// All of the input, of which it takes some.
    All(Source),
    /// A part of the file.
    Part(File, Range<u64>, Deferred),
}

/// Reads `path` to its end, or until somebody wants it to stop.
pub(super) fn run(
    settings: &Settings,
    path: &Path,
    cpus: &[usize],
    events: &Events,
) -> Result<Vec<Report>, StartError> {
    let failed = |source| StartError::File {
        path: path.to_owned(),
        source,
    };
    let mut first = None;
    if input::is_repeatable(path) {
        // What is no capture at all is said before anything is opened for its sake.
        let source = input::open(path)
            .and_then(input::unpacked)
            .map_err(failed)?;
        let mut records = Records::open(source).map_err(|source| StartError::Capture {
            path: path.to_owned(),
            source,
        })?;
        first = records.next_frame().ok().flatten().map(|frame| frame.link);
    }
    check_expression(&settings.capture, first)?;
    let balance = settings.capture.balance().fanout()?;
    let parts = parts(path, cpus.len(), &balance).map_err(failed)??;
    let divided = parts.is_some();
    let (shares, stop) = match parts {
        Some(parts) => (parts, None),
        None => whole(path, cpus.len(), settings.output.flush).map_err(failed)?,
    };
    let outputs = Outputs::open(&settings.output, cpus.len())?;
    let mut shards = Shards::new();
    let mut all_progress = Vec::new();
    for (index, ((share, cpu), output)) in shares.into_iter().zip(cpus).zip(outputs).enumerate() {
        let count = if divided { 1 } else { cpus.len() };
        let admission = admission(settings, &balance, index, count)?;
        let progress = Arc::new(Progress::default());
        all_progress.push(Arc::clone(&progress));
        spawn(
            &mut shards,
            *cpu,
            events,
            settings,
            output,
            Reader {
                admission,
                progress,
                share,
            },
        )?;
    }
    let bar = progress::bar(path, divided);
    events.wait(&shards, || bar.show(&all_progress));
    bar.finish();
    all_progress.iter().for_each(|progress| progress.stop());
    stop.iter().for_each(Stop::stop);
    shards.stop();
    shards.reports()
}

/// Refuses an expression before a file is emptied for what it would have kept. `first` is the link type of the
/// first packet, where one could be had without taking it from somebody.
fn check_expression(capture: &Capture, first: Option<LinkType>) -> Result<(), FilterError> {
    /// What most captures have, and what has primitives of its own (pcap-filter(7)).
    const USUAL: [LinkType; 2] = [LinkType::Ethernet, LinkType::Radiotap];
    let Some(expression) = &capture.expression else {
        return Ok(());
    };
    let compiles = |link: LinkType| {
        let program = compile(expression, link, MAX_SNAP_LENGTH)?;
        Interpreter::new(&program).map(drop)
    };
    if let Some(link) = first.filter(|link| !matches!(link, LinkType::Unsupported(_))) {
        return compiles(link);
    }
    let mut refused = Ok(());
    for link in USUAL {
        match compiles(link) {
            Ok(()) => return Ok(()),
            refusal => refused = refused.and(refusal),
        }
    }
    refused
}

struct Reader {
    admission: Admission,
    progress: Arc<Progress>,
    share: Share,
}

fn spawn(
    shards: &mut Shards,
    cpu: usize,
    events: &Events,
    settings: &Settings,
    output: Output,
    reader: Reader,
) -> Result<(), StartError> {
    let (selection, sample) = (settings.capture.selection.clone(), settings.capture.sample);
    let flush = settings.output.flush;
    shards.spawn(cpu, events.sender(), move |_control| async move {
        let shard = Shard::new(Decoder::new(selection), output.export(), sample);
        let offline = Offline {
            shard,
            admission: reader.admission,
            progress: reader.progress,
            flush,
        };
        match reader.share {
            Share::Part(file, part, deferred) => offline.run_part(file, part, deferred).await,
            Share::All(source) => match input::unpacked(source) {
                Ok(source) => offline.run(source).await,
                Err(source) => offline.refused(ShardError::System {
                    what: "can't unpack the file",
                    source,
                }),
            },
        }
    })
}

/// The tests that packets have to pass at shard `index` of `count` that read the same.
fn admission(
    settings: &Settings,
    balance: &Program,
    index: usize,
    count: usize,
) -> Result<Admission, FilterError> {
    let part = |index: u32, count: u32| Part {
        program: balance.clone(),
        index,
        count,
    };
    let shard = u32::try_from(index).ok().zip(u32::try_from(count).ok());
    let capture = &settings.capture;
    Admission::new(
        shard
            .filter(|(_, count)| *count > 1)
            .map(|(index, count)| part(index, count)),
        capture.share.map(|share| part(share.index, share.count)),
        capture.expression.clone(),
        capture.sample,
    )
}

/// The file divided among `count` shards, if it can be.
fn parts(
    path: &Path,
    count: usize,
    balance: &Program,
) -> io::Result<Result<Option<Vec<Share>>, FilterError>> {
    if count < 2 || !input::is_repeatable(path) {
        return Ok(Ok(None));
    }
    let Some(parts) = split(&File::open(path)?, count)? else {
        return Ok(Ok(None));
    };
    let deferred = match Deferred::among(count, balance) {
        Ok(deferred) => deferred,
        Err(error) => return Ok(Err(error)),
    };
    let shares = parts.into_iter().zip(deferred);
    let shares = shares.map(|(part, deferred)| Ok(Share::Part(File::open(path)?, part, deferred)));
    shares
        .collect::<io::Result<Vec<_>>>()
        .map(|shares| Ok(Some(shares)))
}

/// One reader of the whole input for each shard, and, where it is no file, a way to end it early.
fn whole(path: &Path, count: usize, pause: Duration) -> io::Result<(Vec<Share>, Option<Stop>)> {
    if input::is_repeatable(path) {
        let sources = (0..count).map(|_| input::open(path).map(Share::All));
        return Ok((sources.collect::<io::Result<_>>()?, None));
    }
    let (readers, stop) = relay(path, count, pause)?;
    let shares = readers
        .into_iter()
        .map(|reader| Share::All(Box::new(reader)));
    Ok((shares.collect(), Some(stop)))
}
