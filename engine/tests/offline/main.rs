//! The program on files and pipes: what comes out of it, what it says, and how it ends.
//!
//! Nothing here stands in for anything else: the built `dnsflow` runs as a process of its own, on captures
//! that the tests write, on those of `dnsflow-gen`, and, where they lie beside the checkout, on hundreds that
//! others recorded. Live capture is tested in `live`.

mod blocked;
mod captures;
mod collectors;
mod cuts;
mod datagrams;
mod division;
mod formats;
mod full;
mod output;
mod parts;
mod privacy;
mod process;
mod records;
mod refusals;
mod replaced;
mod selection;
mod version5;

use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow"));
