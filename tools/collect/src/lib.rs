//! The collector.

pub mod backlog;
pub mod batch;
pub mod record;
pub mod sink;
