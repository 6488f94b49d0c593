//! `dnsflow-collect` as its users meet it: datagrams in over UDP, lines out, and accounts that are exact.

mod accounts;
mod datagrams;
mod errors;
mod files;
mod hostile;
mod killed;
mod monitoring;
#[path = "../nats/server.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod nats;
mod program;
mod spool;

use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-collect"));
