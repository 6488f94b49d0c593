//! Who is asked for, by whom and how often: rates and top lists of records, in bounded memory.
//!
//! | module | what it holds |
//! |---|---|
//! | [`space_saving`] | the most frequent keys of a stream, each with a count and how far it may be off |
//! | [`board`] | all lists and rates of a stream of records, over a sliding window |
//! | [`snapshot`] | what a board shows at one moment; also as JSON |
//!
//! It exists so that a terminal and a page in a browser show the same figures. The crate does no
//! I/O and reads no clock: the caller says when a record came. It refuses to be exact where that
//! needs memory without a bound: counts of rare keys are estimates, and say so.

pub mod board;
mod history;
mod key;
mod pane;
mod sensor;
pub mod snapshot;
pub mod space_saving;

pub use board::{Board, Limits};
pub use snapshot::{Counts, Item, Kind, List, Second, SensorRow, Snapshot};
pub use space_saving::SpaceSaving;
