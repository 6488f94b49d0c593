//! Writes records out again, with what is added to them.
//!
//! The bytes of a record are copied around what is put in, and never changed. A name comes from
//! whoever answers DNS: whatever it holds is escaped as the format demands, so that it can't end a
//! line, a field or a string.

use std::io::Write as _;

use serde::Serialize;

use crate::answers::Named;
use crate::flow::Side;
use crate::format::table::{Dialect, Table};
use crate::format::{Domain, Edit, Format, Heading};
use crate::labels::Labels;

/// The name of a flow, or that it has none.
pub(crate) type Name<'a> = Option<(Side, Named<'a>)>;

/// Writes what is added to the records of one format.
pub(crate) struct Inserter<'f> {
    labels: &'f Labels,
    table: Option<&'f Table>,
    /// Whether other candidates are written.
    has_others: bool,
}

impl<'f> Inserter<'f> {
    pub(crate) fn new(labels: &'f Labels, format: &'f Format, has_others: bool) -> Self {
        Self {
            labels,
            table: format.table.as_ref(),
            has_others,
        }
    }

    /// Writes a record with the name of its flow.
    pub(crate) fn record(&self, out: &mut Vec<u8>, record: &[u8], edit: Edit, name: Name<'_>) {
        match edit {
            Edit::Columns { at } => {
                let (before, after) = halves(record, at);
                out.extend_from_slice(before);
                if let Some(table) = self.table {
                    Row { out, table }.columns(name, self.has_others);
                }
                out.extend_from_slice(after);
            }
            Edit::Members {
                at,
                is_pretty,
                domains,
            } => match name {
                None => out.extend_from_slice(record),
                Some((side, named)) => match domains {
                    None => {
                        let (before, after) = halves(record, at);
                        out.extend_from_slice(before);
                        self.members(out, is_pretty, side, &named);
                        out.extend_from_slice(after);
                    }
                    Some(domains) => self.event(out, record, at, domains, side, &named),
                },
            },
        }
    }

    /// Writes a heading with the added columns.
    pub(crate) fn heading(&self, out: &mut Vec<u8>, line: &[u8], edit: Edit, heading: Heading) {
        let (Edit::Columns { at }, Some(table)) = (edit, self.table) else {
            out.extend_from_slice(line);
            return;
        };
        let labels = self.labels;
        let columns = [
            (labels.name.as_str(), "string"),
            (&labels.matched, "string"),
            (&labels.confidence, "double"),
            (&labels.of, "string"),
            (&labels.names, "vector[string]"),
        ];
        let (before, after) = halves(line, at);
        out.extend_from_slice(before);
        for (name, kind) in columns.into_iter().take(self.columns()) {
            out.push(table.divider());
            let word = match heading {
                Heading::Names => name,
                Heading::Types => kind,
            };
            out.extend_from_slice(word.as_bytes());
        }
        out.extend_from_slice(after);
    }

    fn columns(&self) -> usize {
        if self.has_others { 5 } else { 4 }
    }

    fn members(&self, out: &mut Vec<u8>, is_pretty: bool, side: Side, named: &Named<'_>) {
        let labels = self.labels;
        let list = Members {
            out,
            is_pretty,
            is_first: false,
        };
        let words = [
            labels.name.as_str(),
            &labels.matched,
            &labels.confidence,
            &labels.of,
            &labels.names,
        ];
        list.add_all(words, side, named, self.has_others);
    }

    /// Writes an event of the Elastic Common Schema: the name as the domain of its side, and an
    /// object with all that is known.
    fn event(
        &self,
        out: &mut Vec<u8>,
        record: &[u8],
        at: usize,
        domains: [Domain; 2],
        side: Side,
        named: &Named<'_>,
    ) {
        let (before, after) = halves(record, at);
        let [source, destination] = domains;
        let domain = match side {
            Side::Source => source,
            Side::Destination => destination,
        };
        let add = |out: &mut Vec<u8>, name: &str| {
            let mut list = Members {
                out,
                is_pretty: false,
                is_first: false,
            };
            list.add(name, named.name());
        };
        match domain {
            Domain::Within(place) => {
                let (outer, rest) = halves(before, place);
                out.extend_from_slice(outer);
                add(out, "domain");
                out.extend_from_slice(rest);
            }
            Domain::Dotted => {
                out.extend_from_slice(before);
                let name = match side {
                    Side::Source => "source.domain",
                    Side::Destination => "destination.domain",
                };
                add(out, name);
            }
            Domain::Present => out.extend_from_slice(before),
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(self.labels.object.as_bytes());
        out.extend_from_slice(b"\":{");
        let list = Members {
            out,
            is_pretty: false,
            is_first: true,
        };
        let words = ["name", "matched", "confidence", "of", "names"];
        list.add_all(words, side, named, self.has_others);
        out.push(b'}');
        out.extend_from_slice(after);
    }
}

/// A record before and behind a place in it.
fn halves(record: &[u8], at: usize) -> (&[u8], &[u8]) {
    record.split_at_checked(at).unwrap_or((record, &[]))
}

/// A confidence with the digits that mean something.
fn rounded(confidence: f32) -> f32 {
    (confidence * 1000.0).round() / 1000.0
}

/// Members behind those that an object has.
struct Members<'o> {
    out: &'o mut Vec<u8>,
    /// Whether each has a line of its own, as nfdump writes them.
    is_pretty: bool,
    /// Whether the object has none yet.
    is_first: bool,
}

