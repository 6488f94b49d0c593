//! What happens to flows between input and output: a batch is read, asked about, and written in its
//! order.

use std::io::{self, Write};

use dnsflow_names::{Match, Question};

use crate::answers::{Answers, Named};
use crate::error::NameError;
use crate::flow::{Flow, Side};
use crate::format::cut::{Cut, cut};
use crate::format::detect::detect;
use crate::format::preset::{FieldMap, Preset};
use crate::format::{Format, Reading};
use crate::insert::{Inserter, Name};
use crate::labels::Labels;
use crate::source::Source;
use crate::time::Clock;

/// Lines that are looked at to find out the format.
const LINES: usize = 1000;

/// What the records are.
#[derive(Clone, Debug)]
pub enum Records {
    /// To be told by the first of them.
    Auto,
    /// Of this format.
    Preset(Preset),
    /// With these fields.
    Map(FieldMap),
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flow records.
    pub flows: u64,
    /// Those named by what the client itself was told, by what it had been told before, and by what
    /// others were told.
    pub client: u64,
    /// See [`client`](Self::client).
    pub expired: u64,
    /// See [`client`](Self::client).
    pub others: u64,
    /// Those that got no name.
    pub unnamed: u64,
    /// Rows without two addresses and a time.
    pub incomplete: u64,
    /// Lines that could not be understood, and passed unchanged.
    pub unchanged: u64,
}

/// Names flows.
pub struct Namer {
    source: Box<dyn Source>,
    labels: Labels,
    clock: Clock,
    /// Other names that are written with each flow.
    candidates: usize,
    format: Option<Format>,
    /// Whether the bytes to come continue a record that was too long.
    in_long: bool,
    /// Bytes at the start of the input, and lines, whose format nothing tells.
    looked: (usize, usize),
    counts: Counts,
    pieces: Vec<Piece>,
    flows: Batch,
    out: Vec<u8>,
}

/// A record of a batch.
struct Piece {
    bytes: usize,
    reading: Reading,
}

/// The flows of a batch, and what was asked about them.
#[derive(Default)]
struct Batch {
    flows: Vec<Flow>,
    /// For each flow the number of its question about the other side, if there was one.
    second: Vec<Option<usize>>,
    questions: Vec<Question>,
    likely: Answers,
    other: Answers,
}

impl Namer {
    /// Names records by `source`, and writes `candidates` other names besides.
    #[must_use]
    pub fn new(
        records: &Records,
        source: Box<dyn Source>,
        labels: Labels,
        candidates: usize,
        clock: Clock,
    ) -> Self {
        Self {
            source,
            format: match records {
                Records::Auto => None,
                Records::Preset(preset) => Some(preset.format(&labels, clock.clone())),
                Records::Map(map) => Some(map.format(&labels, clock.clone())),
            },
            labels,
            clock,
            candidates,
            in_long: false,
            looked: (0, 0),
            counts: Counts::default(),
            pieces: Vec::new(),
            flows: Batch::default(),
            out: Vec::new(),
        }
    }

    /// Says whether all could be read that might have had names.
    ///
    /// # Errors
    ///
    /// What could not.
    pub fn finish(&mut self) -> Result<(), NameError> {
        self.source.finish().map_err(NameError::Source)
    }

