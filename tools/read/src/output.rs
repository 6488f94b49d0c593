//! Standard output: lines of text, or of JSON.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};

use dnsflow_records::{Context, ecs, json};
use dnsflow_wire::text::{self, Sensor};
use dnsflow_wire::{v4, v5};
use serde::Serialize;

/// Bytes that are buffered unless lines are flushed at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Lines of columns, those of version 5 included if `fields`.
    Text {
        fields: bool,
    },
    Json,
    /// Events of the Elastic Common Schema: of records only.
    Ecs,
}

/// Lines on their way to standard output, or to another writer, a datagram at a time.
pub(crate) struct Output<'o> {
    to: Box<dyn Write + 'o>,
    lines: Vec<u8>,
    format: Format,
    /// Whether lines leave at once.
    at_once: bool,
}

impl<'o> Output<'o> {
    /// To standard output. Flushes each line at once if `live`, or if it is a terminal.
    pub(crate) fn new(format: Format, live: bool) -> Self {
        let stdout = io::stdout().lock();
        Self {
            at_once: live || stdout.is_terminal(),
            ..Self::to(BufWriter::with_capacity(BUFFER_BYTES, stdout), format)
        }
    }

    /// To `writer`, which is not flushed before the end.
    pub(crate) fn to(writer: impl Write + 'o, format: Format) -> Self {
        Self {
            to: Box::new(writer),
            lines: Vec::new(),
            format,
            at_once: false,
        }
    }

    /// Adds the line that names the fields; JSON has none.
    pub(crate) fn header(&mut self) -> io::Result<()> {
        match self.format {
            Format::Text { fields: false } => writeln!(self.lines, "{}", text::HEADER),
            Format::Text { fields: true } => {
                writeln!(self.lines, "{}|{}", text::HEADER, text::FIELDS)
            }
            Format::Json | Format::Ecs => Ok(()),
        }
    }

    /// Adds a record of versions 0 to 4.
    pub(crate) fn set(&mut self, context: Context<'_>, set: &v4::Set<'_>) -> io::Result<()> {
        let (sensor, time) = (Some(context.source.ip()), context.time);
        let out = &mut Ascii(&mut self.lines);
        match self.format {
            Format::Text { fields: false } => text::write_set(out, sensor, time, set),
            Format::Text { fields: true } => text::write_set_and_fields(out, sensor, time, set),
            Format::Json => return self.json(&json::set(context, set)),
            Format::Ecs => return self.json(&ecs::set(context, set)),
        }
        .map_err(io::Error::other)
    }

    /// Adds a record of version 5.
    pub(crate) fn record(
        &mut self,
        context: Context<'_>,
        datagram: &v5::Datagram<'_>,
        record: &v5::Record<'_>,
    ) -> io::Result<()> {
        let sensor = Some(context.sensor(datagram));
        let out = &mut Ascii(&mut self.lines);
        match self.format {
            Format::Text { fields: false } => text::write_record(out, sensor, record),
            Format::Text { fields: true } => text::write_record_and_fields(out, sensor, record),
            Format::Json => return self.json(&json::record(context, datagram, record)),
            Format::Ecs => return self.json(&ecs::record(context, datagram, record)),
        }
        .map_err(io::Error::other)
    }

    /// Adds statistics of versions 0 to 4.
    pub(crate) fn stats(&mut self, context: Context<'_>, stats: &v4::Stats) -> io::Result<()> {
        match self.format {
            Format::Text { .. } => {
                let sensor = Sensor::Address(context.source.ip());
                let out = &mut Ascii(&mut self.lines);
                text::write_stats(out, sensor, context.time, stats).map_err(io::Error::other)
            }
            Format::Json => self.json(&json::stats(context, stats)),
            Format::Ecs => Ok(()),
        }
    }

    /// Adds statistics of version 5, which can all be read.
    pub(crate) fn counters(
        &mut self,
        context: Context<'_>,
        datagram: &v5::Datagram<'_>,
        counters: &v5::Counters<'_>,
    ) -> io::Result<()> {
        match self.format {
            Format::Text { fields } => {
                let (sensor, time) = (context.sensor(datagram), datagram.time());
                let (out, rate) = (&mut Ascii(&mut self.lines), datagram.sampling());
                text::write_counters(out, sensor, time, counters, rate, fields)
                    .map_err(io::Error::other)
            }
            Format::Json => self.json(&json::counters(context, datagram, counters)),
            Format::Ecs => Ok(()),
        }
    }

    /// Adds a line of JSON.
    pub(crate) fn json(&mut self, line: &impl Serialize) -> io::Result<()> {
        json::write_line(&mut self.lines, line)
    }

    /// Adds text as it stands.
    pub(crate) fn text(&mut self, text: &dyn fmt::Display) -> io::Result<()> {
        write!(self.lines, "{text}")
    }

    /// Hands over what was added.
    pub(crate) fn send(&mut self) -> io::Result<()> {
        self.to.write_all(&self.lines)?;
        self.lines.clear();
        if self.at_once {
            self.to.flush()
        } else {
            Ok(())
        }
    }

    /// Hands over everything.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.send()?;
        self.to.flush()
    }
}

/// Formats into bytes.
struct Ascii<'a>(&'a mut Vec<u8>);

impl fmt::Write for Ascii<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
