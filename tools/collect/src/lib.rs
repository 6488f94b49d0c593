//! The collector.

pub mod batch;
pub mod record;
pub mod sink;
