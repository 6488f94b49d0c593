//! What is told of a run while it goes on: metrics, the service manager.

pub(crate) mod inquiry;
pub mod metrics;
pub(crate) mod notify;
pub(crate) mod watch;
