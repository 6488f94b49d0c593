//! Counters for Prometheus, and health checks for whatever restarts the sensor.
//!
//! A page is made on request, from the answers of the cores; between requests there is no work.
//! Requests that come close together share one answer, so that no client can keep the cores from
//! their packets. The address and the firewall decide who may connect: the pages contain no clients
//! and no domain names, but interfaces and collectors.

mod family;
mod page;

use std::fmt::Write as _;

use dnsflow_service::monitoring::Pages;

pub use family::ALL as FAMILIES;
pub use page::{Reloads, View};

impl Pages for View {
    const INDEX: &'static str = "dnsflow

/metrics  counters, for Prometheus
/healthz  200 if every core answers
/readyz   200 if every core captures on every interface
";

    fn metrics(&self) -> String {
        self.text()
    }

    /// A line for each core that did not answer.
    fn unhealthy(&self) -> String {
        let mut lines = String::new();
        for core in (0..self.cores).filter(|core| !self.has(*core)) {
            let _ = writeln!(lines, "core {core} did not answer within a second");
        }
        lines
    }

    /// The same, and a line for each interface that is down or away.
    fn unready(&self) -> String {
        let mut lines = self.unhealthy();
        for (interface, _) in self.interfaces().filter(|(_, is_up)| !is_up) {
            let _ = writeln!(lines, "interface {interface} is down or away");
        }
        lines
    }
}

#[cfg(test)]
mod tests;
