//! Export of the responses of one shard: encoding into datagrams, and delivery to all sinks.
//!
//! To a collector, a shard is one stream: one source port, and consecutive sequence numbers. An
//! encoder ([`Encode`]) writes each response once, as one or more sets, into a `Batch` of
//! contiguous datagrams. Finished datagrams are sent when the batch is full, and with the system
//! call that waits for the next block; the open datagram is sent at the end of the flush interval.
//! Collectors and the file of `-w` receive every datagram in order; `--print` reads the encoded
//! sets.
//!
//! The module depends neither on packets nor on the format of records. For a collector without room
//! it holds little, and not for long: what is lost is counted.

pub mod age;
pub(crate) mod batch;
pub mod collector;
mod delivery;
pub mod destination;
mod error;
pub mod file;
mod held;
pub mod local;
mod pool;
pub mod print;
mod runs;

use std::time::{Duration, Instant};

use dnsflow_packet::Timestamp;
use dnsflow_sys::Uring;
use dnsflow_wire::dns::{MessageReject, Rules};
use dnsflow_wire::encode::{Draft, Encode, Stats};
use dnsflow_wire::response::{Envelope, Response};
use dnsflow_wire::v4;

use age::{AgeTracker, Ages};
use batch::Batch;
use collector::{Collector, CollectorSnapshot};
use destination::Destination;
pub use error::ExportError;
use file::PcapFile;
use local::{LocalOutput, LocalSnapshot};
use print::Print;

/// Longest wait for a send that was given up and has yet to end.
const MAX_END_WAIT: Duration = Duration::from_millis(10);

/// Totals of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Data sets.
    pub sets: u64,
    /// Datagrams, each counted once however many collectors there are.
    pub datagrams: u64,
    /// Datagrams that the network took and has not reported since, summed over all collectors.
    pub delivered: u64,
    /// Datagrams that could not be sent, that were refused, or whose collector was not reached,
    /// summed over all collectors.
    pub failed: u64,
}

impl Sent {
    /// Adds the totals of another stream.
    pub fn add(&mut self, other: &Self) {
        self.sets += other.sets;
        self.datagrams += other.datagrams;
        self.delivered += other.delivered;
        self.failed += other.failed;
    }
}

/// The outputs of a stream.
#[derive(Debug, Default)]
pub struct Sinks {
    /// Each receives every datagram.
    pub collectors: Vec<Collector>,
    /// The file of `-w`.
    pub file: Option<PcapFile>,
    /// The lines of `--print`.
    pub print: Option<Print>,
    /// Whether the failure of one local output ends the stream, even if there are others
    /// (`--strict-output`).
    pub is_strict: bool,
}

impl Sinks {
    /// The outputs on this machine.
    fn local(&self) -> impl Iterator<Item = &LocalOutput> {
        let file = self.file.as_ref().map(PcapFile::output);
        file.into_iter()
            .chain(self.print.as_ref().map(Print::output))
    }

    /// Has one that failed logged.
    ///
    /// # Errors
    /// If no output is left, or if one has failed and none may.
    fn check(&self) -> Result<(), ExportError> {
        if !self.local().any(LocalOutput::has_failed) {
            return Ok(());
        }
        let none_left = self.collectors.is_empty() && self.local().all(LocalOutput::has_failed);
        let ends = none_left || self.is_strict;
        let failed = || self.local().filter(|output| output.has_failed());
        failed().for_each(|output| output.log_failure(!ends));
        let failure = failed().find_map(LocalOutput::failure).filter(|_| ends);
        failure.map_or(Ok(()), Err)
    }
}

/// One stream of records in the format of `E`: its batch, its sequence numbers and its sinks.
#[derive(Debug)]
pub struct Export<E = v4::Encoder> {
    batch: Batch<E>,
    sinks: Sinks,
    /// The totals, of collectors those that were removed.
    sent: Sent,
    ages: AgeTracker,
}

