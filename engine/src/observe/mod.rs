//! A live run as others see it: metrics for Prometheus, and messages to the service manager.

pub(crate) mod inquiry;
pub mod metrics;
pub(crate) mod status;
pub(crate) mod watch;
