//! `jsonl:`: lines of JSON, to standard output, to files, or over TCP.
//!
//! Lines are those of `dnsflow-read --json`, or events of the Elastic Common Schema. Files are written
//! under a temporary name and renamed when they are whole, so that whoever takes files with the final
//! name never sees half of one. Batches in a file that was not finished are stored again; over TCP
//! nothing says what has arrived, so that after a break the last batch comes again.

mod files;
mod options;
mod stream;

use std::sync::Arc;
use std::time::Instant;

pub use options::{Options, OptionsError};

use super::{Sink, SinkError, lines};
use crate::batch::Batch;
use files::Files;
use options::Target;
use stream::Stream;

/// The sink.
pub struct Jsonl {
    options: Options,
    to: To,
    lines: Vec<u8>,
    /// The last batch that is stored for good, where that is known at once.
    stored: Option<u64>,
}

/// Where the lines go.
enum To {
    Stream(Stream),
    Files(Box<Files>),
}

impl Jsonl {
    /// A sink for what a collector of that number receives.
    #[must_use]
    pub fn new(options: Options, collector: u64) -> Self {
        let to = match &options.target {
            Target::StandardOutput => To::Stream(Stream::standard_output()),
            Target::Tcp(address) => To::Stream(Stream::tcp(address)),
            Target::Folder(folder) => To::Files(Box::new(Files::new(folder, &options, collector))),
        };
        Self {
            options,
            to,
            lines: Vec::new(),
            stored: None,
        }
    }
}

impl Sink for Jsonl {
    fn open(&mut self) -> Result<Option<u64>, SinkError> {
        match &mut self.to {
            To::Stream(stream) => stream.open().map(|()| None),
            To::Files(files) => files.open(),
        }
    }

    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.lines.clear();
        lines::each(batch, self.options.form, |line| {
            self.lines.extend_from_slice(line.text);
            Ok(())
        })?;
        let number = batch.id().number;
        match &mut self.to {
            To::Stream(stream) => {
                stream.write(&self.lines)?;
                self.stored = Some(number);
                Ok(())
            }
            To::Files(files) => files.write(number, &self.lines),
        }
    }

    fn advance(&mut self, now: Instant) -> Result<(), SinkError> {
        match &mut self.to {
            To::Stream(_) => Ok(()),
            To::Files(files) => files.advance(now),
        }
    }

    fn due(&self) -> Option<Instant> {
        match &self.to {
            To::Stream(_) => None,
            To::Files(files) => files.due(),
        }
    }

    fn stored(&self) -> Option<u64> {
        match &self.to {
            To::Stream(_) => self.stored,
            To::Files(files) => files.stored(),
        }
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        match &mut self.to {
            To::Stream(_) => Ok(()),
            To::Files(files) => files.finish(),
        }
    }
}
