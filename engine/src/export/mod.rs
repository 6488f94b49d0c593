//! From a response to the datagrams of one stream, and from there to all destinations.
//!
//! A stream is what a collector sees of one shard: a source port, and sequence numbers without a gap. An encoder
//! ([`Encode`]) writes each response once, as sets, into a `Batch` of datagrams that lie side by side. The batch is sent when it is full, when the shard has nothing else to do, and at the end of the flush interval.
//! Collectors and the file of `-w` get each datagram in order; `--print` reads the sets that were written.
//!
//! Export knows nothing of packets nor of the format of records. A collector that does not listen stops nothing.

pub mod age;
pub(crate) mod batch;
pub mod collector;
pub mod destination;
mod error;
pub mod file;
mod patience;
mod pool;
pub mod print;

use dnsflow_packet::Timestamp;
use dnsflow_wire::dns::MessageReject;
use dnsflow_wire::encode::{Draft, Encode};
use dnsflow_wire::response::{Endpoints, Response};
use dnsflow_wire::v4::{Encoder, Stats};

use age::{Ages, Waiting};
use batch::Batch;
use collector::{Collector, CollectorSnapshot};
use destination::Destination;
pub use error::ExportError;
use file::PcapFile;
use patience::Patience;
use print::Print;

/// What a stream has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Data sets.
    pub sets: u64,
    /// Datagrams, each counted once however many collectors there are.
    pub datagrams: u64,
    /// Datagrams that a collector took, over all collectors.
    pub delivered: u64,
    /// Datagrams that a collector did not take, over all collectors.
    pub failed: u64,
}

impl Sent {
    /// Adds what another stream has sent.
    pub fn add(&mut self, other: &Sent) {
        self.sets += other.sets;
        self.datagrams += other.datagrams;
        self.delivered += other.delivered;
        self.failed += other.failed;
    }
}

/// Where a stream goes.
#[derive(Debug, Default)]
pub struct Sinks {
    /// Each gets every datagram.
    pub collectors: Vec<Collector>,
    /// The file of `-w`.
    pub file: Option<PcapFile>,
    /// `--print`.
    pub print: Option<Print>,
}

/// One stream of records in the format of `E`: its batch, its sequence and its sinks.
#[derive(Debug)]
pub struct Export<E = Encoder> {
    encoder: E,
    batch: Batch<E>,
    sinks: Sinks,
    sent: Sent,
    waiting: Waiting,
    patience: Patience,
}

impl<E: Encode> Export<E> {
    /// A stream that starts at sequence number 1. Its datagrams have at most `datagram_bytes` bytes, which is at least
    /// [`Encode::HEADER_BYTES`] and the smallest room into which `encoder` can split any response.
    #[must_use]
    pub fn new(encoder: E, datagram_bytes: usize, sinks: Sinks) -> Self {
        // Datagrams of one size leave many at a time; a file does not care, and keeps the order.
        let exactly = !sinks.collectors.is_empty();
        Self {
            encoder,
            batch: Batch::new(datagram_bytes, exactly),
            sinks,
            sent: Sent::default(),
            waiting: Waiting::default(),
            patience: Patience::default(),
        }
    }

    /// Takes the response in a unicast message that came whole, and was captured at `at`, in one pass.
    ///
    /// Returns why the message gives no record, or `None` if it does not qualify for the fast path: then nothing was
    /// taken.
    #[inline(always)]
    pub fn transcribe(
        &mut self,
        message: &[u8],
        endpoints: &Endpoints,
        at: Timestamp,
    ) -> Option<Result<(), MessageReject>> {
        let draft = self.batch.draft()?;
        let written = self.encoder.transcribe(message, endpoints, draft)?;
        Some(written.map(|bytes| {
            if self.sinks.print.is_some() {
                self.print_draft(bytes, at);
            }
            self.keep(bytes);
        }))
    }

    /// Where a set may be written that [`Export::keep`] takes.
    #[inline(always)]
    pub fn draft(&mut self) -> Option<&mut Draft> {
        self.batch.draft()
    }

