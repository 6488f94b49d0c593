//! A run over a capture file.
//!
//! A large pcap file is divided, so that each shard reads a part of it. Any other input is read as
//! a whole by every shard, which processes the packets whose balance value is its own.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dnsflow_filters::{FilterError, Interpreter, MAX_SNAP_LENGTH, Program, compile};

use super::event::{Event, Events};
use super::opening;
use super::output::{Output, Outputs, stdin_metadata};
use super::progress;
use super::shards::Shards;
use crate::capture::relay::{Stop, relay};
use crate::shard::admission::{Admission, Part};
use crate::shard::deferred::Deferred;
use crate::shard::file::Offline;
use crate::shard::{Progress, Report, Shard, ShardError};
use crate::start::cli::Format;
use crate::start::error::StartError;
use crate::start::settings::{Capture, Settings};
use dnsflow_capfile::input::{self, RegularFile, Source};
use dnsflow_packet::Decoder;
use dnsflow_packet::LinkType;
use dnsflow_sys::Uring;
use dnsflow_wire::encode::Encode;
use dnsflow_wire::v4;

/// Time between two updates of the progress bar.
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);

/// The input of one shard.
enum Share {
    /// The whole input, of which the shard processes a share of the packets.
    All(Source),
    /// A part of the file.
    Part(File, Range<u64>, Deferred),
}

