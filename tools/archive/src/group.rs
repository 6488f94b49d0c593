//! A row group of `names`: which of its rows are read, and their columns.
//!
//! What can't have what is sought is left out in order of cost: the whole group by its statistics,
//! then by bloom filters, then pages by the page index. Of the columns by which rows are sought, the
//! rows that are left are read; of the other columns, only those that were found.

use std::sync::Arc;

use parquet::bloom_filter::Sbbf;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::page_index::index_reader::{decode_column_index, decode_offset_index};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;
use parquet::schema::types::SchemaDescriptor;

use crate::columns::{ADDRESS, CLIENT, COUNT, FIRST, LAST, NAME, NAMES_KEY_COLUMNS, QUESTION, TTL};
use crate::reading::Counts;
use crate::selection::Selection;
use crate::sought::{RowRef, Sought};
use crate::source::Source;
use crate::table::GROUP_ROWS;

/// A column of texts of the rows that are left.
type Texts = Vec<Option<ByteArray>>;

/// A row group.
pub(crate) struct Group<'f> {
    source: &'f Arc<Source>,
    descriptor: &'f SchemaDescriptor,
    metadata: &'f RowGroupMetaData,
    rows: usize,
    counts: &'f mut Counts,
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

impl<'f> Group<'f> {
    pub(crate) fn new(
        source: &'f Arc<Source>,
        descriptor: &'f SchemaDescriptor,
        metadata: &'f RowGroupMetaData,
        counts: &'f mut Counts,
    ) -> Result<Self> {
        let rows = usize::try_from(metadata.num_rows())?;
        if metadata.num_columns() != descriptor.num_columns() {
            return Err(damaged("a row group has not all columns"));
        }
        Ok(Self {
            source,
            descriptor,
            metadata,
            rows,
            counts,
        })
    }

