//! The naming service as its users meet it: datagrams in over UDP, questions and answers over HTTP.

#[path = "../collect/datagrams.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod datagrams;
mod hostile;
mod names;
#[path = "../collect/program.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod program;
mod pseudonyms;
mod restart;
mod service;

use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-collect"));
