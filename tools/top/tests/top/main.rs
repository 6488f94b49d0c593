//! `dnsflow-top` as its users meet it: the program is run, in a terminal and without one, with
//! datagrams from sockets and files, and what it shows is compared.

mod from;
mod input;
mod interactive;
mod once;
mod restored;
mod terminal;

use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow-top"));
