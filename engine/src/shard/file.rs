//! A shard that reads a capture file, or a part of one, to its end.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::admission::{Admission, Verdict};
use super::deferred::Deferred;
use super::{Progress, Report, Shard, ShardError};
use dnsflow_capfile::{FileError, Records};
use dnsflow_packet::LinkType;
use dnsflow_sys::Uring;
use dnsflow_wire::encode::Encode;

/// Bytes of the file between two updates of [`Progress`].
const PROGRESS_BYTES: u64 = 1 << 20;

/// A shard for a capture file.
#[derive(Debug)]
pub struct Offline<E> {
    /// The decoder and the export stream.
    pub shard: Shard<E>,
    /// Selects the packets that this shard decodes.
    pub admission: Admission,
    /// The position in the file, shared with the supervisor.
    pub progress: Arc<Progress>,
    /// The flush interval: longest time that a set waits for others to fill its datagram.
    pub flush: Duration,
    /// The ring through which collectors are sent to, made by this thread.
    pub uring: Uring,
}

impl<E: Encode> Offline<E> {
    /// Reads `source` to its end. If the file is damaged, the records before the damage are sent.
    pub fn run(mut self, source: Box<dyn Read>) -> Report {
        let read = match Records::open(source) {
            Ok(mut records) => {
                let unfit = self.begin(records.link_types()).err();
                let start = records.offset();
                let read = self.read(&mut records, None);
                match unfit {
                    // All packets may have been those of other shards.
                    Some(error) if read.is_ok() && records.offset() > start => Err(error),
                    _ => read,
                }
            }
            Err(error) => Err(error.into()),
        };
        self.end(read)
    }

    /// Reads a part of a divided file, then the packets of all parts that were deferred to this
    /// shard.
    pub fn run_part(mut self, file: File, part: Range<u64>, deferred: Deferred) -> Report {
        let read = self.read_part(&file, part, deferred);
        self.end(read)
    }

    /// The report for a source that could not be opened.
    #[must_use]
    pub fn refused(self, failure: ShardError) -> Report {
        self.shard.report(Vec::new(), Some(failure))
    }

    /// Has outputs begin.
    ///
    /// # Errors
    /// If the filter expression does not compile for a link type that the head of the file
    /// declares. Outputs then stay as they were, and the first packet ends the run.
    fn begin(&mut self, mut links: impl Iterator<Item = LinkType>) -> Result<(), ShardError> {
        links.try_for_each(|link| self.admission.prepare(link))?;
        self.shard.export.begin();
        Ok(())
    }

    fn end(mut self, read: Result<(), ShardError>) -> Report {
        let read = read.or_else(|failure| self.unless_stopped(failure));
        if read.is_ok() {
            // The input may have ended before its head.
            self.shard.export.begin();
        }
        self.shard.finish();
        self.shard.add_stats(&[], 0);
        let flushed = self.shard.export.deliver(&mut self.uring);
        let failure = read.err().or(flushed.err().map(ShardError::Export));
        self.shard.report(Vec::new(), failure)
    }

    /// Ignores a truncated input if a stop was requested: the input then ends anywhere.
    fn unless_stopped(&self, failure: ShardError) -> Result<(), ShardError> {
        match failure {
            ShardError::Capture(
                FileError::Empty | FileError::NotCapture | FileError::Cut { .. },
            ) if self.progress.is_stopped() => Ok(()),
            other => Err(other),
        }
    }

    /// Whatever is wrong with the input, packets before that are taken, also deferred ones.
    fn read_part(
        &mut self,
        file: &File,
        part: Range<u64>,
        mut deferred: Deferred,
    ) -> Result<(), ShardError> {
        let progress = Arc::clone(&self.progress);
        let read = match Records::part(file, part, || progress.is_stopped()) {
            Ok(mut records) => match self.begin(records.link_types()) {
                Ok(()) => self.read(&mut records, Some(&mut deferred)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error.into()),
        };
        let offsets = deferred.exchange();
        if let Err(ShardError::Export(_) | ShardError::Filter(_)) = read {
            return read;
        }
        let taken = self.take_deferred(file, offsets);
        read.and(taken)
    }

    fn take_deferred(&mut self, file: &File, offsets: Vec<u64>) -> Result<(), ShardError> {
        let mut records = Records::scattered(file)?;
        for offset in offsets {
            records.seek(offset)?;
            if let Some(frame) = records.next_frame()? {
                self.shard.take_involved(&frame);
            }
            if self.shard.export.is_full() {
                self.shard.export.deliver(&mut self.uring)?;
                if self.progress.is_stopped() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn read<R: Read>(
        &mut self,
        records: &mut Records<R>,
        mut deferred: Option<&mut Deferred>,
    ) -> Result<(), ShardError> {
        let mut flush_at = Instant::now() + self.flush;
        let start = records.offset();
        loop {
            match self.fill(records, flush_at, deferred.as_deref_mut()) {
                Ok(true) if Instant::now() < flush_at => {
                    self.shard.export.deliver(&mut self.uring)?
                }
                Ok(true) => self.flush()?,
                // The pipe has no data at present: send the sets that wait for more.
                Err(ShardError::Capture(error)) if error.is_pause() => {
                    self.flush()?;
                }
                done => return done.map(|_| ()),
            }
            if Instant::now() >= flush_at {
                flush_at = Instant::now() + self.flush;
            }
            if self.progress.report(records.offset() - start) {
                return Ok(());
            }
        }
    }

    fn flush(&mut self) -> Result<(), ShardError> {
        self.shard.export.finish();
        Ok(self.shard.export.deliver(&mut self.uring)?)
    }

    /// Processes packets until there is something to send, to flush or to report; returns false at
    /// the end of the file.
    fn fill<R: Read>(
        &mut self,
        records: &mut Records<R>,
        flush_at: Instant,
        mut deferred: Option<&mut Deferred>,
    ) -> Result<bool, ShardError> {
        let mut reads = records.reads();
        let report_at = records.offset() + PROGRESS_BYTES;
        while records.offset() < report_at {
            if self.admission.is_open() && self.take_ready(records, deferred.as_deref_mut()) {
                break;
            }
            let offset = records.offset();
            let Some(frame) = records.next_frame()? else {
                return Ok(false);
            };
            match self.admission.verdict(&frame)? {
                Verdict::Ours => match &mut deferred {
                    None => self.shard.take(&frame),
                    Some(deferred) => {
                        if !self.shard.take_alone(&frame) {
                            deferred.defer(offset, &frame);
                        }
                    }
                },
                Verdict::Reject(reason) => {
                    self.shard.counters.received += 1;
                    self.shard.counters.reject(reason);
                }
                Verdict::OtherShard => {}
            }
            if self.shard.export.is_full() {
                break;
            }
            // Only reads from the source block, so the clock is read only after one.
            if records.reads() != reads {
                reads = records.reads();
                if Instant::now() >= flush_at {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// Processes the packets that are in memory; returns true if the batch is full before they are
    /// exhausted. The loop neither reads nor awaits, so that the state of a packet stays in
    /// registers.
    fn take_ready<R: Read>(
        &mut self,
        records: &mut Records<R>,
        deferred: Option<&mut Deferred>,
    ) -> bool {
        let mut frames = records.ready();
        let Some(deferred) = deferred else {
            return self.shard.fill(&mut frames);
        };
        let mut offset = frames.offset();
        while let Some(frame) = frames.next() {
            if !self.shard.take_alone(&frame) {
                deferred.defer(offset, &frame);
            }
            if self.shard.export.is_full() {
                return true;
            }
            offset = frames.offset();
        }
        false
    }
}
