//! Files of `names` with the layout of the collector, from rows in order: for tests and measurements,
//! which need more rows, or others, than a collector makes in a short time.

use std::fs::{self, File};
use std::path::Path;

use dnsflow_archive::{FileName, GROUP_ROWS, Partition, Table, table_folder};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    /// As text.
    pub(crate) address: String,
    /// As text.
    pub(crate) client: String,
    pub(crate) name: String,
    pub(crate) question: Option<String>,
    /// Microseconds since 1970.
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: i64,
    pub(crate) ttl: Option<i32>,
}

/// Writes the file of an hour. Rows come in order.
pub(crate) fn write(
    root: &Path,
    hour: i64,
    batches: (u64, u64),
    rows: impl Iterator<Item = Row>,
) -> parquet::errors::Result<()> {
    let folder = root.join(table_folder(Partition::Hour, Table::Names, hour));
    fs::create_dir_all(&folder)?;
    let name = FileName {
        collector: 1,
        first: batches.0,
        last: batches.1,
    };
    let out = File::create(folder.join(name.text()))?;
    let (schema, properties) = (Table::Names.schema()?, Table::Names.properties(true)?);
    let mut file = SerializedFileWriter::new(out, schema, properties)?;
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let of_group: Vec<_> = rows.by_ref().take(GROUP_ROWS).collect();
        let mut group = file.next_row_group()?;
        write_group(&mut group, &of_group)?;
        group.close()?;
    }
    file.close()?;
    Ok(())
}

fn write_group(
    group: &mut SerializedRowGroupWriter<'_, File>,
    rows: &[Row],
) -> parquet::errors::Result<()> {
    let text = |text: &String| ByteArray::from(text.as_bytes().to_vec());
    let mut column = 0;
    while let Some(mut writer) = group.next_column()? {
        match writer.untyped() {
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                let values: Vec<_> = rows
                    .iter()
                    .filter_map(|row| match column {
                        0 => Some(text(&row.address)),
                        1 => Some(text(&row.client)),
                        2 => Some(text(&row.name)),
                        _ => row.question.as_ref().map(text),
                    })
                    .collect();
                let levels: Vec<_> = rows
                    .iter()
                    .map(|row| row.question.is_some().into())
                    .collect();
                let levels = (column == 3).then_some(&levels[..]);
                writer.write_batch(&values, levels, None)?;
            }
            ColumnWriter::Int64ColumnWriter(writer) => {
                let values: Vec<_> = rows
                    .iter()
                    .map(|row| match column {
                        4 => row.first,
                        5 => row.last,
                        _ => row.count,
                    })
                    .collect();
                writer.write_batch(&values, None, None)?;
            }
            ColumnWriter::Int32ColumnWriter(writer) => {
                let values: Vec<_> = rows.iter().filter_map(|row| row.ttl).collect();
                let levels: Vec<_> = rows.iter().map(|row| row.ttl.is_some().into()).collect();
                writer.write_batch(&values, Some(&levels), None)?;
            }
            _ => {}
        }
        writer.close()?;
        column += 1;
    }
    Ok(())
}
