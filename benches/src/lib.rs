//! What dnsflow costs, in time and memory, measured beside other programs on the same input.
//!
//! - [`cases`]: named packets, for the benches of single parts in `benches/`, which count allocations too
//!   ([`counting`]);
//! - [`parts`]: the steps of a packet's life, one by one, in this process;
//! - [`steps`]: how long each takes;
//! - [`offline`]: the sensor as its users run it, beside other [`programs`] on the same capture file;
//! - [`live`]: the same on a wire, in a [`network`] with a [`collector`], as [`process`]es that an
//!   [`interrupt`] ends;
//! - [`model`]: from measured parts to what larger machines can do;
//! - [`report`] and [`chart`]: tables, targets and plots.
//!
//! Figures of different machines, or of different runs, say little beside each other: every claim here is a
//! ratio of two medians of one run. See README.md for how to read them.

pub mod cases;
pub mod chart;
pub mod collector;
pub mod counting;
pub mod files;
pub mod interrupt;
pub mod live;
pub mod model;
pub mod network;
pub mod offline;
pub mod parts;
pub mod process;
pub mod programs;
pub mod report;
pub mod steps;
