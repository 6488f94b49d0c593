//! The outputs of the shards, opened once before shards start, and finished after they have ended.

use std::fs::Metadata;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use dnsflow_wire::dns::Rules;
use dnsflow_wire::encode::Encode;
use dnsflow_wire::v5::{self, Identity};

use super::event::{Event, Events};
use crate::export::collector::Collector;
use crate::export::destination::Destination;
use crate::export::file::{self, PcapFile};
use crate::export::local::{LocalOutput, Manner, Unit};
use crate::export::print::{self, Print};
use crate::export::{Export, Sinks};
use crate::start::cli::Format;
use crate::start::error::StartError;
use crate::start::settings;

/// The outputs on this machine, which all shards share. Sockets to collectors are opened by the
/// shards, on the threads of their executors.
#[derive(Debug)]
pub(super) struct Outputs {
    file: Option<Arc<LocalOutput>>,
    print: Option<Arc<LocalOutput>>,
}

/// The output of one shard.
#[derive(Debug)]
pub(super) struct Output {
    collectors: Vec<Destination>,
    file: Option<Arc<LocalOutput>>,
    print: Option<Arc<LocalOutput>>,
    stream: u16,
    is_strict: bool,
    datagram_bytes: usize,
    flush: Duration,
    format: Format,
    identity: Identity,
}

impl Outputs {
    /// Opens the outputs. What a file holds stays until the first shard begins.
    ///
    /// `is_patient` says whether shards wait for an output that is blocked.
    ///
    /// # Errors
    /// If the file or standard output can't be opened.
    pub(super) fn open(settings: &settings::Output, is_patient: bool) -> Result<Self, StartError> {
        let others = usize::from(settings.print) + usize::from(settings.write.is_some());
        let manner = |unit, header| Manner {
            unit,
            header,
            is_patient,
            is_alone: settings.collectors.is_empty() && others == 1,
        };
        let file = settings.write.as_ref().map(|path| {
            let opened = LocalOutput::open(path, manner(Unit::Datagrams, file::header()));
            opened.map(Arc::new).map_err(|source| StartError::File {
                path: path.clone(),
                source,
            })
        });
        let print = settings.print.then(|| {
            let name = "standard output".to_owned();
            let opened = LocalOutput::stdout(name, manner(Unit::Lines, print::header()));
            opened.map(Arc::new).map_err(|source| StartError::System {
                what: "can't write to standard output",
                source,
            })
        });
        Ok(Self {
            file: file.transpose()?,
            print: print.transpose()?,
        })
    }

    /// Refuses to write to what is read, by whatever names: it would be emptied, or never end.
    ///
    /// # Errors
    /// [`StartError::SameFile`].
    pub(super) fn refuse(&self, input: &Metadata, name: &str) -> Result<(), StartError> {
        for output in self.local() {
            let same = output
                .metadata()
                .is_some_and(|found| is_same(&found, input));
            if same {
                return Err(StartError::SameFile {
                    input: name.to_owned(),
                    output: output.name().to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Starts the threads of outputs that can block. Each reports its end as an event.
    ///
    /// # Errors
    /// If a thread can't be had.
    pub(super) fn start(&self, events: &Sender<Event>) -> Result<(), StartError> {
        for output in self.local() {
            let events = events.clone();
            let at_end = move || {
                // It fails only once the supervisor has ended.
                let _ = events.send(Event::Written);
            };
            output.start(at_end).map_err(|source| StartError::System {
                what: "can't start a thread",
                source,
            })?;
        }
        Ok(())
    }

    /// The output of each of `shards` shards.
    pub(super) fn divide(&self, settings: &settings::Output, shards: usize) -> Vec<Output> {
        let random = || RandomState::new().build_hasher().finish();
        let identity = Identity {
            name: settings.sensor_name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            core: 0,
            boot: random(),
            key: random(),
        };
        let of_shard = |index| Output {
            format: settings.format,
            identity: Identity {
                core: u16::try_from(index).unwrap_or(u16::MAX),
                ..identity.clone()
            },
            collectors: settings.collectors.clone(),
            file: self.file.clone(),
            print: self.print.clone(),
            stream: u16::try_from(index).unwrap_or(u16::MAX),
            is_strict: settings.is_strict,
            datagram_bytes: settings.datagram_bytes(),
            flush: settings.flush,
        };
        (0..shards).map(of_shard).collect()
    }

    /// Tells that the run ends: shards don't wait much longer for an output that is blocked.
    pub(super) fn hurry(&self) {
        self.local().for_each(LocalOutput::hurry);
    }

    /// Waits, once all shards have ended, until everything is written; if the run was told to end,
    /// now or before, only for outputs that still take something, and not for long.
    pub(super) fn finish(&self, events: &Events) {
        self.local().for_each(LocalOutput::close);
        while !self.local().all(LocalOutput::is_done) {
            if let Some(Event::End) = events.next(None) {
                self.hurry();
            }
        }
    }

    /// The outputs on this machine.
    pub(super) fn local(&self) -> impl Iterator<Item = &LocalOutput> {
        self.file.iter().chain(&self.print).map(|output| &**output)
    }
}

impl Output {
    /// Longest time for which a set waits until its datagram is full.
    pub(super) fn flush(&self) -> Duration {
        self.flush
    }

    /// The version of the records.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// The writer of records of version 5, of which 1 of `rate` packets is kept.
    pub(super) fn v5(&self, rules: Rules, rate: u32) -> v5::Encoder {
        v5::Encoder::new(rules, self.identity.clone(), rate)
    }

    /// The stream of the shard, in the format of `encoder`.
    pub(super) fn export<E: Encode>(self, encoder: E) -> Export<E> {
        let (stream, datagram_bytes) = (self.stream, self.datagram_bytes);
        let sinks = Sinks {
            collectors: self
                .collectors
                .into_iter()
                .map(|collector| Collector::new(collector, datagram_bytes))
                .collect(),
            file: self.file.map(|output| PcapFile::new(output, stream)),
            print: self.print.map(Print::new),
            is_strict: self.is_strict,
        };
        Export::new(encoder, self.datagram_bytes, sinks)
    }
}

/// What fstat(2) says of standard input.
pub(super) fn stdin_metadata() -> io::Result<Metadata> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    std::fs::File::from(stdin).metadata()
}

/// Whether both are one file, FIFO or block device. What is written to a terminal or another device
/// is not what is read from it.
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    let kind = one.file_type();
    let holds = kind.is_file() || kind.is_fifo() || kind.is_block_device();
    holds && (one.dev(), one.ino()) == (other.dev(), other.ino())
}