impl<E: Encode> Export<E> {
    /// A stream that starts at sequence number 1. `datagram_bytes` is the largest UDP payload. It
    /// must be at least [`Encode::header_bytes`] plus the smallest room into which `encoder` can
    /// split any response.
    #[must_use]
    pub fn new(encoder: E, datagram_bytes: usize, sinks: Sinks) -> Self {
        // Segmentation offload needs datagrams of equal size. A file does not: it keeps the order.
        let equal_sizes = !sinks.collectors.is_empty();
        Self {
            batch: Batch::new(encoder, datagram_bytes, equal_sizes, 1),
            sinks,
            sent: Sent::default(),
            ages: AgeTracker::default(),
        }
    }

    /// Has the batch hold `runs` runs of datagrams before it is full, instead of one: they leave
    /// with one system call.
    #[must_use]
    pub fn gather(mut self, runs: usize) -> Self {
        self.batch.gather(runs);
        self
    }

    /// Encodes the response in a whole unicast message in one pass (the fast path).
    ///
    /// Returns the reason if the message gives no record. Returns `None`, and exports nothing, if
    /// the message does not qualify for the fast path.
    #[inline(always)]
    pub fn transcribe(
        &mut self,
        message: &[u8],
        envelope: &Envelope,
    ) -> Option<Result<(), MessageReject>> {
        if !E::IS_MOVABLE && self.sinks.print.is_some() {
            // A line is made of the response: the set can't be read by itself.
            return None;
        }
        let written = self.batch.transcribe(message, envelope)?;
        Some(written.map(|bytes| {
            if E::IS_MOVABLE && self.sinks.print.is_some() {
                self.print_draft(bytes, envelope.at);
            }
            self.commit(bytes);
        }))
    }

    /// Replaces the rules by which messages qualify on the fast path.
    pub fn select(&mut self, rules: &Rules) {
        self.batch.encoder.select(rules);
    }

    /// Takes note of the name of the interface that the messages from now on come from.
    pub fn on_interface(&mut self, name: &str) {
        self.batch.encoder.on_interface(name);
    }

    /// Room for the next set, which [`Export::commit`] then adds to the batch. The contents are
    /// unspecified.
    #[inline(always)]
    pub fn draft(&mut self) -> Option<&mut Draft> {
        self.batch.draft()
    }

    /// Adds the set that was written to the first `bytes` bytes of [`Export::draft`]. `bytes` is a
    /// multiple of 4, at most the size of a [`Draft`]. Only for sets that are
    /// [movable](Encode::IS_MOVABLE).
    #[inline(always)]
    pub fn commit(&mut self, bytes: usize) {
        self.sent.sets += 1;
        self.batch.commit(bytes);
    }

    /// Encodes and adds a response that was captured at `at`.
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

