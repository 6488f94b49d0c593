//! One run of the reader: what happens to each datagram.

use std::io::{self, Write};
use std::time::Duration;

use dnsflow_wire::datagram::{Datagram, DecodeError};
use dnsflow_wire::{v4, v5};

use crate::Options;
use crate::decrypt::Decrypt;
use crate::output::{Format, Output};
use crate::summary;
use dnsflow_records::Context;
use dnsflow_records::frame::{FrameReject, Payload};
use dnsflow_records::sequence::Arrival;
use dnsflow_records::source::{Sources, Stream, Told};
use dnsflow_records::timestamp::Timestamp;

/// Bad datagrams that are described; the others are only counted.
const COMPLAINTS_SHOWN: u64 = 10;

/// Prints datagrams, and keeps account of their sources.
pub(crate) struct Session<'o> {
    output: Output<'o>,
    /// Where bad datagrams are described.
    errors: Box<dyn Write + 'o>,
    format: Format,
    records: bool,
    stats: bool,
    header: bool,
    left: Option<u64>,
    sources: Sources,
    complaints: u64,
    decrypt: Option<Decrypt>,
}

impl<'o> Session<'o> {
    /// Prints to standard output and standard error.
    pub(crate) fn new(options: &Options, live: bool) -> Self {
        let output = Output::new(format(options), live);
        Self::to(options, output, io::stderr())
    }

    /// Prints to `output` and `errors`.
    pub(crate) fn to(options: &Options, output: Output<'o>, errors: impl Write + 'o) -> Self {
        let records = !options.stats && !options.summary;
        Self {
            output,
            errors: Box::new(errors),
            format: format(options),
            records,
            stats: !options.summary && !options.ecs,
            header: records && !options.no_header,
            left: options.count,
            sources: Sources::default(),
            complaints: 0,
            decrypt: None,
        }
    }

    /// Has addresses printed in place of their pseudonyms.
    pub(crate) fn decrypting(self, decrypt: Option<Decrypt>) -> Self {
        Self { decrypt, ..self }
    }

