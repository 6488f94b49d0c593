//! A shard that takes its packets from a capture file, to the end.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::admission::{Admission, Verdict};
use super::{Progress, Report, Shard, ShardError};
use crate::capture::file::{FileError, Records};

/// Packets between two looks at the supervisor.
const PROGRESS_PACKETS: u32 = 1024;

/// A file shard and what it runs on.
#[derive(Debug)]
pub struct Offline {
    /// The decoder and the stream.
    pub shard: Shard,
    /// Which packets are this shard's.
    pub admission: Admission,
    /// How far it has come.
    pub progress: Arc<Progress>,
    /// Longest time that a set waits for others to fill its datagram.
    pub flush: Duration,
}

impl Offline {
    /// Reads `source` to its end; what was found is sent even where the file turns out to be damaged.
    pub async fn run(mut self, source: Box<dyn Read>) -> Report {
        let read = self
            .read(source)
            .await
            .or_else(|failure| self.unless_stopped(failure));
        self.shard.finish();
        let stats = self.shard.stats(None, 0);
        let flushed = self.shard.export.stats(&stats).await;
        let failure = read.err().or(flushed.err().map(ShardError::Export));
        self.shard.report(None, failure)
    }

    /// The report of a source that could not be read at all.
    #[must_use]
    pub fn refused(self, failure: ShardError) -> Report {
        self.shard.report(None, Some(failure))
    }

    /// Input that was ended early may end anywhere.
    fn unless_stopped(&self, failure: ShardError) -> Result<(), ShardError> {
        match failure {
            ShardError::Capture(
                FileError::Empty | FileError::NotCapture | FileError::Cut { .. },
            ) if self.progress.is_stopped() => Ok(()),
            other => Err(other),
        }
    }

    async fn read(&mut self, source: Box<dyn Read>) -> Result<(), ShardError> {
        let mut records = Records::open(source)?;
        let mut flush_at = Instant::now() + self.flush;
        loop {
            match self.fill(&mut records, flush_at) {
                Ok(true) if Instant::now() < flush_at => self.shard.export.send().await?,
                Ok(true) => self.shard.export.flush().await?,
                // A pipe on which nothing comes: what waits for more need wait no longer.
                Err(ShardError::Capture(error)) if error.is_pause() => {
                    self.shard.export.flush().await?;
                }
                done => return done.map(|_| ()),
            }
            if Instant::now() >= flush_at {
                flush_at = Instant::now() + self.flush;
            }
            if self.progress.report(records.offset()) {
                return Ok(());
            }
        }
    }

    /// Takes packets until there is something to send or to report; false at the end of the file. Nothing is
    /// waited for here, so that what is known of a packet stays in registers.
    fn fill(
        &mut self,
        records: &mut Records<Box<dyn Read>>,
        flush_at: Instant,
    ) -> Result<bool, ShardError> {
        let mut reads = records.reads();
        for _ in 0..PROGRESS_PACKETS {
            let Some(frame) = records.next_frame()? else {
                return Ok(false);
            };
            match self.admission.verdict(&frame)? {
                Verdict::Ours => self.shard.take(&frame),
                Verdict::Reject(reason) => {
                    self.shard.counters.received += 1;
                    self.shard.counters.reject(reason);
                }
                Verdict::OtherShard => {}
            }
            if self.shard.export.is_full() {
                break;
            }
            // Time passes where the source is waited for, so only there the clock is looked at.
            if records.reads() != reads {
                reads = records.reads();
                if Instant::now() >= flush_at {
                    break;
                }
            }
        }
        Ok(true)
    }
}
