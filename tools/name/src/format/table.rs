//! Flow records that are rows with columns: logs of Zeek, CSV, and columns with a tab or a space
//! between.
//!
//! Which column is what is told by a header. A row with another number of columns than the header
//! is no row of it, and stays as it is.

use memchr::memchr_iter;

use super::{Edit, Heading, Reading};
use crate::flow::{Fields, Slot};
use crate::time::Clock;

/// Bytes of a header, and columns in it, that are looked at; a longer one is none.
const HEADER_BYTES: usize = 64 * 1024;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A log of Zeek, whose lines with `#` say what the columns are.
    Zeek,
    /// Comma-separated values (RFC 4180), of which a field may be quoted.
    Csv,
    /// Columns that are divided by one byte each, and never quoted.
    Plain,
}

/// A table that is read row by row.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) dialect: Dialect,
    /// Divides columns; `None` if the header tells.
    divider: Option<u8>,
    /// Divides the values of a list in a column, in logs of Zeek.
    pub(crate) list_divider: u8,
    /// Stands for no value.
    pub(crate) absent: Vec<u8>,
    wanted: Vec<(Box<str>, Slot)>,
    /// Columns of rows that come without a header.
    default: Option<&'static str>,
    layout: Option<Layout>,
    header: Vec<u8>,
}

/// Which column is what.
#[derive(Clone, Debug)]
struct Layout {
    columns: usize,
    /// Number of the column, in ascending order, and what it is.
    slots: Vec<(usize, Slot)>,
}

impl Table {
    /// A table of which these columns are wanted.
    pub(crate) fn new<'a>(
        dialect: Dialect,
        divider: Option<u8>,
        wanted: impl IntoIterator<Item = (&'a str, Slot)>,
    ) -> Self {
        let wanted = wanted.into_iter();
        Self {
            dialect,
            divider,
            list_divider: b',',
            absent: match dialect {
                Dialect::Csv => Vec::new(),
                Dialect::Zeek | Dialect::Plain => b"-".to_vec(),
            },
            wanted: wanted.map(|(name, slot)| (name.into(), slot)).collect(),
            default: None,
            layout: None,
            header: Vec::new(),
        }
    }

    /// The same, where rows without a header have these columns.
    pub(crate) fn with_default(mut self, columns: &'static str) -> Self {
        self.default = Some(columns);
        self
    }

    /// Divides columns.
    pub(crate) fn divider(&self) -> u8 {
        self.divider.unwrap_or(b'\t')
    }

    /// Forgets the columns.
    pub(crate) fn begin(&mut self) {
        self.layout = None;
        self.header.clear();
    }

    /// Reads a line.
    pub(crate) fn read(&mut self, line: &[u8], clock: &Clock) -> Reading {
        let content = content(line);
        if content.is_empty() {
            return Reading::Comment;
        }
        if self.dialect == Dialect::Zeek && content.starts_with(b"#") {
            return self.directive(content);
        }
        let edit = Edit::Columns { at: content.len() };
        if self.dialect != Dialect::Zeek {
            if !self.header.is_empty() && content == self.header {
                return Reading::Heading(edit, Heading::Names);
            }
            if self.layout.is_none() && self.learn(content) {
                return Reading::Heading(edit, Heading::Names);
            }
        }
        self.row(content, edit, clock)
    }

    fn row(&mut self, content: &[u8], edit: Edit, clock: &Clock) -> Reading {
        if self.layout.is_none()
            && let Some(columns) = self.default
        {
            let layout = self.layout_of(columns.as_bytes());
            let flow = layout.and_then(|layout| self.fields(content, &layout, clock)?.flow());
            if flow.is_none() {
                return Reading::Unknown;
            }
            self.layout = self.layout_of(columns.as_bytes());
        }
        let fields = self.layout.as_ref();
        let fields = fields.and_then(|layout| self.fields(content, layout, clock));
        match fields.map(|fields| fields.flow()) {
            None => Reading::Unknown,
            Some(None) => Reading::Row(edit),
            Some(Some(flow)) => Reading::Flow(flow, edit),
        }
    }

    /// What the wanted columns hold; none unless there are as many columns as in the header.
    fn fields(&self, content: &[u8], layout: &Layout, clock: &Clock) -> Option<Fields> {
        let mut fields = Fields::default();
        let mut slots = layout.slots.iter().peekable();
        let mut columns = 0;
        let take = |column: &[u8]| {
            while let Some((_, slot)) = slots.next_if(|(at, _)| *at == columns) {
                let text = std::str::from_utf8(column).unwrap_or_default();
                fields.text(*slot, text.trim_ascii(), clock);
            }
            columns += 1;
        };
        self.divide(content, take)?;
        (columns == layout.columns).then_some(fields)
    }

