//! Writes to ClickHouse, by its HTTP interface, in RowBinary.
//!
//! Three tables: `responses` has a row for each record; `names` says which name an address had, for
//! which client, by hour; `clients` says which clients had to do with a name, by hour, and is
//! ordered by reversed names, so that a domain is a prefix. The last two are rolled up here for
//! each insert: materialized views of the server take ten times as long. The server rolls up
//! further when it merges, so questions to them use `min(first)`, `max(last)`, `sum(count)` and
//! `max(ttl)`.
//!
//! A batch is one insert into each table, or several if it has more rows than [`Options`] says, or
//! more than [`BODY_BYTES`]. Nothing else has a part in where it is cut, so that a batch that comes
//! again makes the same inserts. Each has a token of the batch's identity, the table and the rows,
//! by which the server knows it. That is why batches are not put together: which ones would be
//! depends on the time, and after a restart others would.
//!
//! It refuses to change tables that exist, and to write to those that don't have the columns: it
//! says which statement would mend them. Servers before 22 have no tokens; there, a batch that
//! comes again may be stored twice.

mod check;
mod compress;
mod failure;
mod http;
mod layout;
mod options;
mod parts;
mod responses;
mod rollup;
mod row_binary;
mod schema;

use std::sync::Arc;
use std::time::Instant;

pub use options::{Compression, Options, OptionsError, Table};

use crate::batch::{Batch, BatchId};
use crate::record::Row;
use crate::sink::{Sink, SinkError};
use compress::Compressor;
use http::Http;

/// Bytes of rows of one insert, of all tables and before compression, with which it ends. One
/// record can add some 64 MiB more, if somebody makes it so.
pub const BODY_BYTES: usize = 64 << 20;

/// Writes batches to ClickHouse.
pub struct ClickHouse {
    options: Options,
    http: Option<Http>,
    /// Settings that the server knows.
    settings: Vec<(&'static str, &'static str)>,
    rows: Rows,
    compressor: Compressor,
    body: Vec<u8>,
    /// Inserts of this batch that are stored: they don't have to be sent again.
    sent: Option<(BatchId, u32)>,
    stored: Option<u64>,
}

/// Rows of one insert into each table.
struct Rows {
    parts: parts::Parts,
    writer: responses::Writer,
    responses: Vec<u8>,
    names: rollup::Names,
    clients: rollup::Clients,
    count: usize,
}

impl ClickHouse {
    /// Does not connect yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            http: None,
            settings: Vec::new(),
            rows: Rows {
                parts: parts::Parts::default(),
                writer: responses::Writer::new(),
                responses: Vec::new(),
                names: rollup::Names::default(),
                clients: rollup::Clients::default(),
                count: 0,
            },
            compressor: Compressor::default(),
            body: Vec::new(),
            sent: None,
            stored: None,
        }
    }

    /// Stores the rows that are there, of a batch from row `first`; `done` inserts of it were
    /// before.
    fn flush(&mut self, id: BatchId, first: usize, done: &mut u32) -> Result<(), SinkError> {
        for table in Table::ALL {
            self.body.clear();
            match table {
                Table::Responses => std::mem::swap(&mut self.body, &mut self.rows.responses),
                Table::Names => self.rows.names.take(&mut self.body),
                Table::Clients => self.rows.clients.take(&mut self.body),
            }
            if self.body.is_empty() {
                continue;
            }
            *done += 1;
            if self
                .sent
                .is_some_and(|(sent, count)| sent == id && *done <= count)
            {
                continue;
            }
            self.insert(id, table, first)?;
            self.sent = Some((id, *done));
        }
        self.rows.count = 0;
        Ok(())
    }

    /// Stores what `body` has.
    fn insert(&mut self, id: BatchId, table: Table, first: usize) -> Result<(), SinkError> {
        let http = self.http.as_ref().ok_or_else(not_open)?;
        let name = self.options.name(table);
        let token = format!("{id}-{table:?}-{first}+{}", self.rows.count);
        let statement = check::insert(&self.options, table);
        let mut settings = vec![("query", statement.as_str())];
        settings.extend(self.settings.iter().map(|&(name, value)| match name {
            check::TOKEN => (name, token.as_str()),
            _ => (name, value),
        }));
        let compression = self.options.compression;
        let body = self.compressor.compress(compression, &self.body);
        let error = match http.insert(&settings, compression, body) {
            Ok(()) => return Ok(()),
            Err(failure) => failure.into_error(&format!("insert into {name}, batch {id}")),
        };
        // Rows that can't be read may be right, and the table another one by now.
        match error {
            SinkError::Away(_) => Err(error),
            _ => match check::columns(http, &self.options) {
                Err(SinkError::Unfit(text)) => Err(SinkError::Unfit(text)),
                _ => Err(error),
            },
        }
    }
}

impl Rows {
    fn add(&mut self, options: &Options, row: &Row<'_>) {
        self.parts.read(&row.record);
        self.writer.write(&mut self.responses, row, &self.parts);
        if !options.name(Table::Names).is_empty() {
            self.names.add(row, &self.parts);
        }
        if !options.name(Table::Clients).is_empty() {
            self.clients.add(row, &self.parts);
        }
        self.count += 1;
    }

    fn is_full(&self, options: &Options) -> bool {
        let bytes = self.responses.len() + self.names.memory() + self.clients.memory();
        self.count >= options.rows || bytes >= BODY_BYTES
    }

    /// Forgets what is there.
    fn clear(&mut self) {
        self.responses.clear();
        self.names.clear();
        self.clients.clear();
        self.count = 0;
    }
}

impl Sink for ClickHouse {
    fn open(&mut self) -> Result<Option<u64>, SinkError> {
        let http = Http::new(&self.options)?;
        self.settings = check::open(&http, &self.options)?;
        self.http = Some(http);
        // The tables have no numbers of batches: what comes again is known by its token.
        Ok(None)
    }

    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let id = batch.id();
        self.rows.clear();
        let (mut first, mut done) = (0, 0);
        batch.each_row(|row| {
            self.rows.add(&self.options, row);
            if self.rows.is_full(&self.options) {
                let count = self.rows.count;
                self.flush(id, first, &mut done)?;
                first += count;
            }
            Ok(())
        })?;
        if self.rows.count > 0 {
            self.flush(id, first, &mut done)?;
        }
        self.stored = Some(id.number);
        Ok(())
    }

    fn advance(&mut self, _now: Instant) -> Result<(), SinkError> {
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn stored(&self) -> Option<u64> {
        self.stored
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

fn not_open() -> SinkError {
    SinkError::Away(String::from("clickhouse: there is no connection"))
}
