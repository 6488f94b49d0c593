//! Values and levels of one column, of some rows.

use ::parquet::basic::Type;
use ::parquet::column::reader::ColumnReader;
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::schema::types::ColumnDescriptor;

/// Values of one type.
#[derive(Debug)]
enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Text(Vec<ByteArray>),
}

/// A column of some rows, from which rows are taken at the front.
#[derive(Debug)]
pub(super) struct Leaf {
    values: Values,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    most_defined: i16,
    most_repeated: i16,
    /// How many levels and values were taken.
    level: usize,
    value: usize,
}

fn damaged() -> ParquetError {
    ParquetError::General("a column does not have what its levels say".to_owned())
}

impl Leaf {
    pub(super) fn new(column: &ColumnDescriptor) -> Self {
        Self {
            values: match column.physical_type() {
                Type::BOOLEAN => Values::Bool(Vec::new()),
                Type::INT32 => Values::Int32(Vec::new()),
                Type::INT64 => Values::Int64(Vec::new()),
                _ => Values::Text(Vec::new()),
            },
            definitions: Vec::new(),
            repetitions: Vec::new(),
            most_defined: column.max_def_level(),
            most_repeated: column.max_rep_level(),
            level: 0,
            value: 0,
        }
    }

    fn clear(&mut self) {
        match &mut self.values {
            Values::Bool(values) => values.clear(),
            Values::Int32(values) => values.clear(),
            Values::Int64(values) => values.clear(),
            Values::Text(values) => values.clear(),
        }
        self.definitions.clear();
        self.repetitions.clear();
        self.level = 0;
        self.value = 0;
    }

    /// Replaces what there is by the next rows, at most `rows`. Returns how many.
    pub(super) fn read(&mut self, reader: &mut ColumnReader, rows: usize) -> Result<usize> {
        self.clear();
        let definitions = (self.most_defined > 0).then_some(&mut self.definitions);
        let repetitions = (self.most_repeated > 0).then_some(&mut self.repetitions);
        let read = match (reader, &mut self.values) {
            (ColumnReader::BoolColumnReader(reader), Values::Bool(values)) => {
                reader.read_records(rows, definitions, repetitions, values)?
            }
            (ColumnReader::Int32ColumnReader(reader), Values::Int32(values)) => {
                reader.read_records(rows, definitions, repetitions, values)?
            }
            (ColumnReader::Int64ColumnReader(reader), Values::Int64(values)) => {
                reader.read_records(rows, definitions, repetitions, values)?
            }
            (ColumnReader::ByteArrayColumnReader(reader), Values::Text(values)) => {
                reader.read_records(rows, definitions, repetitions, values)?
            }
            _ => return Err(damaged()),
        };
        Ok(read.0)
    }

    /// How many levels and values the next `rows` rows have.
    fn extent(&self, rows: usize) -> (usize, usize) {
        if self.most_defined == 0 {
            return (0, rows);
        }
        let rest = self.definitions.get(self.level..).unwrap_or_default();
        let levels = if self.most_repeated == 0 {
            rows
        } else {
            let starts = self
                .repetitions
                .get(self.level..)
                .unwrap_or_default()
                .iter();
            let mut starts = starts.enumerate().filter(|(_, level)| **level == 0);
            starts.nth(rows).map_or(rest.len(), |(at, _)| at)
        };
        let definitions = rest.get(..levels).unwrap_or_default().iter();
        let values = definitions.filter(|level| **level == self.most_defined);
        (levels, values.count())
    }

