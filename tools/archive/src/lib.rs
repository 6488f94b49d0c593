//! The Parquet files that `dnsflow-collect` writes: their layout, and a reader that finds names in them.
//!
//! | module | what it holds |
//! |---|---|
//! | `table`, [`columns`] | the tables, their columns, and how these are written |
//! | `partition`, `file_name` | which folder a row belongs to, and what files are called |
//! | `listing` | the files of a time, and which of them were merged into others |
//! | `source`, `file`, `group`, `selection` | one file: only what may hold what is sought is read of it |
//! | `sought`, `visit` | what is sought, and all files of a time searched for it |
//! | `roll`, `ask` | rows of several files added, and names that held at a time |
//!
//! Writer and reader share the layout, so that it is written once. The reader needs no database: a
//! file is ordered by address, and its statistics, bloom filters and page index say which pages can
//! have an address. It reads `names` alone: `responses` is for databases.
//!
//! Files may be damaged, or be no files of the collector's. Each is a [`Problem`] of what was read,
//! and the others are read all the same.
//!
//! The crate refuses to write, to lock, and to delete: a collector may write to the folder meanwhile.

mod archive;
mod ask;
pub mod columns;
mod file;
mod file_name;
mod group;
mod listing;
mod partition;
mod reading;
mod roll;
mod selection;
mod sought;
mod source;
mod table;
mod visit;

pub use archive::{Archive, ArchiveError, Found, Name, Range};
pub use ask::{Asked, Limits};
pub use file::is_contained;
pub use file_name::FileName;
pub use partition::{Partition, table_folder};
pub use reading::{Counts, Problem, Reading};
pub use roll::NamesRow;
pub use table::{GROUP_ROWS, TABLES, Table};
