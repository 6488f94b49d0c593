//! The dissector for Wireshark (`tools/wireshark/dnsflow.lua`), run by tshark.
//!
//! Datagrams are built here, byte by byte from `docs/protocol.md`; of version 4 those of the sensor are read too. The
//! dissector is a second reader of the format, written from that page and not from the project's decoder. Where there
//! is no tshark, tests are skipped loudly; with `CI=true` it has to be there.

mod dissection;
mod hostile;
mod names;
mod older;
mod refused;
mod sensor;
mod version5;
mod write;

use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow"));
