//! A file of `names`: its metadata, and its row groups one after the other.
//!
//! The parquet crate panics on some damaged files: of 3,000 with a few bytes changed, on 15, by
//! assertions that an offset is not negative and that a bit width fits. A panic there is held back,
//! and is an error of that file: the reader has no state outside of what is dropped with it.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy,
};
use parquet::schema::types::TypePtr;

use crate::columns::{ADDRESS, CLIENT, FIRST, LAST};
use crate::group::Group;
use crate::reading::Counts;
use crate::sought::{RowRef, Sought};
use crate::source::Source;
use crate::table::Table;

thread_local! {
    static IS_CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in a place where a panic is held back, and will be told as damage of a file.
/// For the panic hook of a program, which has nothing to print then.
#[must_use]
pub fn is_contained() -> bool {
    IS_CONTAINED.get()
}

/// Why a file could not be read.
#[derive(Debug)]
pub(crate) enum FileError {
    /// It is no longer there: it was merged into another one, or deleted.
    Gone,
    /// What is wrong with it.
    Bad(String),
}

/// Searches a file. What was found before an error was given to `each`.
pub(crate) fn search(
    path: &Path,
    sought: &Sought,
    counts: &mut Counts,
    each: &mut dyn FnMut(&RowRef<'_>),
) -> std::result::Result<(), FileError> {
    let source = match Source::open(path) {
        Ok(source) => Arc::new(source),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FileError::Gone),
        Err(error) => return Err(FileError::Bad(error.to_string())),
    };
    counts.files += 1;
    IS_CONTAINED.set(true);
    let searched = catch_unwind(AssertUnwindSafe(|| {
        let metadata = metadata(&source)?;
        for group in metadata.row_groups() {
            let descriptor = metadata.file_metadata().schema_descr();
            Group::new(&source, descriptor, group, counts)?.search(sought, each)?;
        }
        Ok(())
    }));
    IS_CONTAINED.set(false);
    counts.bytes += source.bytes_read();
    let reason = match searched {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(ParquetError::External(error))) => error.to_string(),
        Ok(Err(error)) => format!("damaged, or no file of dnsflow-collect's: {error}"),
        Err(_) => "damaged: what it says of itself can't be".to_owned(),
    };
    Err(FileError::Bad(reason))
}

/// Reads what a file says of itself, as far as it is used.
fn metadata(source: &Source) -> Result<ParquetMetaData> {
    let statistics = ParquetStatisticsPolicy::skip_except(&[ADDRESS, CLIENT, FIRST, LAST]);
    let options = ParquetMetaDataOptions::new()
        .with_column_stats_policy(statistics)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll);
    let metadata = ParquetMetaDataReader::new()
        .with_metadata_options(Some(options))
        .parse_and_finish(source)?;
    let schema = metadata.file_metadata().schema_descr().root_schema();
    if schema != schema_of_names()?.as_ref() {
        let error = "it has other columns than `names`";
        return Err(ParquetError::General(error.to_owned()));
    }
    Ok(metadata)
}

/// The schema, which is made from its text once.
fn schema_of_names() -> Result<&'static TypePtr> {
    static SCHEMA: OnceLock<TypePtr> = OnceLock::new();
    match SCHEMA.get() {
        Some(schema) => Ok(schema),
        None => {
            let schema = Table::Names.schema()?;
            Ok(SCHEMA.get_or_init(|| schema))
        }
    }
}
