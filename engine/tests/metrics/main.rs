//! Those who watch the sensor: a real Prometheus that scrapes it, and the service manager's end of a notify socket.
//!
//! The sensor captures on a veth what `dnsflow-gen` sends, and what Prometheus says of it is compared with what
//! was sent. It needs root, iproute2, Prometheus and promtool; what is missing is said loudly, and is a failure
//! where CI=true.

mod counts;
mod dashboard;
mod health;
mod notify;
mod overload;
mod prometheus;
mod promtool;
mod reload;
mod scrape;

use dnsflow_testkit::programs::Programs;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow"));
