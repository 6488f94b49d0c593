//! The Parquet files that `dnsflow-collect` writes.
pub mod columns;
mod file_name;
mod partition;
mod table;

pub use file_name::FileName;
pub use partition::{Partition, table_folder};
pub use table::{GROUP_ROWS, TABLES, Table};
