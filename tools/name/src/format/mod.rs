//! Formats of flow records: what a record says, and where names can be put into it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`preset`] | the formats that have a name, and which of their fields are what |
//! | `json` | records that are objects of JSON |
//! | `table` | records that are rows with columns |
//! | `cut` | from bytes to records |
//! | `detect` | which format it is, from the first records |
//!
//! A record is read, and an `Edit` says where something can be put into its bytes. Nothing here
//! writes.

pub(crate) mod cut;
pub(crate) mod detect;
pub(crate) mod json;
pub mod preset;
pub(crate) mod table;

use crate::flow::Flow;
use crate::time::Clock;
use json::Members;
use table::Table;

/// A format, with what it has learned of the columns.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    /// As the user knows it.
    pub(crate) name: &'static str,
    members: Option<Members>,
    pub(crate) table: Option<Table>,
    /// Whether an object may be printed over several lines.
    pub(crate) is_pretty: bool,
    /// Whether names become `source.domain` and `destination.domain`, as in the Elastic Common
    /// Schema.
    pub(crate) has_domains: bool,
    clock: Clock,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A flow, and where its name can be put.
    Flow(Flow, Edit),
    /// A row without a flow, which gets the columns that the others have.
    Row(Edit),
    /// A line that names columns, or their types, and to which columns are added.
    Heading(Edit, Heading),
    /// A line that is not meant to be a flow.
    Comment,
    /// Anything else.
    Unknown,
}

/// What is added to a heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heading {
    /// The names of columns.
    Names,
    /// The types of columns, in logs of Zeek.
    Types,
}

/// Where in a record names can be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Behind the last member of an object.
    Members {
        /// Bytes of the record before.
        at: usize,
        /// Whether each member has a line of its own.
        is_pretty: bool,
        /// Where the domains of source and destination go, if the format has them.
        domains: Option<[Domain; 2]>,
    },
    /// Behind the last column.
    Columns {
        /// Bytes of the record before.
        at: usize,
    },
}

/// Where a domain goes in an event of the Elastic Common Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// Nowhere: there is one.
    Present,
    /// Behind the last member of the record, with a dot in its name.
    Dotted,
    /// Behind the last member of the endpoint's object, so many bytes from the start of the record.
    Within(usize),
}

impl Format {
    /// Reads a record: a line with its end, or an object that is printed over several.
    pub(crate) fn read(&mut self, record: &[u8]) -> Reading {
        if let Some(members) = &self.members
            && record.trim_ascii_start().first() == Some(&b'{')
        {
            let object = if self.is_pretty {
                object(record)
            } else {
                record
            };
            return members.read(object, &self.clock, self.has_domains);
        }
        if let Some(table) = &mut self.table {
            return table.read(record, &self.clock);
        }
        // What holds objects together is no record.
        match record.trim_ascii() {
            b"" | b"[" | b"]" | b"," => Reading::Comment,
            _ => Reading::Unknown,
        }
    }

    /// Notes that another file begins, which may have other columns.
    pub(crate) fn begin(&mut self) {
        if let Some(table) = &mut self.table {
            table.begin();
        }
    }
}

/// An element of a list without what follows it.
fn object(record: &[u8]) -> &[u8] {
    let mut object = record.trim_ascii_end();
    while let [before @ .., b',' | b']'] = object {
        object = before.trim_ascii_end();
    }
    object
}
