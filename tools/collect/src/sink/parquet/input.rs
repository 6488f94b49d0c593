//! A file that is merged, read in slices.

use std::fs::File;
use std::path::Path;

use ::parquet::column::reader::ColumnReader;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::Type;
use dnsflow_archive::columns::NAMES_KEY_COLUMNS;

use super::leaf::Leaf;

/// Rows that are read at once: bounds the memory of each file that is merged.
const SLICE_ROWS: usize = 1024;

/// A file from its next row on; it has one.
pub(super) struct Input {
    file: SerializedFileReader<File>,
    /// The row group that is read next.
    group: usize,
    readers: Vec<ColumnReader>,
    leaves: Vec<Leaf>,
    /// Rows that are left of the slice.
    rows: usize,
}

impl Input {
    /// Opens a file, which has to have the columns of `schema`; `None` if it has no row.
    pub(super) fn open(path: &Path, schema: &Type) -> Result<Option<Self>> {
        let file = SerializedFileReader::new(File::open(path)?)?;
        let descriptor = file.metadata().file_metadata().schema_descr();
        if descriptor.root_schema() != schema {
            return Err(ParquetError::General(format!(
                "{} has other columns",
                path.display()
            )));
        }
        let leaves = descriptor.columns().iter().map(|column| Leaf::new(column));
        let mut input = Self {
            leaves: leaves.collect(),
            file,
            group: 0,
            readers: Vec::new(),
            rows: 0,
        };
        Ok(input.fill()?.then_some(input))
    }

    /// Reads the next slice. Returns whether there is one.
    fn fill(&mut self) -> Result<bool> {
        loop {
            let mut rows = None;
            for (leaf, reader) in self.leaves.iter_mut().zip(&mut self.readers) {
                let read = leaf.read(reader, SLICE_ROWS)?;
                if *rows.get_or_insert(read) != read {
                    let error = "the columns of a file have not the same number of rows";
                    return Err(ParquetError::General(error.to_owned()));
                }
            }
            self.rows = rows.unwrap_or(0);
            if self.rows > 0 {
                return Ok(true);
            }
            if self.group == self.file.num_row_groups() {
                return Ok(false);
            }
            let group = self.file.get_row_group(self.group)?;
            let columns = 0..group.num_columns();
            let readers = columns.map(|column| group.get_column_reader(column));
            let readers = readers.collect::<Result<Vec<_>>>()?;
            self.readers = readers;
            self.group += 1;
        }
    }

    /// The next rows.
    pub(super) fn rows(&mut self) -> &mut [Leaf] {
        &mut self.leaves
    }

    /// Leaves behind rows that were taken. Returns whether there are more.
    pub(super) fn skip(&mut self, rows: usize) -> Result<bool> {
        self.rows = self.rows.saturating_sub(rows);
        if self.rows > 0 { Ok(true) } else { self.fill() }
    }

    /// The number in the first column of the next row.
    pub(super) fn first_number(&self) -> Option<i64> {
        self.leaves.first()?.next_numbers().first().copied()
    }

    /// How many of the next rows have a first number up to `until`; all of the slice if it is `None`.
    pub(super) fn rows_until(&self, until: Option<i64>) -> usize {
        let numbers = self
            .leaves
            .first()
            .map(Leaf::next_numbers)
            .unwrap_or_default();
        let numbers = numbers.get(..self.rows).unwrap_or(numbers);
        until.map_or(numbers.len(), |until| {
            numbers.partition_point(|number| *number <= until)
        })
    }

    /// The columns by which rows are in order, of the next row of `names`.
    pub(super) fn key(&self) -> [Option<&[u8]>; NAMES_KEY_COLUMNS] {
        std::array::from_fn(|at| self.leaves.get(at)?.next_text())
    }
}