    /// Prints the line that names the fields.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        if self.header {
            self.output.header()?;
        }
        self.output.send()
    }

    /// Whether as many datagrams came as were asked for.
    pub(crate) fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    /// Prints a datagram and counts it.
    pub(crate) fn datagram(&mut self, time: Duration, payload: &Payload<'_>) -> io::Result<()> {
        self.left = self.left.map(|left| left.saturating_sub(1));
        let parsed = Datagram::parse(payload.bytes);
        let address = payload.source;
        let stream = match &parsed {
            Ok(datagram) => Stream::of(address, datagram),
            Err(_) => Stream {
                address,
                core: None,
            },
        };
        let result = match parsed {
            Err(error) => Err(error),
            Ok(datagram) => {
                let context = Context {
                    time,
                    source: payload.source,
                    sequence: datagram.sequence(),
                    name: None,
                };
                match datagram {
                    Datagram::V4(datagram) => self.sets_and_stats(context, stream, &datagram)?,
                    Datagram::V5(datagram) => self.records_and_stats(context, stream, &datagram)?,
                }
            }
        };
        if result.is_err() || payload.missing != 0 {
            if let Some(source) = self.sources.account(stream, time) {
                source.bad_datagrams += 1;
            }
            self.complain(
                time,
                &Bad {
                    payload,
                    error: result.err(),
                },
            );
        }
        self.output.send()
    }

    /// Counts a frame without a datagram.
    pub(crate) fn bad_frame(&mut self, time: Duration, reject: FrameReject) {
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.complain(time, &reject);
    }

    /// Prints the summary, and what else there is to say at the end.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let (complaints, untracked) = (self.complaints, self.sources.untracked);
        if complaints > COMPLAINTS_SHOWN {
            self.tell(format_args!(
                "{complaints} bad datagrams, of which {COMPLAINTS_SHOWN} are described above"
            ));
        }
        if untracked > 0 {
            self.tell(format_args!(
                "{untracked} datagrams of sources too many for the summary"
            ));
        }
        summary::write(
            &self.sources,
            self.format,
            self.records || self.stats,
            &mut self.output,
        )?;
        self.output.finish()
    }

    /// Versions 0 to 4. The outer error is standard output's, the inner one the datagram's.
    fn sets_and_stats(
        &mut self,
        context: Context<'_>,
        stream: Stream,
        datagram: &v4::Datagram<'_>,
    ) -> io::Result<Result<(), DecodeError>> {
        let mut source = self.sources.account(stream, context.time);
        let mut arrival = Arrival::Newest;
        if let Some(source) = &mut source {
            arrival = source.note_header(&Datagram::V4(*datagram));
        }
        match datagram.content() {
            Err(error) => return Ok(Err(error.into())),
            Ok(v4::Content::Stats(stats)) => {
                if let Some(source) = source {
                    source.note_stats(arrival, stats.into());
                }
                if self.stats {
                    self.output.stats(context, &stats)?;
                }
            }
            Ok(v4::Content::Sets(sets)) => {
                for set in sets {
                    let set = match set {
                        Ok(set) => set,
                        Err(error) => return Ok(Err(error.into())),
                    };
                    if let Some(source) = &mut source {
                        source.records += 1;
                    }
                    if self.records {
                        let decrypt = self.decrypt.as_mut();
                        let set = decrypt.map_or(set, |key| key.set(context.time, &set));
                        self.output.set(context, &set)?;
                    }
                }
            }
        }
        Ok(Ok(()))
    }

    /// Version 5, likewise.
    fn records_and_stats(
        &mut self,
        context: Context<'_>,
        stream: Stream,
        datagram: &v5::Datagram<'_>,
    ) -> io::Result<Result<(), DecodeError>> {
        let mut source = self.sources.account(stream, context.time);
        let mut arrival = Arrival::Newest;
        if let Some(source) = &mut source {
            arrival = source.note_header(&Datagram::V5(*datagram));
        }
        match datagram.content() {
            v5::Content::Stats(counters) => {
                if let Some(error) = counters.clone().find_map(Result::err) {
                    return Ok(Err(error.into()));
                }
                if let Some(source) = source {
                    source.note_stats(arrival, Told::of(datagram, &counters));
                }
                if self.stats {
                    self.output.counters(context, datagram, &counters)?;
                }
            }
            v5::Content::Records(records) => {
                for record in records {
                    let record = match record {
                        Ok(record) => record,
                        Err(error) => return Ok(Err(error.into())),
                    };
                    if let Some(source) = &mut source {
                        source.records += 1;
                    }
                    if self.records {
                        let record = match &mut self.decrypt {
                            None => record,
                            Some(decrypt) => decrypt.record(&record),
                        };
                        self.output.record(context, datagram, &record)?;
                    }
                }
            }
        }
        Ok(Ok(()))
    }

    fn complain(&mut self, time: Duration, why: &dyn std::fmt::Display) {
        self.complaints += 1;
        if self.complaints <= COMPLAINTS_SHOWN {
            self.tell(format_args!("{}: {why}", Timestamp(time)));
        }
    }

    fn tell(&mut self, what: std::fmt::Arguments<'_>) {
        // There is nobody else to tell.
        let _ = writeln!(self.errors, "dnsflow-read: {what}");
    }
}

/// How lines are written.
pub(crate) fn format(options: &Options) -> Format {
    if options.json {
        Format::Json
    } else if options.ecs {
        Format::Ecs
    } else {
        Format::Text {
            fields: options.fields,
        }
    }
}

/// What is wrong with a datagram.
struct Bad<'a> {
    payload: &'a Payload<'a>,
    error: Option<DecodeError>,
}

impl std::fmt::Display for Bad<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bad datagram from {}", self.payload.source)?;
        if let Some(error) = self.error {
            write!(f, ": {error}")?;
        }
        match self.payload.missing {
            0 => Ok(()),
            missing => write!(
                f,
                ": {missing} bytes were not captured (snap length, or a fragment)"
            ),
        }
    }
}