    /// Takes the set of so many bytes that was written to [`Export::draft`].
    #[inline(always)]
    pub fn keep(&mut self, bytes: usize) {
        self.sent.sets += 1;
        self.batch.keep(bytes);
    }

    /// Takes a response that was captured at `at`.
    pub fn push(&mut self, response: &Response<'_>, at: Timestamp) {
        self.sent.sets += self.batch.push(response);
        if let Some(print) = &mut self.sinks.print {
            print.push(response, at);
        }
    }

    #[inline(never)]
    fn print_draft(&mut self, bytes: usize, at: Timestamp) {
        if let (Some(print), Some(draft)) = (&mut self.sinks.print, self.batch.draft()) {
            print.push_set::<E>(draft.get(..bytes).unwrap_or_default(), at);
        }
    }

    /// Whether [`Export::send`] is due, lest the batch grow.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    /// Whether a datagram that is not full waits for more sets, or for the flush interval.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.batch.is_waiting()
    }

    /// What is pushed from now on is at most as old as a packet captured at `at`. Live capture says it of each
    /// block; where nobody does, no ages are counted.
    pub fn mark(&mut self, at: Timestamp) {
        self.waiting.mark(&self.batch, at);
    }

    /// Sends the datagrams that are full.
    ///
    /// # Errors
    /// If the file or standard output can't be written.
    pub async fn send(&mut self) -> Result<(), ExportError> {
        let datagrams = self.batch.count();
        self.sent.datagrams += datagrams;
        for collector in &mut self.sinks.collectors {
            let before = collector.counts();
            for (run, size) in self.batch.runs() {
                collector.send(run, size, &mut self.patience).await;
            }
            let after = collector.counts();
            self.sent.delivered =
                (self.sent.delivered + after.delivered).saturating_sub(before.delivered);
            self.sent.failed += after.failed - before.failed;
        }
        if let Some(file) = &mut self.sinks.file {
            file.write(self.batch.datagrams())?;
        }
        if let Some(print) = &mut self.sinks.print {
            print.write()?;
        }
        self.waiting.leave(datagrams, &self.batch);
        self.batch.clear();
        Ok(())
    }

    /// Sends all there is.
    ///
    /// # Errors
    /// As [`Export::send`].
    pub async fn flush(&mut self) -> Result<(), ExportError> {
        self.batch.finish();
        self.send().await
    }

    /// Goes on with these collectors and another size of datagrams. What waits is sent before, to those who were
    /// there. A collector that stays keeps its socket; one that is new starts in the middle of the sequence.
    ///
    /// # Errors
    /// As [`Export::send`].
    pub async fn change(
        &mut self,
        collectors: &[Destination],
        datagram_bytes: usize,
    ) -> Result<(), ExportError> {
        self.flush().await?;
        self.batch.reshape(datagram_bytes, !collectors.is_empty());
        let mut before = std::mem::take(&mut self.sinks.collectors);
        for destination in collectors {
            let known = before
                .iter()
                .position(|collector| collector.is(destination));
            let collector = match known.map(|index| before.remove(index)) {
                Some(mut collector) => {
                    collector.change(destination, datagram_bytes);
                    collector
                }
                None => Collector::new(destination.clone(), datagram_bytes),
            };
            self.sinks.collectors.push(collector);
        }
        Ok(())
    }

    /// Sends all there is, then a stats datagram.
    ///
    /// # Errors
    /// As [`Export::send`].
    pub async fn stats(&mut self, stats: &Stats) -> Result<(), ExportError> {
        self.batch.stats(stats);
        self.send().await
    }

    /// What was sent so far.
    #[must_use]
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// The same, collector by collector, of those that there are now.
    #[must_use]
    pub fn collectors(&self) -> Vec<CollectorSnapshot> {
        let collectors = self.sinks.collectors.iter();
        collectors.map(Collector::snapshot).collect()
    }

    /// How old records were when they were sent.
    #[must_use]
    pub fn ages(&self) -> Ages {
        self.waiting.ages()
    }
}
