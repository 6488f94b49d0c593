//! Sinks: the stores that batches are written to.
//!
//! Each sink has a thread of its own ([`crate::backlog`] holds what it has not stored yet). A sink
//! knows its store and nothing else: not where batches come from, not the other sinks, not the
//! pauses between tries. It says when everything up to a batch is stored, and only then is
//! that batch forgotten.

pub mod clickhouse;
pub mod destination;
pub mod ipfix;
pub mod jsonl;
#[cfg(feature = "kafka")]
pub mod kafka;
mod lines;
pub mod nats;
pub mod parquet;
pub mod runner;

pub(crate) use destination::duration;
pub use destination::{Destination, DestinationError};

use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use crate::batch::Batch;

/// A store, as a collector writes to it. The calls come from one thread.
pub trait Sink: Send {
    /// Connects, checks that the store is as it has to be, and finds out what it has from this collector
    /// already. Called before the first batch, and again until it succeeds.
    ///
    /// Returns the number of the last batch that is surely stored, if the store can tell.
    ///
    /// # Errors
    ///
    /// [`SinkError::Away`] if the store can't be reached; [`SinkError::Unfit`] if batches can never be
    /// written there, with what would mend it.
    fn open(&mut self) -> Result<Option<u64>, SinkError>;

    /// Writes a batch. Batches come in the order of their numbers, each once, or again after an error.
    ///
    /// # Errors
    ///
    /// [`SinkError::Away`] if the same batch is to come again; [`SinkError::Refused`] if the
    /// store will never take it.
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError>;

    /// Does what has become due: files that are old enough, rows that have waited long enough.
    ///
    /// # Errors
    ///
    /// As [`Sink::write`]; what was not stored comes again with the next call.
    fn advance(&mut self, now: Instant) -> Result<(), SinkError>;

    /// When [`Sink::advance`] has something to do, if nothing is written before.
    fn due(&self) -> Option<Instant>;

    /// The number of a batch up to which every one that was written is stored for good.
    fn stored(&self) -> Option<u64>;

    /// Records that the store will never take, of the batches that were written since this was last
    /// asked: those batches count as stored without them.
    fn take_left_out(&mut self) -> u64 {
        0
    }

    /// Stores everything that was written, at the end.
    ///
    /// # Errors
    ///
    /// As [`Sink::write`].
    fn finish(&mut self) -> Result<(), SinkError>;
}

/// Why a store has not taken something.
#[derive(Debug, Error)]
pub enum SinkError {
    /// It can't be reached, or has no room now: trying again may help.
    #[error("{0}")]
    Away(String),
    /// It can't be reached, or has no room now, and has lost what was written and not stored: everything
    /// behind [`Sink::stored`] is to come again.
    #[error("{0}")]
    Again(String),
    /// It will never take this batch, and takes others.
    #[error("{0}")]
    Refused(String),
    /// It will never take anything again, as a pipe whose reader has gone: the run ends.
    #[error("{0}")]
    Gone(String),
    /// It is not as it has to be, and somebody has to mend that.
    #[error("{0}")]
    Unfit(String),
}
