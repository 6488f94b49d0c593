//! What every long-running program of dnsflow has, whatever it does: a configuration file, and ways
//! to be watched.
//!
//! The crate stands on no other crate of dnsflow, and knows nothing of packets, records or shards.
//! A program brings its own options, its own table of metrics, and its own idea of what is well.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | the file of `--config`, whose keys are the long options |
//! | [`diagnostics`] | the logger, to the journal or to standard error |
//! | [`monitoring`] | the pages `/metrics`, `/healthz` and `/readyz` |
//! | [`http`] | the server of those pages, with bounded resources |
//! | [`exposition`] | from families and samples to the page that Prometheus reads |
//! | [`notify`] | messages to the service manager: readiness, status, watchdog |
//! | [`progress`] | the progress bar of a run over a file |
//! | [`process`] | the resources that the process uses |

pub mod config;
pub mod diagnostics;
pub mod exposition;
pub mod http;
pub mod monitoring;
pub mod notify;
pub mod process;
pub mod progress;
