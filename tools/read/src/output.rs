//! Standard output: lines of text, or of JSON.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dnsflow_wire::text::{self, Clock, NameText};
use dnsflow_wire::v4::{Set, Stats};
use serde::{Serialize, Serializer};

use crate::timestamp::Timestamp;

/// Bytes that are buffered unless lines are flushed at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Lines on their way to standard output, or to another writer, a datagram at a time.
pub(crate) struct Output<'o> {
    to: Box<dyn Write + 'o>,
    lines: Vec<u8>,
    format: Format,
    /// Whether lines leave at once.
    at_once: bool,
}

/// When a datagram came, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) time: Duration,
    pub(crate) source: SocketAddr,
    pub(crate) sequence: u32,
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
            Format::Text => writeln!(self.lines, "{}", text::HEADER),
            Format::Json => Ok(()),
        }
    }

    /// Adds a record.
    pub(crate) fn record(&mut self, context: Context, set: &Set<'_>) -> io::Result<()> {
        match self.format {
            Format::Text => {
                let sensor = Some(context.source.ip());
                text::write_set(&mut Ascii(&mut self.lines), sensor, context.time, set)
                    .map_err(io::Error::other)
            }
            Format::Json => self.json(&RecordLine {
                head: Head::from(context),
                client: set.client(),
                resolver: set.resolver(),
                names: Each(set.names().map(|name| Shown(NameText(name)))),
                ipv4: Each(set.ipv4()),
                ipv6: Each(set.ipv6()),
            }),
        }
    }

    /// Adds statistics.
    pub(crate) fn stats(&mut self, context: Context, stats: &Stats) -> io::Result<()> {
        let Stats {
            captured,
            received,
            dropped,
            if_dropped,
            sample_rate,
        } = *stats;
        match self.format {
            Format::Text => {
                let (sensor, time) = (context.source.ip(), Clock(context.time));
                write!(
                    self.lines,
                    "STATS|{sensor}|{time}|captured:{captured}|received:{received}|dropped:{dropped}|ifdropped:{if_dropped}|sample_rate:"
                )?;
                if let Some(sample_rate) = sample_rate {
                    write!(self.lines, "{sample_rate}")?;
                }
                writeln!(self.lines)
            }
            Format::Json => self.json(&StatsLine {
                head: Head::from(context),
                stats: StatsObject {
                    captured,
                    received,
                    dropped,
                    ifdropped: if_dropped,
                    sample_rate,
                },
            }),
        }
    }

    /// Adds a line of JSON.
    pub(crate) fn json(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.push(b'\n');
        Ok(())
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

#[derive(Serialize)]
struct Head {
    time: Timestamp,
    sensor: IpAddr,
    port: u16,
    sequence: u32,
}

impl From<Context> for Head {
    fn from(context: Context) -> Self {
        Self {
            time: Timestamp(context.time),
            sensor: context.source.ip(),
            port: context.source.port(),
            sequence: context.sequence,
        }
    }
}

#[derive(Serialize)]
struct RecordLine<N: Serialize, A: Serialize, B: Serialize> {
    #[serde(flatten)]
    head: Head,
    client: IpAddr,
    resolver: Option<IpAddr>,
    names: N,
    ipv4: A,
    ipv6: B,
}

#[derive(Serialize)]
struct StatsLine {
    #[serde(flatten)]
    head: Head,
    stats: StatsObject,
}

#[derive(Serialize)]
struct StatsObject {
    captured: u32,
    received: u32,
    dropped: u32,
    ifdropped: u32,
    sample_rate: Option<u32>,
}

/// An array of what an iterator gives.
struct Each<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// A string of what is displayed.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
