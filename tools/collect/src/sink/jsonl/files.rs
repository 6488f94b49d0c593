//! Files that are written under a temporary name, and renamed when they are whole.
//!
//! ```text
//! .dnsflow-20261201T101500Z-7f3c9a2b51d80e46-17.jsonl.zst.tmp     while it is written
//! dnsflow-20261201T101500Z-7f3c9a2b51d80e46-17-76.jsonl.zst       batches 17 to 76 of a collector
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use dnsflow_records::timestamp::Timestamp;
use flate2::write::GzEncoder;

use super::options::{Compression, Options};
use crate::sink::SinkError;

/// How files begin.
const PREFIX: &str = "dnsflow-";

/// The end of a file that is being written.
const TEMPORARY: &str = ".tmp";

/// Level of zstd, 1 to 22.
const ZSTD_LEVEL: i32 = 3;

/// Files of lines in a folder.
pub(super) struct Files {
    folder: PathBuf,
    compression: Compression,
    every: Duration,
    size: u64,
    collector: u64,
    open: Option<Open>,
    stored: Option<u64>,
}

/// A file that is being written.
struct Open {
    path: PathBuf,
    /// Its final name, up to the number of its last batch.
    stem: String,
    last: u64,
    since: Instant,
    bytes: u64,
    encoder: Encoder,
}

enum Encoder {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl Files {
    pub(super) fn new(folder: &Path, options: &Options, collector: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            compression: options.compression,
            every: options.every,
            size: options.size,
            collector,
            open: None,
            stored: None,
        }
    }

    /// Makes the folder, removes what this collector has not finished there, and finds the last batch
    /// that it has.
    pub(super) fn open(&mut self) -> Result<Option<u64>, SinkError> {
        let failed = |error: &io::Error| self.failed(error);
        fs::create_dir_all(&self.folder).map_err(|error| failed(&error))?;
        let mark = format!("-{:016x}-", self.collector);
        let mut newest = None;
        for entry in fs::read_dir(&self.folder).map_err(|error| failed(&error))? {
            let path = entry.map_err(|error| failed(&error))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some((start, rest)) = name.and_then(|name| name.split_once(&mark)) else {
                continue;
            };
            if !start.trim_start_matches('.').starts_with(PREFIX) {
                continue;
            }
            if start.starts_with('.') && rest.ends_with(TEMPORARY) {
                fs::remove_file(&path).map_err(|error| failed(&error))?;
                continue;
            }
            let numbers = rest.split('.').next().unwrap_or_default();
            let last = numbers
                .rsplit('-')
                .next()
                .and_then(|last| last.parse::<u64>().ok());
            newest = newest.max(last);
        }
        self.stored = newest;
        Ok(newest)
    }

    pub(super) fn write(&mut self, number: u64, lines: &[u8]) -> Result<(), SinkError> {
        if self.stored.is_some_and(|stored| number <= stored) {
            return Ok(());
        }
        let appended = self.append(number, lines);
        appended.map_err(|error| self.abandon(&error))
    }

    fn append(&mut self, number: u64, lines: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some(self.start(number)?);
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.encoder.write_all(lines)?;
        open.bytes += lines.len() as u64;
        open.last = number;
        if open.bytes >= self.size {
            self.close()?;
        }
        Ok(())
    }

    fn start(&self, number: u64) -> io::Result<Open> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let time = Timestamp(Duration::from_secs(since.unwrap_or_default().as_secs())).to_string();
        let time: String = time.chars().filter(|part| !"-:".contains(*part)).collect();
        let time = time
            .split('.')
            .next()
            .unwrap_or_default()
            .trim_end_matches('Z');
        let stem = format!("{PREFIX}{time}Z-{:016x}-{number}", self.collector);
        let path = self
            .folder
            .join(format!(".{stem}{}{TEMPORARY}", self.extension()));
        let file = BufWriter::new(File::create(&path)?);
        let encoder = match self.compression {
            Compression::None => Encoder::Plain(file),
            Compression::Gzip => {
                Encoder::Gzip(GzEncoder::new(file, flate2::Compression::default()))
            }
            Compression::Zstd => Encoder::Zstd(zstd::Encoder::new(file, ZSTD_LEVEL)?),
        };
        Ok(Open {
            path,
            stem,
            last: number,
            since: Instant::now(),
            bytes: 0,
            encoder,
        })
    }

    /// Gives the file its final name, once all of it is on disk.
    fn close(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let name = format!("{}-{}{}", open.stem, open.last, self.extension());
        let file = open.encoder.finish()?;
        file.sync_all()?;
        fs::rename(&open.path, self.folder.join(name))?;
        File::open(&self.folder)?.sync_all()?;
        self.stored = Some(open.last);
        Ok(())
    }

    pub(super) fn advance(&mut self, now: Instant) -> Result<(), SinkError> {
        if self.due().is_some_and(|due| due <= now) {
            return self.finish();
        }
        Ok(())
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.since + self.every)
    }

    pub(super) fn stored(&self) -> Option<u64> {
        self.stored
    }

    pub(super) fn finish(&mut self) -> Result<(), SinkError> {
        let path = self.open.as_ref().map(|open| open.path.clone());
        let closed = self.close();
        closed.map_err(|error| {
            if let Some(path) = path {
                let _ = fs::remove_file(path);
            }
            SinkError::Again(self.text(&error))
        })
    }

    /// Gives up the file that is being written: nobody knows how far it is whole.
    fn abandon(&mut self, error: &io::Error) -> SinkError {
        if let Some(open) = self.open.take() {
            let _ = fs::remove_file(open.path);
        }
        SinkError::Again(self.text(error))
    }

    fn failed(&self, error: &io::Error) -> SinkError {
        SinkError::Away(self.text(error))
    }

    fn text(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.folder.display())
    }

    fn extension(&self) -> &'static str {
        match self.compression {
            Compression::None => ".jsonl",
            Compression::Gzip => ".jsonl.gz",
            Compression::Zstd => ".jsonl.zst",
        }
    }
}

impl Encoder {
    fn finish(self) -> io::Result<File> {
        let buffered = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        buffered
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