impl Members<'_> {
    /// Adds all that is told of a flow, under these names.
    fn add_all(mut self, words: [&str; 5], side: Side, named: &Named<'_>, has_others: bool) {
        let [name, matched, confidence, of, names] = words;
        self.add(name, named.name());
        self.add(matched, named.word());
        self.add(confidence, &rounded(named.confidence()));
        self.add(of, side.word());
        if has_others {
            self.add(names, &Others(named));
        }
    }

    /// Adds a member, of a name that needs no escapes.
    fn add(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        if self.is_pretty {
            self.out.extend_from_slice(b"\n\t");
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        let colon: &[u8] = if self.is_pretty { b"\" : " } else { b"\":" };
        self.out.extend_from_slice(colon);
        // Neither a vector nor these types can fail.
        let _ = serde_json::to_writer(&mut *self.out, value);
    }
}

/// The other candidates, each with its weight.
struct Others<'n, 'a>(&'n Named<'a>);

impl Serialize for Others<'_, '_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Other<'a> {
            name: &'a str,
            confidence: f32,
        }
        let others = self.0.others();
        serializer.collect_seq(others.map(|(name, confidence)| Other {
            name,
            confidence: rounded(confidence),
        }))
    }
}

/// Columns behind those that a row has.
struct Row<'o> {
    out: &'o mut Vec<u8>,
    table: &'o Table,
}

impl Row<'_> {
    fn columns(&mut self, name: Name<'_>, has_others: bool) {
        let Some((side, named)) = name else {
            for _ in 0..if has_others { 5 } else { 4 } {
                self.out.push(self.table.divider());
                self.out.extend_from_slice(&self.table.absent);
            }
            return;
        };
        self.out.push(self.table.divider());
        self.text(named.name(), &[]);
        self.out.push(self.table.divider());
        self.out.extend_from_slice(named.word().as_bytes());
        self.out.push(self.table.divider());
        // A vector takes everything.
        let _ = write!(self.out, "{}", rounded(named.confidence()));
        self.out.push(self.table.divider());
        self.out.extend_from_slice(side.word().as_bytes());
        if has_others {
            self.out.push(self.table.divider());
            self.others(&named);
        }
    }

    fn others(&mut self, named: &Named<'_>) {
        let divider = match self.table.dialect {
            Dialect::Zeek => self.table.list_divider,
            Dialect::Csv => b' ',
            Dialect::Plain => b',',
        };
        let mut others = named.others().peekable();
        if others.peek().is_none() {
            self.out.extend_from_slice(&self.table.absent);
        }
        for (number, (name, _)) in others.enumerate() {
            if number > 0 {
                self.out.push(divider);
            }
            self.text(name, &[divider]);
        }
    }

    /// Writes a name, in which `besides` is escaped as well.
    fn text(&mut self, name: &str, besides: &[u8]) {
        let (dialect, divider) = (self.table.dialect, self.table.divider());
        // Alone they would be no value; at the start of a field they make spreadsheets calculate.
        let is_special = match dialect {
            Dialect::Zeek | Dialect::Plain => {
                name.as_bytes() == self.table.absent || name.starts_with('(')
            }
            Dialect::Csv => name.starts_with(['=', '+', '-', '@']),
        };
        for (at, byte) in name.bytes().enumerate() {
            let is_plain = byte.is_ascii_graphic() || (byte == b' ' && dialect == Dialect::Csv);
            let is_escaped = !is_plain
                || byte == divider
                || byte == b'"' && dialect == Dialect::Csv
                || byte == b'\\' && dialect == Dialect::Zeek
                || besides.contains(&byte)
                || at == 0 && is_special;
            // A vector takes everything.
            let _ = match (is_escaped, dialect) {
                (false, _) => {
                    self.out.push(byte);
                    Ok(())
                }
                (true, Dialect::Zeek) => write!(self.out, "\\x{byte:02x}"),
                (true, _) => write!(self.out, "\\{byte:03}"),
            };
        }
    }
}
