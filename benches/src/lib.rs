//! Benchmarks of dnsflow: time and memory, compared with other programs on the same input.
//!
//! - [`cases`]: named sets of packets for the benches in `benches/`, which also count allocations
//!   ([`counting`]);
//! - [`parts`]: the steps of packet processing, in this process;
//! - [`steps`]: the time of each step, and of look-ups in [`lists`];
//! - [`sizes`]: the bytes of a response in each version of the records;
//! - [`offline`]: the sensor and other [`programs`] on the same capture file;
//! - [`live`]: the sensor, tcpdump and others on one wire, as [`process`]es in a [`network`] with a
//!   [`collector`]; an [`interrupt`] ends them;
//! - [`soak`]: the sensor for a long time, under everything at once;
//! - [`accuracy`]: how often the name of a flow is the one that its client meant;
//! - [`model`]: extrapolation of the measured times to larger machines;
//! - [`report`], [`chart`] and [`files`]: tables, targets, plots, and where they are written.
//!
//! Figures of different machines or runs are not comparable: every claim is a ratio of two medians
//! of one run. README.md explains how to read the results.

pub mod accuracy;
pub mod cases;
pub mod chart;
pub mod collector;
pub mod counting;
pub mod files;
pub mod floods;
pub mod interrupt;
pub mod lists;
pub mod live;
pub mod model;
pub mod network;
pub mod offline;
pub mod parts;
pub mod process;
pub mod programs;
pub mod report;
pub mod sizes;
pub mod soak;
pub mod steps;