    /// Gives all rows that are sought to `each`.
    pub(crate) fn search(
        &mut self,
        sought: &Sought,
        each: &mut dyn FnMut(&RowRef<'_>),
    ) -> Result<()> {
        let times = |column: usize| match self.metadata.column(column).statistics() {
            Some(Statistics::Int64(times)) => (times.min_opt().copied(), times.max_opt().copied()),
            _ => (None, None),
        };
        let (earliest, latest) = (times(FIRST).0, times(LAST).1);
        if earliest.is_some_and(|time| time > sought.until)
            || latest.is_some_and(|time| time < sought.since)
        {
            return Ok(());
        }
        let mut selection = Selection::all(self.rows);
        for (column, texts) in [(ADDRESS, &sought.addresses), (CLIENT, &sought.clients)] {
            let Some(texts) = texts else { continue };
            let likely = self.likely(column, texts)?;
            if likely.is_empty() {
                return Ok(());
            }
            // Of rows that are in order of the address, those of a client are everywhere.
            if column == ADDRESS || sought.addresses.is_none() {
                selection = selection.and(&self.pages_with(column, &likely)?);
            }
        }
        if selection.is_empty() {
            return Ok(());
        }
        self.counts.groups += 1;
        for piece in selection.pieces(GROUP_ROWS) {
            self.counts.rows += piece.len() as u64;
            self.read(piece, sought, each)?;
        }
        Ok(())
    }

    /// Those of the texts, which are in order, that the group may have in a column.
    fn likely<'t>(&self, column: usize, texts: &'t [Vec<u8>]) -> Result<Vec<&'t [u8]>> {
        /// With more texts than this, a filter says of nearly all groups that they may have one.
        const MOST_FILTERED: usize = 64;
        let metadata = self.metadata.column(column);
        let statistics = metadata.statistics();
        let least = statistics.and_then(Statistics::min_bytes_opt);
        let most = statistics.and_then(Statistics::max_bytes_opt);
        let start = least.map_or(0, |least| {
            texts.partition_point(|text| text.as_slice() < least)
        });
        let end = most.map_or(texts.len(), |most| {
            texts.partition_point(|text| text.as_slice() <= most)
        });
        let texts = texts.get(start..end).unwrap_or_default().iter();
        let mut likely: Vec<_> = texts.map(Vec::as_slice).collect();
        if !likely.is_empty()
            && likely.len() <= MOST_FILTERED
            && let Some(filter) = self.filter(metadata)?
        {
            likely.retain(|text| filter.check(*text));
        }
        Ok(likely)
    }

    fn filter(&self, metadata: &ColumnChunkMetaData) -> Result<Option<Sbbf>> {
        Sbbf::read_from_column_chunk(metadata, self.source.as_ref())
    }

    /// The rows of the pages that may have one of the texts, which are in order.
    fn pages_with(&self, column: usize, texts: &[&[u8]]) -> Result<Selection> {
        let metadata = self.metadata.column(column);
        let all = Selection::all(self.rows);
        let Some(range) = metadata.column_index_range() else {
            return Ok(all);
        };
        let Some(locations) = self.locations(column)? else {
            return Ok(all);
        };
        let length = usize::try_from(range.end.saturating_sub(range.start))?;
        let bytes = self.source.get_bytes(range.start, length)?;
        let ColumnIndexMetaData::BYTE_ARRAY(index) =
            decode_column_index(&bytes, metadata.column_type())?
        else {
            return Ok(all);
        };
        if index.num_pages() != locations.len() as u64 {
            return Err(damaged("the page index has another number of pages"));
        }
        let mut selection = Selection::default();
        for (page, location) in locations.iter().enumerate() {
            let (least, most) = (index.min_value(page), index.max_value(page));
            let may_have = match (least, most) {
                (Some(least), Some(most)) => {
                    let at = texts.partition_point(|text| *text < least);
                    texts.get(at).is_some_and(|text| *text <= most)
                }
                _ => !index.is_null_page(page),
            };
            if may_have {
                let next = locations.get(page + 1);
                let start = usize::try_from(location.first_row_index)?;
                let end =
                    next.map_or(Ok(self.rows), |next| usize::try_from(next.first_row_index))?;
                selection.add(start..end);
            }
        }
        Ok(selection)
    }

    /// Where the pages of a column are, if the file says so.
    fn locations(&self, column: usize) -> Result<Option<Vec<PageLocation>>> {
        let metadata = self.metadata.column(column);
        let Some(range) = metadata.offset_index_range() else {
            return Ok(None);
        };
        let length = usize::try_from(range.end.saturating_sub(range.start))?;
        let bytes = self.source.get_bytes(range.start, length)?;
        let locations = decode_offset_index(&bytes)?.page_locations().clone();
        // The crate's reader computes with these.
        let rows = i64::try_from(self.rows)?;
        let (start, _) = metadata.byte_range();
        let length = i64::try_from(self.source.len())?;
        let mut before = (i64::try_from(start)? - 1, -1);
        for location in &locations {
            let here = (location.offset, location.first_row_index);
            let end = location
                .offset
                .checked_add(location.compressed_page_size.into());
            let is_inside = end.is_some_and(|end| end <= length);
            if here.0 <= before.0 || here.1 <= before.1 || here.1 >= rows || !is_inside {
                return Err(damaged("the pages of its index are not in order"));
            }
            before = here;
        }
        if locations
            .first()
            .is_some_and(|first| first.first_row_index != 0)
        {
            return Err(damaged(
                "the pages of its index do not start at the first row",
            ));
        }
        Ok(Some(locations).filter(|locations| !locations.is_empty()))
    }

    /// Reads the rows of a selection, and gives those that are sought to `each`.
    fn read(
        &mut self,
        mut rows: Selection,
        sought: &Sought,
        each: &mut dyn FnMut(&RowRef<'_>),
    ) -> Result<()> {
        let mut texts: [Option<Texts>; NAMES_KEY_COLUMNS] = Default::default();
        for columns in sought.steps() {
            for column in columns {
                let read = self.texts(*column, &rows)?;
                if let Some(texts) = texts.get_mut(*column) {
                    *texts = Some(read);
                }
            }
            let value = |column: usize, row: usize| -> Option<&[u8]> {
                let text = texts.get(column)?.as_ref()?.get(row)?.as_ref();
                text.map(ByteArray::data)
            };
            let keep: Vec<bool> = (0..rows.len())
                .map(|row| sought.takes(columns, |column| value(column, row)))
                .collect();
            rows = rows.keeping(&keep);
            if rows.is_empty() {
                return Ok(());
            }
            for texts in texts.iter_mut().flatten() {
                let mut keep = keep.iter();
                texts.retain(|_| keep.next().copied().unwrap_or(false));
            }
        }
        let mut all: [Texts; NAMES_KEY_COLUMNS] = Default::default();
        for (column, (all, texts)) in all.iter_mut().zip(texts).enumerate() {
            *all = match texts {
                Some(texts) => texts,
                None => self.texts(column, &rows)?,
            };
        }
        let (first, last) = (self.numbers(FIRST, &rows)?, self.numbers(LAST, &rows)?);
        let (count, ttl) = (self.numbers(COUNT, &rows)?, self.ttls(&rows)?);
        for row in 0..rows.len() {
            let text = |column: usize| -> Option<&[u8]> {
                all.get(column)?.get(row)?.as_ref().map(ByteArray::data)
            };
            let number = |numbers: &[i64]| numbers.get(row).copied().unwrap_or(0);
            let row = RowRef {
                address: text(ADDRESS).unwrap_or_default(),
                client: text(CLIENT).unwrap_or_default(),
                name: text(NAME).unwrap_or_default(),
                question: text(QUESTION),
                first: number(&first),
                last: number(&last),
                count: number(&count).cast_unsigned(),
                ttl: ttl.get(row).copied().flatten(),
            };
            if row.first <= sought.until && row.last >= sought.since {
                each(&row);
            }
        }
        Ok(())
    }

    /// A reader of a column.
    fn reader(&mut self, column: usize, rows: &Selection) -> Result<ColumnReader> {
        let metadata = self.metadata.column(column);
        let locations = self.locations(column)?;
        self.counts.pages += pages(locations.as_deref(), rows);
        let source = Arc::clone(self.source);
        let pages = SerializedPageReader::new(source, metadata, self.rows, locations)?;
        let descriptor = self.descriptor.column(column);
        Ok(get_column_reader(descriptor, Box::new(pages)))
    }

    fn texts(&mut self, column: usize, rows: &Selection) -> Result<Texts> {
        let ColumnReader::ByteArrayColumnReader(mut reader) = self.reader(column, rows)? else {
            return Err(damaged("a column has another type"));
        };
        let (values, levels) = read(&mut reader, rows)?;
        let is_optional = self.descriptor.column(column).max_def_level() > 0;
        spread(values, &levels, is_optional, rows.len())
    }

    fn numbers(&mut self, column: usize, rows: &Selection) -> Result<Vec<i64>> {
        let ColumnReader::Int64ColumnReader(mut reader) = self.reader(column, rows)? else {
            return Err(damaged("a column has another type"));
        };
        let (values, levels) = read(&mut reader, rows)?;
        // A number that may be absent is no number of the layout.
        if !levels.is_empty() {
            return Err(damaged("a column has another type"));
        }
        Ok(values)
    }

    fn ttls(&mut self, rows: &Selection) -> Result<Vec<Option<u32>>> {
        let ColumnReader::Int32ColumnReader(mut reader) = self.reader(TTL, rows)? else {
            return Err(damaged("a column has another type"));
        };
        let (values, levels) = read(&mut reader, rows)?;
        let values = values.into_iter().map(i32::cast_unsigned).collect();
        spread(values, &levels, true, rows.len())
    }
}