/// Reads `path` to its end, or until a signal ends the run.
pub(super) fn run(
    settings: &Settings,
    path: &Path,
    cpus: &[usize],
    events: &Events,
) -> Result<(Vec<Report>, Outputs), StartError> {
    let failed = |source| StartError::File {
        path: path.to_owned(),
        source,
    };
    let regular = RegularFile::open(path).map_err(failed)?;
    let mut declared = Vec::new();
    if let Some(file) = &regular {
        // A file that is not a capture is refused before outputs are opened.
        let mut records = file.records().map_err(|source| StartError::CaptureFile {
            path: path.to_owned(),
            source,
        })?;
        // pcapng describes interfaces before their first packet. Damage is reported where it is
        // met again.
        let _ = records.next_frame();
        declared = records.link_types().collect();
    }
    let capture = settings.capture.clone();
    opening::unless_told_to_end(move || Ok(check_expression(&capture, &declared)?))?;
    let outputs = Outputs::open(&settings.output, true)?;
    let input = match &regular {
        Some(file) => file.metadata(),
        None if path.as_os_str() == "-" => stdin_metadata(),
        None => path.metadata(),
    };
    outputs.refuse(&input.map_err(failed)?, &path.display().to_string())?;
    let balance = settings.capture.balance().fanout()?;
    let parts = parts(path, regular.as_ref(), cpus.len(), &balance).map_err(failed)??;
    let divided = parts.is_some();
    let (shares, stop) = match parts {
        Some(parts) => (parts, None),
        None if regular.is_some() => (copies(path, cpus.len()).map_err(failed)?, None),
        None => relayed(path, cpus.len(), settings.output.flush).map_err(failed)?,
    };
    outputs.start(&events.sender())?;
    let divided_output = outputs.divide(&settings.output, cpus.len());
    let mut shards = Shards::new();
    let mut all_progress = Vec::new();
    let shares = shares.into_iter().zip(cpus).zip(divided_output);
    for (index, ((share, cpu), output)) in shares.enumerate() {
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
    let size = regular.as_ref().and_then(RegularFile::capture_bytes);
    let bar = progress::bar(size, divided);
    let was_told = wait(events, shards.count(), || bar.show(&all_progress));
    bar.finish();
    all_progress.iter().for_each(|progress| progress.stop());
    if was_told {
        outputs.hurry();
    }
    stop.iter().for_each(Stop::stop);
    shards.stop();
    let reports = shards.reports();
    outputs.finish(events);
    Ok((reports?, outputs))
}

/// Waits until a signal comes or `running` shards have ended, and calls `show` in every interval
/// without an event. Returns whether it was a signal.
fn wait(events: &Events, mut running: usize, mut show: impl FnMut()) -> bool {
    while running > 0 {
        match events.next(Some(Instant::now() + UPDATE_INTERVAL)) {
            Some(Event::End) => return true,
            Some(Event::Ended(_)) => running -= 1,
            Some(_) => {}
            None => show(),
        }
    }
    false
}

/// Checks the filter expression before outputs are opened. `declared` are the link types that the
/// head of the input declares, if it can be read twice.
fn check_expression(capture: &Capture, declared: &[LinkType]) -> Result<(), FilterError> {
    /// The link type of most captures, and the one with the most primitives of its own
    /// (pcap-filter(7)).
    const LIKELY: [LinkType; 2] = [LinkType::Ethernet, LinkType::Radiotap];
    let Some(expression) = &capture.expression else {
        return Ok(());
    };
    let compiles = |link: LinkType| {
        let program = compile(expression, link, MAX_SNAP_LENGTH)?;
        Interpreter::new(&program).map(drop)
    };
    let is_read = |link: &&LinkType| !matches!(link, LinkType::Unsupported(_));
    let mut declared = declared.iter().filter(is_read).peekable();
    if declared.peek().is_some() {
        return declared.try_for_each(|link| compiles(*link));
    }
    let mut refused = Ok(());
    for link in LIKELY {
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
    let (flush, privacy) = (settings.output.flush, settings.output.privacy.clone());
    shards.spawn(cpu, events.sender(), move |_control, uring| async move {
        let rules = selection.rules.clone();
        let decoder = Decoder::new(selection);
        match output.format() {
            Format::V4 => {
                let export = output.export(v4::Encoder::new(rules));
                let mut shard = Shard::new(decoder, export, sample);
                shard.disguise(&privacy);
                reader.read(shard, flush, uring)
            }
            Format::V5 => {
                let encoder = output.v5(rules, sample);
                let export = output.export(encoder);
                let mut shard = Shard::new(decoder, export, sample);
                shard.disguise(&privacy);
                reader.read(shard, flush, uring)
            }
        }
    })
}

impl Reader {
    /// Reads the share to its end.
    fn read<E: Encode>(self, shard: Shard<E>, flush: Duration, uring: Uring) -> Report {
        let offline = Offline {
            shard,
            admission: self.admission,
            progress: self.progress,
            flush,
            uring,
        };
        match self.share {
            Share::Part(file, part, deferred) => offline.run_part(file, part, deferred),
            Share::All(source) => match input::unpacked(source) {
                Ok(source) => offline.run(source),
                Err(source) => offline.refused(ShardError::System {
                    what: "can't unpack the file",
                    source,
                }),
            },
        }
    }
}

/// Which packets shard `index` processes, of `count` shards that read the same input.
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
        capture.sample_of_packets(),
    )
}

/// The file divided among `count` shards; `None` if it can't be divided.
fn parts(
    path: &Path,
    file: Option<&RegularFile>,
    count: usize,
    balance: &Program,
) -> io::Result<Result<Option<Vec<Share>>, FilterError>> {
    let Some(file) = file.filter(|_| count > 1) else {
        return Ok(Ok(None));
    };
    let Some(parts) = file.split(count) else {
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

/// A reader of the whole file for each shard.
fn copies(path: &Path, count: usize) -> io::Result<Vec<Share>> {
    let sources = (0..count).map(|_| input::open(path).map(Share::All));
    sources.collect()
}

/// A reader for each shard of the whole input, which can be read only once, and a handle to end it
/// early.
fn relayed(path: &Path, count: usize, pause: Duration) -> io::Result<(Vec<Share>, Option<Stop>)> {
    let (readers, stop) = relay(path, count, pause)?;
    let shares = readers
        .into_iter()
        .map(|reader| Share::All(Box::new(reader)));
    Ok((shares.collect(), Some(stop)))
}