    /// Gives each column to `take`, without the quotes around it; none if a quote is never closed.
    fn divide<'l>(&self, content: &'l [u8], mut take: impl FnMut(&'l [u8])) -> Option<()> {
        let mut start = 0;
        let mut quoted_until = 0;
        for at in memchr_iter(self.divider(), content) {
            if at < quoted_until {
                continue;
            }
            let column = content.get(start..)?;
            if self.dialect == Dialect::Csv
                && column.first() == Some(&b'"')
                && start >= quoted_until
            {
                let end = start + quoted(column)?;
                if at < end {
                    // The next divider behind the quotes ends the column.
                    quoted_until = end;
                    continue;
                }
            }
            take(unquoted(content.get(start..at)?, self.dialect));
            start = at + 1;
        }
        let last = content.get(start..)?;
        if self.dialect == Dialect::Csv && last.first() == Some(&b'"') {
            quoted(last)?;
        }
        take(unquoted(last, self.dialect));
        Some(())
    }

    /// Takes a header, if this is one that names the wanted columns.
    fn learn(&mut self, content: &[u8]) -> bool {
        if self.divider.is_none() {
            let known = [b'\t', b',', b';', b' '];
            self.divider = known.into_iter().find(|divider| content.contains(divider));
            if self.divider.is_none() {
                return false;
            }
            if self.divider != Some(b',') && self.divider != Some(b';') {
                self.dialect = Dialect::Plain;
                self.absent = b"-".to_vec();
            }
        }
        self.layout = self.layout_of(content);
        if self.layout.is_some() {
            self.header = content.to_vec();
        }
        self.layout.is_some()
    }

    fn layout_of(&self, header: &[u8]) -> Option<Layout> {
        if header.len() > HEADER_BYTES {
            return None;
        }
        let mut layout = Layout {
            columns: 0,
            slots: Vec::new(),
        };
        self.divide(header, |column| {
            let is_it = |(name, _): &&(Box<str>, Slot)| name.as_bytes() == column;
            if let Some((_, slot)) = self.wanted.iter().find(is_it) {
                layout.slots.push((layout.columns, *slot));
            }
            layout.columns += 1;
        })?;
        let has = |slot| layout.slots.iter().any(|(_, found)| *found == slot);
        let is_whole = has(Slot::Source)
            && has(Slot::Destination)
            && (has(Slot::Start) || has(Slot::Time))
            && !has(Slot::Named);
        is_whole.then_some(layout)
    }

    /// Reads a line of a log of Zeek that begins with `#`.
    fn directive(&mut self, content: &[u8]) -> Reading {
        let edit = Edit::Columns { at: content.len() };
        if let Some(rest) = content.strip_prefix(b"#separator ") {
            self.begin();
            self.divider = separator(rest);
            return Reading::Comment;
        }
        let divider = self.divider();
        let Some(at) = memchr::memchr(divider, content) else {
            return Reading::Comment;
        };
        let (word, rest) = content.split_at(at);
        let rest = rest.get(1..).unwrap_or_default();
        match word {
            b"#unset_field" => self.absent = rest.to_vec(),
            b"#set_separator" => self.list_divider = rest.first().copied().unwrap_or(b','),
            b"#fields" => {
                self.layout = self.layout_of(rest);
                if self.layout.is_some() {
                    return Reading::Heading(edit, Heading::Names);
                }
            }
            b"#types" if self.layout.is_some() => return Reading::Heading(edit, Heading::Types),
            _ => {}
        }
        Reading::Comment
    }
}

/// A line without its end.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The byte that `#separator` names: itself, or as `\x09`.
fn separator(text: &[u8]) -> Option<u8> {
    match text {
        [byte] => Some(*byte),
        [b'\\', b'x', hex @ ..] => u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok(),
        _ => None,
    }
}

/// Bytes up to the quote that closes the one at the start; two quotes are one within.
fn quoted(column: &[u8]) -> Option<usize> {
    let mut quotes = memchr_iter(b'"', column).skip(1).peekable();
    while let Some(at) = quotes.next() {
        if quotes.next_if(|next| *next == at + 1).is_none() {
            return Some(at + 1);
        }
    }
    None
}

fn unquoted(column: &[u8], dialect: Dialect) -> &[u8] {
    let within = column.strip_prefix(b"\"");
    let within = within.and_then(|column| column.strip_suffix(b"\""));
    match dialect {
        Dialect::Csv => within.unwrap_or(column),
        Dialect::Zeek | Dialect::Plain => column,
    }
}
