//! Columns of a row group, one after the other.
//!
//! The crate's writers take values and levels. Levels tell what is absent and where lists start
//! (Dremel; "Nested Encoding" of the format's documentation).

use std::io::Write;

use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedRowGroupWriter;

use super::texts::{Id, Lent, NONE};

/// Values that are handed over at once: bounds what they take beside the rows.
const SLICE_ROWS: usize = 8192;

/// Writes the columns of a row group in the order of the schema.
pub(super) struct Columns<'a, 'f, W: Write + Send> {
    group: &'a mut SerializedRowGroupWriter<'f, W>,
    texts: &'a Lent,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    bytes: Vec<ByteArray>,
}

/// What a row has in a list: `None` if it has no list.
pub(super) type List<'a, T> = Option<&'a [T]>;

fn other_type() -> ParquetError {
    ParquetError::General("a column has another type than its values".to_owned())
}

macro_rules! of_numbers {
    ($name:ident, $value:ty, $writer:ident) => {
        /// A column of numbers. It is `required` or else may be absent.
        pub(super) fn $name<R>(
            &mut self,
            rows: &[R],
            required: bool,
            value: impl Fn(&R) -> Option<$value>,
        ) -> Result<()> {
            let Some(mut column) = self.group.next_column()? else {
                return Err(other_type());
            };
            let ColumnWriter::$writer(writer) = column.untyped() else {
                return Err(other_type());
            };
            let mut values = Vec::with_capacity(SLICE_ROWS);
            for rows in rows.chunks(SLICE_ROWS) {
                values.clear();
                self.definitions.clear();
                for row in rows {
                    let value = value(row);
                    self.definitions.push(i16::from(value.is_some()));
                    values.extend(value);
                }
                let levels = (!required).then_some(&self.definitions[..]);
                writer.write_batch(&values, levels, None)?;
            }
            column.close()
        }
    };
}

impl<'a, 'f, W: Write + Send> Columns<'a, 'f, W> {
    pub(super) fn new(group: &'a mut SerializedRowGroupWriter<'f, W>, texts: &'a Lent) -> Self {
        Self {
            group,
            texts,
            definitions: Vec::new(),
            repetitions: Vec::new(),
            bytes: Vec::new(),
        }
    }

    of_numbers!(int64, i64, Int64ColumnWriter);
    of_numbers!(int32, i32, Int32ColumnWriter);
    of_numbers!(boolean, bool, BoolColumnWriter);

    /// A column of texts.
    pub(super) fn text<R>(
        &mut self,
        rows: &[R],
        required: bool,
        value: impl Fn(&R) -> Id,
    ) -> Result<()> {
        let Some(mut column) = self.group.next_column()? else {
            return Err(other_type());
        };
        let ColumnWriter::ByteArrayColumnWriter(writer) = column.untyped() else {
            return Err(other_type());
        };
        for rows in rows.chunks(SLICE_ROWS) {
            self.bytes.clear();
            self.definitions.clear();
            for row in rows {
                let id = value(row);
                let is_there = required || id != NONE;
                self.definitions.push(i16::from(is_there));
                if is_there {
                    self.bytes.push(self.texts.share(id).into());
                }
            }
            let levels = (!required).then_some(&self.definitions[..]);
            writer.write_batch(&self.bytes, levels, None)?;
        }
        column.close()
    }

    /// A list of texts. Absent ones count one level more.
    pub(super) fn texts<R, T>(
        &mut self,
        rows: &[R],
        required: bool,
        list: impl for<'r> Fn(&'r R) -> List<'r, T>,
        value: impl Fn(&T) -> Id,
    ) -> Result<()> {
        let Some(mut column) = self.group.next_column()? else {
            return Err(other_type());
        };
        let ColumnWriter::ByteArrayColumnWriter(writer) = column.untyped() else {
            return Err(other_type());
        };
        for rows in rows.chunks(SLICE_ROWS) {
            self.bytes.clear();
            self.definitions.clear();
            self.repetitions.clear();
            for row in rows {
                let list = list(row);
                levels(
                    &mut self.definitions,
                    &mut self.repetitions,
                    required,
                    &list,
                );
                let values = list.unwrap_or_default().iter();
                let texts = &self.texts;
                self.bytes
                    .extend(values.map(|item| ByteArray::from(texts.share(value(item)))));
            }
            let (definitions, repetitions) = (&self.definitions[..], &self.repetitions[..]);
            writer.write_batch(&self.bytes, Some(definitions), Some(repetitions))?;
        }
        column.close()
    }

    /// A list of numbers.
    pub(super) fn numbers<R, T>(
        &mut self,
        rows: &[R],
        required: bool,
        list: impl for<'r> Fn(&'r R) -> List<'r, T>,
        value: impl Fn(&T) -> i32,
    ) -> Result<()> {
        let Some(mut column) = self.group.next_column()? else {
            return Err(other_type());
        };
        let ColumnWriter::Int32ColumnWriter(writer) = column.untyped() else {
            return Err(other_type());
        };
        let mut numbers = Vec::with_capacity(SLICE_ROWS);
        for rows in rows.chunks(SLICE_ROWS) {
            numbers.clear();
            self.definitions.clear();
            self.repetitions.clear();
            for row in rows {
                let list = list(row);
                levels(
                    &mut self.definitions,
                    &mut self.repetitions,
                    required,
                    &list,
                );
                numbers.extend(list.unwrap_or_default().iter().map(&value));
            }
            let (definitions, repetitions) = (&self.definitions[..], &self.repetitions[..]);
            writer.write_batch(&numbers, Some(definitions), Some(repetitions))?;
        }
        column.close()
    }
}

/// The levels of a row's list.
fn levels<T>(
    definitions: &mut Vec<i16>,
    repetitions: &mut Vec<i16>,
    required: bool,
    list: &List<'_, T>,
) {
    let empty = i16::from(!required);
    match list {
        None | Some([]) => {
            definitions.push(if list.is_none() { 0 } else { empty });
            repetitions.push(0);
        }
        Some(items) => {
            definitions.extend(items.iter().map(|_| empty + 1));
            repetitions.push(0);
            repetitions.extend(items.iter().skip(1).map(|_| 1));
        }
    }
}