    /// Whether the batch holds a full run of datagrams. [`Export::send`] is then due; otherwise the
    /// batch grows.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    /// Whether sets are pending that only [`Export::finish`] lets go: in an open datagram, or in the
    /// pool.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.batch.is_waiting()
    }

    /// Starts a block: the records added from now on are at most as old as a packet captured at
    /// `at`. Live capture calls this for each block. Without a call, no ages are counted.
    pub fn start_block(&mut self, at: Timestamp) {
        self.ages.start_block(&self.batch, at);
    }

    /// Has local outputs take what is sent from now on; a file loses what it held before.
    pub fn begin(&self) {
        self.sinks.local().for_each(LocalOutput::begin);
    }

    /// Sends the finished datagrams to all sinks. A sink that fails is counted, and is not an error
    /// as long as there are others. The system call that sends to the collectors then waits for at
    /// most `wait` for what `uring` watches; without `wait` it does not. A collector without room
    /// gets its datagrams later.
    ///
    /// # Errors
    /// If file and standard output can't be written, and there is no collector; with
    /// `--strict-output`, if one can't be written. If `uring` is of no more use.
    pub fn send(&mut self, uring: &mut Uring, wait: Option<Duration>) -> Result<(), ExportError> {
        let datagrams = self.batch.count();
        self.sent.datagrams += datagrams;
        if let Some(file) = &self.sinks.file {
            file.write(self.batch.datagrams());
        }
        if let Some(print) = &mut self.sinks.print {
            print.write();
        }
        self.sinks.check()?;
        self.ages.record_send(datagrams, &self.batch);
        delivery::round(&mut self.sinks.collectors, &self.batch, uring, wait)?;
        self.batch.clear();
        Ok(())
    }

    /// Sends the finished datagrams as [`Export::send`] does, and waits until all collectors have
    /// got theirs, or until the patience with those without room is over.
    ///
    /// # Errors
    /// As [`Export::send`].
    pub fn deliver(&mut self, uring: &mut Uring) -> Result<(), ExportError> {
        self.send(uring, None)?;
        while self.sinks.collectors.iter().any(|it| !it.held.is_empty()) {
            let now = Instant::now();
            self.expire(now, uring)?;
            let left = self.deadline().map(|at| at.saturating_duration_since(now));
            self.send(uring, Some(left.unwrap_or(MAX_END_WAIT)))?;
        }
        Ok(())
    }

    /// When [`Export::expire`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let waiting = self.sinks.collectors.iter();
        waiting.filter_map(|it| it.held.until()).min()
    }

    /// Gives up datagrams for which a collector has had no room for too long.
    ///
    /// # Errors
    /// If `uring` is of no more use.
    pub fn expire(&mut self, now: Instant, uring: &mut Uring) -> Result<(), ExportError> {
        let mut collectors = self.sinks.collectors.iter_mut();
        Ok(collectors.try_for_each(|it| it.expire(now, uring))?)
    }

    /// Finishes all datagrams, full or not: the next [`Export::send`] sends them.
    pub fn finish(&mut self) {
        self.batch.finish();
    }

    /// Finishes all datagrams, and adds those with stats: the next [`Export::send`] sends them.
    pub fn add_stats(&mut self, stats: &Stats<'_>) {
        self.batch.stats(stats);
    }

    /// Replaces the collectors and the datagram size. Pending records are sent first, to the old
    /// collectors. A collector that stays keeps its socket; a new one starts at the present
    /// sequence number.
    ///
    /// # Errors
    /// As [`Export::send`].
    pub fn change(
        &mut self,
        collectors: &[Destination],
        datagram_bytes: usize,
        uring: &mut Uring,
    ) -> Result<(), ExportError> {
        self.finish();
        self.deliver(uring)?;
        self.batch.reshape(datagram_bytes, !collectors.is_empty());
        let mut before = std::mem::take(&mut self.sinks.collectors);
        for destination in collectors {
            let known = before
                .iter()
                .position(|collector| collector.is_for(destination));
            let collector = match known.map(|index| before.remove(index)) {
                Some(mut collector) => {
                    collector.change(destination, datagram_bytes);
                    collector
                }
                None => Collector::new(destination.clone(), datagram_bytes),
            };
            self.sinks.collectors.push(collector);
        }
        for removed in before {
            self.sent.delivered += removed.counts().delivered;
            self.sent.failed += removed.counts().failed;
        }
        Ok(())
    }

    /// Totals of the stream so far.
    #[must_use]
    pub fn sent(&self) -> Sent {
        let mut sent = self.sent;
        for counts in self.sinks.collectors.iter().map(Collector::counts) {
            sent.delivered += counts.delivered;
            sent.failed += counts.failed;
        }
        sent
    }

    /// Delivery counts of each present collector.
    #[must_use]
    pub fn collectors(&self) -> Vec<CollectorSnapshot> {
        let collectors = self.sinks.collectors.iter();
        collectors.map(Collector::snapshot).collect()
    }

    /// Counts of the outputs on this machine, each of which all streams share.
    #[must_use]
    pub fn local(&self) -> Vec<LocalSnapshot> {
        self.sinks.local().map(LocalOutput::snapshot).collect()
    }

    /// Ages of records when they were sent.
    #[must_use]
    pub fn ages(&self) -> Ages {
        self.ages.ages()
    }
}