    /// Takes the next rows of another one of the same column.
    pub(super) fn take_from(&mut self, other: &mut Self, rows: usize) -> Result<()> {
        let (levels, values) = other.extent(rows);
        let level = other.level..other.level + levels;
        let value = other.value..other.value + values;
        if self.most_defined > 0 {
            let definitions = other.definitions.get(level.clone()).ok_or_else(damaged)?;
            self.definitions.extend_from_slice(definitions);
        }
        if self.most_repeated > 0 {
            let repetitions = other.repetitions.get(level).ok_or_else(damaged)?;
            self.repetitions.extend_from_slice(repetitions);
        }
        macro_rules! extend {
            ($to:expr, $from:expr) => {
                $to.extend_from_slice($from.get(value).ok_or_else(damaged)?)
            };
        }
        match (&mut self.values, &other.values) {
            (Values::Bool(to), Values::Bool(from)) => extend!(to, from),
            (Values::Int32(to), Values::Int32(from)) => extend!(to, from),
            (Values::Int64(to), Values::Int64(from)) => extend!(to, from),
            (Values::Text(to), Values::Text(from)) => extend!(to, from),
            _ => return Err(damaged()),
        }
        other.level += levels;
        other.value += values;
        Ok(())
    }

    /// Leaves out the next rows.
    pub(super) fn pass(&mut self, rows: usize) -> Result<()> {
        let (levels, values) = self.extent(rows);
        self.level += levels;
        self.value += values;
        Ok(())
    }

    /// Combines the last row's number with the next one of another, which is taken. An absent one
    /// gives way.
    pub(super) fn fold(
        &mut self,
        other: &mut Self,
        long: impl Fn(i64, i64) -> i64,
        short: impl Fn(i32, i32) -> i32,
    ) -> Result<()> {
        let (_, values) = other.extent(1);
        let was_there = self.most_defined == 0
            || self
                .definitions
                .last()
                .is_some_and(|level| *level == self.most_defined);
        if values == 0 {
            return other.pass(1);
        }
        if !was_there {
            self.definitions.pop();
            return self.take_from(other, 1);
        }
        match (&mut self.values, &other.values) {
            (Values::Int32(to), Values::Int32(from)) => {
                let (to, from) = (to.last_mut(), from.get(other.value));
                let (to, from) = to.zip(from).ok_or_else(damaged)?;
                *to = short(*to, *from);
            }
            (Values::Int64(to), Values::Int64(from)) => {
                let (to, from) = (to.last_mut(), from.get(other.value));
                let (to, from) = to.zip(from).ok_or_else(damaged)?;
                *to = long(*to, *from);
            }
            _ => return Err(damaged()),
        }
        other.pass(1)
    }

    /// The text of the last row; `None` if it is absent.
    pub(super) fn last_text(&self) -> Option<&[u8]> {
        let is_there = self.most_defined == 0
            || self
                .definitions
                .last()
                .is_some_and(|level| *level == self.most_defined);
        match &self.values {
            Values::Text(values) if is_there => values.last().map(ByteArray::data),
            _ => None,
        }
    }

    /// The text of the next row; `None` if it is absent.
    pub(super) fn next_text(&self) -> Option<&[u8]> {
        let level = self.definitions.get(self.level);
        let is_there =
            self.most_defined == 0 || level.is_some_and(|level| *level == self.most_defined);
        match &self.values {
            Values::Text(values) if is_there => values.get(self.value).map(ByteArray::data),
            _ => None,
        }
    }

    /// The numbers of the next rows, of a column that is never absent.
    pub(super) fn next_numbers(&self) -> &[i64] {
        match &self.values {
            Values::Int64(values) => values.get(self.value..).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Writes all rows, and forgets them.
    pub(super) fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<()> {
        let definitions = (self.most_defined > 0).then_some(&self.definitions[..]);
        let repetitions = (self.most_repeated > 0).then_some(&self.repetitions[..]);
        match (writer, &self.values) {
            (ColumnWriter::BoolColumnWriter(writer), Values::Bool(values)) => {
                writer.write_batch(values, definitions, repetitions)?;
            }
            (ColumnWriter::Int32ColumnWriter(writer), Values::Int32(values)) => {
                writer.write_batch(values, definitions, repetitions)?;
            }
            (ColumnWriter::Int64ColumnWriter(writer), Values::Int64(values)) => {
                writer.write_batch(values, definitions, repetitions)?;
            }
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Text(values)) => {
                writer.write_batch(values, definitions, repetitions)?;
            }
            _ => return Err(damaged()),
        }
        self.clear();
        Ok(())
    }
}
