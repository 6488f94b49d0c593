//! The outputs of the shards, opened once before shards start.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use dnsflow_wire::v4::Encoder;

use crate::export::collector::Collector;
use crate::export::destination::Destination;
use crate::export::file::{PcapFile, write_header};
use crate::export::print::Print;
use crate::export::{Export, Sinks};
use crate::start::error::StartError;
use crate::start::settings;

/// Opens outputs. Sockets to collectors are opened by the shards, on the threads of their
/// executors.
#[derive(Debug)]
pub(super) struct Outputs;

/// The output of one shard.
#[derive(Debug)]
pub(super) struct Output {
    collectors: Vec<Destination>,
    file: Option<(File, String)>,
    stream: u16,
    print: bool,
    datagram_bytes: usize,
    flush: Duration,
}

impl Outputs {
    /// Opens the file and writes its header; returns an output for each shard.
    ///
    /// # Errors
    /// If the file or standard output can't be opened or written.
    pub(super) fn open(
        settings: &settings::Output,
        shards: usize,
    ) -> Result<Vec<Output>, StartError> {
        let file = match &settings.write {
            None => None,
            Some(path) => {
                let failed = |source| StartError::File {
                    path: path.clone(),
                    source,
                };
                let mut file = create(path)?;
                write_header(&mut file).map_err(failed)?;
                Some((file, path.display().to_string()))
            }
        };
        if settings.print {
            Print::write_header().map_err(|source| StartError::System {
                what: "can't write to standard output",
                source,
            })?;
        }
        let duplicate = |(file, path): &(File, String)| {
            file.try_clone()
                .map(|file| (file, path.clone()))
                .map_err(|source| StartError::File {
                    path: path.into(),
                    source,
                })
        };
        (0..shards)
            .map(|index| {
                Ok(Output {
                    collectors: settings.collectors.clone(),
                    file: file.as_ref().map(duplicate).transpose()?,
                    stream: u16::try_from(index).unwrap_or(u16::MAX),
                    print: settings.print,
                    datagram_bytes: settings.datagram_bytes(),
                    flush: settings.flush,
                })
            })
            .collect()
    }
}

impl Output {
    /// Longest time for which a set waits until its datagram is full.
    pub(super) fn flush(&self) -> Duration {
        self.flush
    }

    /// The stream of the shard. To be called on the thread of its executor.
    pub(super) fn export(self) -> Export {
        let (stream, datagram_bytes) = (self.stream, self.datagram_bytes);
        let sinks = Sinks {
            collectors: self
                .collectors
                .into_iter()
                .map(|collector| Collector::new(collector, datagram_bytes))
                .collect(),
            file: self
                .file
                .map(|(file, path)| PcapFile::new(file, path, stream)),
            print: self.print.then(Print::default),
        };
        Export::new(Encoder::default(), self.datagram_bytes, sinks)
    }
}

/// Opens a file for writing, or standard output for `-`.
fn create(path: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::File {
        path: path.to_owned(),
        source,
    };
    if path.as_os_str() == "-" {
        let descriptor = std::io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(failed)?;
        return Ok(File::from(descriptor));
    }
    File::create(path).map_err(failed)
}