    /// Look-ups that the source has seen and no longer knows.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.source.forgotten()
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The format, once it is known.
    #[must_use]
    pub fn format(&self) -> Option<&'static str> {
        self.format.as_ref().map(|format| format.name)
    }

    /// Notes that another file begins.
    pub fn begin(&mut self) {
        self.in_long = false;
        self.looked = (0, 0);
        if let Some(format) = &mut self.format {
            format.begin();
        }
    }

    /// Names the whole records in `bytes`, writes them to `output`, and returns how many bytes that
    /// were. The others are to be given again, with more behind them. `is_end` says that there is
    /// no more, and `is_full` that no more will be given: a record that doesn't end in it is passed
    /// through.
    ///
    /// # Errors
    ///
    /// If the format is not clear, or `output` can't be written. If there are no names, records are
    /// written without them first.
    pub fn name(
        &mut self,
        bytes: &[u8],
        is_end: bool,
        is_full: bool,
        output: &mut dyn Write,
    ) -> Result<usize, NameError> {
        if self.format.is_none() && !self.detect(bytes, is_end)? {
            if is_full {
                return Err(NameError::Unclear);
            }
            return Ok(0);
        }
        let Some(format) = &mut self.format else {
            // There is nothing but white space.
            output.write_all(bytes).map_err(NameError::Output)?;
            return Ok(bytes.len());
        };
        self.pieces.clear();
        self.flows.clear();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let (length, reading) = if self.in_long {
                let end = memchr::memchr(b'\n', rest);
                self.in_long = end.is_none();
                (end.map_or(rest.len(), |at| at + 1), Reading::Comment)
            } else {
                match cut(rest, format.is_pretty, is_end) {
                    Cut::Record(length) => {
                        let record = rest.get(..length).unwrap_or_default();
                        (length, format.read(record))
                    }
                    Cut::Part if at == 0 && is_full => {
                        // The first line of an object, or a part of a line.
                        let line = memchr::memchr(b'\n', rest);
                        self.in_long = line.is_none();
                        (line.map_or(rest.len(), |at| at + 1), Reading::Unknown)
                    }
                    Cut::Part => break,
                }
            };
            if let Reading::Flow(flow, _) = reading {
                self.flows.flows.push(flow);
            }
            self.pieces.push(Piece {
                bytes: length,
                reading,
            });
            at += length;
        }
        let asked = self.flows.ask(&mut *self.source, self.candidates + 1);
        if asked.is_err() {
            self.flows.forget();
        }
        self.write(bytes, output)?;
        if let Err(error) = asked {
            let rest = bytes.get(at..).unwrap_or_default();
            output.write_all(rest).map_err(NameError::Output)?;
            return Err(NameError::Source(error));
        }
        Ok(at)
    }

    /// Finds out the format, and returns whether it is known.
    fn detect(&mut self, bytes: &[u8], is_end: bool) -> Result<bool, NameError> {
        let (at, lines) = &mut self.looked;
        while let Some(rest) = bytes.get(*at..).filter(|rest| !rest.is_empty()) {
            let Cut::Record(length) = cut(rest, false, is_end) else {
                break;
            };
            let line = rest.get(..length).unwrap_or_default();
            self.format = detect(line, &self.labels, &self.clock);
            if self.format.is_some() {
                return Ok(true);
            }
            *at += length;
            *lines += 1;
            if *lines >= LINES {
                return Err(NameError::Unclear);
            }
        }
        if is_end && !bytes.trim_ascii().is_empty() {
            return Err(NameError::Unclear);
        }
        Ok(is_end)
    }

    /// Writes the batch.
    fn write(&mut self, bytes: &[u8], output: &mut dyn Write) -> Result<(), NameError> {
        let Some(format) = &self.format else {
            return Ok(());
        };
        let inserter = Inserter::new(&self.labels, format, self.candidates > 0);
        let (out, counts) = (&mut self.out, &mut self.counts);
        out.clear();
        let (mut rest, mut flow) = (bytes, 0);
        for piece in &self.pieces {
            let (record, behind) = rest.split_at_checked(piece.bytes).unwrap_or((rest, &[]));
            rest = behind;
            match piece.reading {
                Reading::Flow(_, edit) => {
                    let name = self.flows.name(flow);
                    flow += 1;
                    counts.note(name);
                    inserter.record(out, record, edit, name);
                }
                Reading::Row(edit) => {
                    counts.incomplete += 1;
                    inserter.record(out, record, edit, None);
                }
                Reading::Heading(edit, heading) => inserter.heading(out, record, edit, heading),
                Reading::Comment => out.extend_from_slice(record),
                Reading::Unknown => {
                    counts.unchanged += 1;
                    out.extend_from_slice(record);
                }
            }
        }
        output.write_all(out).map_err(NameError::Output)?;
        output.flush().map_err(NameError::Output)
    }
}

impl Batch {
    fn clear(&mut self) {
        self.flows.clear();
        self.forget();
    }

    /// Forgets what was answered.
    fn forget(&mut self) {
        self.second.clear();
        self.likely.clear();
        self.other.clear();
    }

    /// Asks about the side of each flow that is more likely the server, and about the other one
    /// where that could be a better answer: only what the client itself was told is as good as it
    /// gets.
    fn ask(&mut self, source: &mut dyn Source, most: usize) -> Result<(), crate::SourceError> {
        let likely = self.flows.iter().map(|flow| flow.question(flow.server()));
        self.questions.clear();
        self.questions.extend(likely);
        source.ask(&self.questions, most, &mut self.likely)?;
        self.questions.clear();
        for (number, flow) in self.flows.iter().enumerate() {
            let is_best = self.matched(number) == Match::Client;
            let second = (!is_best).then_some(self.questions.len());
            self.second.push(second);
            if second.is_some() {
                self.questions.push(flow.question(flow.server().other()));
            }
        }
        source.ask(&self.questions, most, &mut self.other)
    }

    fn matched(&self, number: usize) -> Match {
        self.likely
            .get(number)
            .map_or(Match::None, |named| named.matched)
    }

    /// The name of a flow by its number, and the side that it belongs to.
    fn name(&self, number: usize) -> Name<'_> {
        let server = self.flows.get(number)?.server();
        let second = self.second.get(number).copied().flatten();
        let second = second.and_then(|second| self.other.get(second));
        let first = self.likely.get(number);
        match (first, second) {
            (Some(first), Some(second)) if second.matched < first.matched => {
                Some((server.other(), second))
            }
            (Some(first), _) => Some((server, first)),
            (None, Some(second)) => Some((server.other(), second)),
            (None, None) => None,
        }
    }
}

impl Counts {
    fn note(&mut self, name: Option<(Side, Named<'_>)>) {
        self.flows += 1;
        let count = match name.map(|(_, named)| named.matched) {
            Some(Match::Client) => &mut self.client,
            Some(Match::ClientExpired) => &mut self.expired,
            Some(Match::Others) => &mut self.others,
            Some(Match::None) | None => &mut self.unnamed,
        };
        *count += 1;
    }
}

/// Names all records of a reader, which has them in memory.
///
/// # Errors
///
/// Those of [`Namer::name`].
pub fn name_all(namer: &mut Namer, bytes: &[u8], output: &mut dyn Write) -> Result<(), NameError> {
    let used = namer.name(bytes, true, true, output)?;
    match bytes.get(used..) {
        None | Some([]) => Ok(()),
        Some(_) => Err(NameError::Output(io::ErrorKind::InvalidData.into())),
    }
}
