//! The tables, and how their columns are laid out.

use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesPtr, WriterVersion,
};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};

use crate::columns::NAMES_KEY_COLUMNS;

/// A table: a folder below that of the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// A row for each record, by time.
    Responses,
    /// A row for each address, client, name and question, by address and client.
    Names,
}

/// Both tables.
pub const TABLES: [Table; 2] = [Table::Responses, Table::Names];

/// Rows of a row group.
pub const GROUP_ROWS: usize = 65_536;

/// Rows of a page: what has to be read for one row.
const RESPONSES_PAGE_ROWS: usize = 16_384;
const NAMES_PAGE_ROWS: usize = 2048;

/// Bytes of the texts of a column up to which each is written once, for a row group.
const DICTIONARY_BYTES: usize = 1 << 20;

const RESPONSES: &str = "message responses {
    required int64 time (TIMESTAMP(MICROS,true));
    required int64 received (TIMESTAMP(MICROS,true));
    required binary sensor (STRING);
    required binary source (STRING);
    optional int32 core (INTEGER(16,false));
    required binary boot (STRING);
    required int64 sequence (INTEGER(64,false));
    required int32 index (INTEGER(16,false));
    required binary client (STRING);
    optional int32 client_port (INTEGER(16,false));
    optional binary resolver (STRING);
    optional int32 resolver_port (INTEGER(16,false));
    optional binary transport (STRING);
    optional binary query (STRING);
    optional binary qtype (STRING);
    optional binary qclass (STRING);
    optional binary rcode (STRING);
    optional group flags (LIST) { repeated group list { required binary element (STRING); } }
    required group names (LIST) { repeated group list { required binary element (STRING); } }
    required group addresses (LIST) { repeated group list { required binary element (STRING); } }
    optional int32 ttl (INTEGER(32,false));
    optional group answers (LIST) { repeated group list { required group element {
        required binary owner (STRING);
        required binary type (STRING);
        required binary class (STRING);
        required int32 ttl (INTEGER(32,false));
        required binary data (STRING);
    } } }
    optional binary subnet (STRING);
    optional binary interface (STRING);
    optional int32 vlan (INTEGER(16,false));
    optional int32 inner_vlan (INTEGER(16,false));
    optional int32 vni (INTEGER(32,false));
    optional int32 sampling (INTEGER(32,false));
    optional boolean incomplete;
    optional boolean continues;
    optional boolean has_more;
}";

const NAMES: &str = "message names {
    required binary address (STRING);
    required binary client (STRING);
    required binary name (STRING);
    optional binary question (STRING);
    required int64 first (TIMESTAMP(MICROS,true));
    required int64 last (TIMESTAMP(MICROS,true));
    required int64 count (INTEGER(64,false));
    optional int32 ttl (INTEGER(32,false));
}";

impl Table {
    /// Its folder, below that of the sink.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Responses => "responses",
            Self::Names => "names",
        }
    }

    /// Its columns.
    ///
    /// # Errors
    ///
    /// None: the texts are right, as tests of every writer show.
    pub fn schema(self) -> Result<TypePtr, ParquetError> {
        let text = match self {
            Self::Responses => RESPONSES,
            Self::Names => NAMES,
        };
        Ok(Arc::new(parse_message_type(text)?))
    }

    /// How its columns are written: pages compressed with zstd if `compress`.
    ///
    /// # Errors
    ///
    /// None but those of the crate's own checks of levels that it has.
    pub fn properties(self, compress: bool) -> Result<WriterPropertiesPtr, ParquetError> {
        let compression = if compress {
            Compression::ZSTD(ZstdLevel::try_new(1)?)
        } else {
            Compression::UNCOMPRESSED
        };
        let (page_rows, ordered) = match self {
            Self::Responses => (RESPONSES_PAGE_ROWS, 1),
            Self::Names => (NAMES_PAGE_ROWS, NAMES_KEY_COLUMNS),
        };
        let ordered = (0..).take(ordered).map(|column| SortingColumn {
            column_idx: column,
            descending: false,
            nulls_first: true,
        });
        let mut builder = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_created_by(concat!("dnsflow-collect ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(compression)
            .set_dictionary_page_size_limit(DICTIONARY_BYTES)
            .set_data_page_row_count_limit(page_rows)
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_sorting_columns(Some(ordered.collect()));
        for column in self.bloom_columns() {
            let column = path(column);
            builder = builder
                .set_column_bloom_filter_enabled(column.clone(), true)
                .set_column_bloom_filter_fpp(column.clone(), 0.01)
                .set_column_bloom_filter_max_ndv(column, GROUP_ROWS as u64);
        }
        for column in self.undivided_columns() {
            builder = builder.set_column_statistics_enabled(path(column), EnabledStatistics::None);
        }
        for column in self.plain_columns() {
            builder = builder.set_column_dictionary_enabled(path(column), false);
        }
        Ok(Arc::new(builder.build()))
    }

    /// Columns that are searched for a value and are in no order.
    fn bloom_columns(self) -> &'static [&'static str] {
        match self {
            Self::Responses => &["client", "query", "addresses.list.element"],
            Self::Names => &["address", "client", "name"],
        }
    }

    /// Columns of which the smallest and largest value of a page say nothing.
    fn undivided_columns(self) -> &'static [&'static str] {
        match self {
            Self::Responses => &[
                "flags.list.element",
                "names.list.element",
                "addresses.list.element",
                "answers.list.element.owner",
                "answers.list.element.type",
                "answers.list.element.class",
                "answers.list.element.ttl",
                "answers.list.element.data",
                "query",
            ],
            Self::Names => &["name", "question"],
        }
    }

    /// Columns that have no dictionary. Values of numbers hardly repeat. The texts of `names` do, but
    /// next to each other, where zstd finds them; a dictionary is of a whole row group, and would have
    /// to be read for each look-up.
    fn plain_columns(self) -> &'static [&'static str] {
        match self {
            Self::Responses => &["time", "received", "client_port"],
            Self::Names => &[
                "address", "client", "name", "question", "first", "last", "count",
            ],
        }
    }
}

fn path(column: &str) -> ColumnPath {
    ColumnPath::new(column.split('.').map(str::to_owned).collect())
}
