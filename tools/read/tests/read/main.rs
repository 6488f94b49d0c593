//! `dnsflow-read` as its users meet it: the program is run, and all that it prints is compared.

mod capture;
mod errors;
mod export;
mod files;
mod live;
mod program;
mod version_5;

use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-read"));
