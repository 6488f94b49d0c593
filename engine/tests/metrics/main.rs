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
mod promtool;
mod reload;

use std::path::Path;

use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::Namespace;
use dnsflow_testkit::programs::Programs;
use dnsflow_testkit::prometheus::Prometheus;
use dnsflow_testkit::scrape::Samples;

/// The programs that are tested, as cargo has built them.
const BUILT: Programs = Programs::beside(env!("CARGO_BIN_EXE_dnsflow"));

/// Where sensors of these tests serve.
const METRICS: &str = "127.0.0.1:9530";

/// What the sensor serves now.
fn samples(namespace: &Namespace) -> Samples {
    Samples::at(namespace, METRICS)
}

/// A Prometheus that scrapes the sensor, with the rules that ship.
fn watched<'n>(namespace: &'n Namespace, folder: &Folder) -> Prometheus<'n> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitoring/dnsflow.rules.yml");
    Prometheus::start(namespace, folder, &rules, ("dnsflow", METRICS))
}
