//! The collector: from many sensors to stores.
pub mod backlog;
pub mod batch;
pub mod options;
pub mod receive;
pub mod record;
pub mod sink;
