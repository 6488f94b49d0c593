//! Merges files in order: what the thread of a merge does.
//!
//! Rows are read in slices and written in row groups, so that memory does not grow with the files.
//! Columns are copied as they are, with the levels of their lists; only those that order the rows are
//! looked at, and of `names` those that are rolled up.

use std::cmp::Ordering;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Atomic};

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::properties::WriterPropertiesPtr;
use ::parquet::file::writer::SerializedFileWriter;
use dnsflow_archive::columns::{COUNT, FIRST, LAST, NAMES_KEY_COLUMNS, TTL};
use dnsflow_archive::{GROUP_ROWS, Table};

use super::input::Input;
use super::leaf::Leaf;

/// Merges files of a table, each of them in order, into `out`. Ends with an error once `stop` is set.
pub(super) fn merge(
    table: Table,
    from: &[PathBuf],
    out: File,
    compress: bool,
    stop: &AtomicBool,
) -> Result<File> {
    let mut out = Output::new(table, out, table.properties(compress)?)?;
    let mut inputs = Vec::with_capacity(from.len());
    for path in from {
        let input = Input::open(path, &out.schema)?;
        inputs.extend(input);
    }
    while let Some((first, length)) = next_run(table, &inputs) {
        if stop.load(Atomic::Relaxed) {
            return Err(ParquetError::General("the merge was stopped".to_owned()));
        }
        let Some(input) = inputs.get_mut(first) else {
            break;
        };
        match table {
            Table::Responses => out.copy(input.rows(), length)?,
            Table::Names => out.roll_up(input.rows())?,
        }
        if !input.skip(length)? {
            inputs.swap_remove(first);
        }
    }
    out.finish()
}

/// Which input has the next row, and how many of its rows come before those of all others.
fn next_run(table: Table, inputs: &[Input]) -> Option<(usize, usize)> {
    let mut smallest: Option<usize> = None;
    let mut second: Option<usize> = None;
    for at in 0..inputs.len() {
        let order = |one: usize, other: Option<usize>| match other {
            Some(other) => compare(table, inputs, one, other),
            None => Ordering::Less,
        };
        if order(at, smallest) == Ordering::Less {
            second = smallest.replace(at);
        } else if order(at, second) == Ordering::Less {
            second = Some(at);
        }
    }
    let first = smallest?;
    if table == Table::Names {
        return Some((first, 1));
    }
    let until = second.and_then(|second| inputs.get(second)?.first_number());
    let length = inputs.get(first).map_or(1, |input| input.rows_until(until));
    Some((first, length.max(1)))
}

/// The order of the next rows of two inputs.
fn compare(table: Table, inputs: &[Input], one: usize, other: usize) -> Ordering {
    let (Some(one), Some(other)) = (inputs.get(one), inputs.get(other)) else {
        return Ordering::Equal;
    };
    match table {
        Table::Responses => one.first_number().cmp(&other.first_number()),
        Table::Names => one.key().cmp(&other.key()),
    }
}

/// The file that is written.
struct Output {
    schema: ::parquet::schema::types::TypePtr,
    file: SerializedFileWriter<File>,
    /// Rows of the row group that is filled.
    leaves: Vec<Leaf>,
    rows: usize,
}

impl Output {
    fn new(table: Table, out: File, properties: WriterPropertiesPtr) -> Result<Self> {
        let schema = table.schema()?;
        let file = SerializedFileWriter::new(out, Arc::clone(&schema), properties)?;
        let columns = file.schema_descr().columns().iter();
        let leaves = columns.map(|column| Leaf::new(column)).collect();
        Ok(Self {
            schema,
            file,
            leaves,
            rows: 0,
        })
    }

    /// Copies the next rows of an input.
    fn copy(&mut self, input: &mut [Leaf], mut length: usize) -> Result<()> {
        while length > 0 {
            let fits = length.min(GROUP_ROWS - self.rows);
            for (leaf, input) in self.leaves.iter_mut().zip(&mut *input) {
                leaf.take_from(input, fits)?;
            }
            self.rows += fits;
            length -= fits;
            if self.rows == GROUP_ROWS {
                self.end_group()?;
            }
        }
        Ok(())
    }

    /// Copies the next row of an input, or adds it to the last one if their keys are the same.
    fn roll_up(&mut self, input: &mut [Leaf]) -> Result<()> {
        let keys = self.leaves.iter().zip(&*input).take(NAMES_KEY_COLUMNS);
        let is_same = self.rows > 0
            && keys
                .map(|(leaf, input)| (leaf.last_text(), input.next_text()))
                .all(|(last, next)| last == next);
        if !is_same {
            return self.copy(input, 1);
        }
        for (at, (leaf, input)) in self.leaves.iter_mut().zip(&mut *input).enumerate() {
            match at {
                FIRST => leaf.fold(input, i64::min, i32::min)?,
                LAST => leaf.fold(input, i64::max, i32::max)?,
                COUNT => leaf.fold(input, i64::saturating_add, i32::saturating_add)?,
                TTL => leaf.fold(input, i64::min, unsigned_min)?,
                _ => input.pass(1)?,
            }
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for leaf in &mut self.leaves {
            let Some(mut column) = group.next_column()? else {
                break;
            };
            leaf.write(column.untyped())?;
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<File> {
        self.end_group()?;
        let mut file = self.file.into_inner()?;
        file.flush()?;
        Ok(file)
    }
}

/// The smaller one of two numbers without sign.
fn unsigned_min(one: i32, other: i32) -> i32 {
    one.cast_unsigned().min(other.cast_unsigned()).cast_signed()
}