/// How many pages have rows of a selection; 1 if it is not known where they are.
fn pages(locations: Option<&[PageLocation]>, rows: &Selection) -> u64 {
    let Some(locations) = locations else { return 1 };
    let page_of = |row: usize| {
        let row = i64::try_from(row).unwrap_or(i64::MAX);
        locations.partition_point(|location| location.first_row_index <= row)
    };
    let (mut pages, mut last) = (0, 0);
    for range in rows.ranges() {
        let (from, to) = (page_of(range.start), page_of(range.end.saturating_sub(1)));
        pages += (to + 1).saturating_sub(from.max(last + 1));
        last = to;
    }
    pages as u64
}

/// The values that a column has in these rows, and the levels that say which rows have one; none of these
/// if all have.
fn read<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: &Selection,
) -> Result<(Vec<T::T>, Vec<i16>)> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut at = 0;
    for range in rows.ranges() {
        let skipped = reader.skip_records(range.start - at)?;
        let (taken, ..) = reader.read_records(range.len(), Some(&mut levels), None, &mut values)?;
        if (skipped, taken) != (range.start - at, range.len()) {
            return Err(damaged("a column has fewer rows than the row group"));
        }
        at = range.end;
    }
    Ok((values, levels))
}

/// Puts values to their rows, by the levels that say which rows have one.
fn spread<T>(
    values: Vec<T>,
    levels: &[i16],
    is_optional: bool,
    rows: usize,
) -> Result<Vec<Option<T>>> {
    let mut values = values.into_iter();
    let spread: Vec<_> = if is_optional {
        let mut next = |level: &i16| (*level > 0).then(|| values.next()).flatten();
        levels.iter().map(&mut next).collect()
    } else {
        values.map(Some).collect()
    };
    match spread.len() == rows {
        true => Ok(spread),
        false => Err(damaged("a column has not a value for each row")),
    }
}
