//! Counters for Prometheus, and health checks for whatever restarts the sensor.
//!
//! A page is made on request, from the answers of the cores; between requests there is no work.
//! Requests that come close together share one answer, so that no client can keep the cores from
//! their packets. The address and the firewall decide who may connect: the pages contain no clients
//! and no domain names, but interfaces and collectors.

mod family;
mod http;
mod page;
mod process;

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

pub use family::{ALL as FAMILIES, Family, Kind};
pub use page::{Reloads, View};
pub use process::Usage;

use crate::start::error::StartError;
use http::{Page, Server, Status};

/// The page of `GET /`.
const INDEX: &str = "dnsflow

/metrics  counters, for Prometheus
/healthz  200 if every core answers
/readyz   200 if every core captures on every interface
";

/// A socket that listens, before pages are served.
#[derive(Debug)]
pub struct Listening(TcpListener);

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Serving(#[expect(dead_code, reason = "held to be dropped")] Server);

impl Listening {
    /// Listens on the address, so that it is known to be free before capture starts.
    ///
    /// # Errors
    /// If it can't be used, and how to fix it.
    pub fn on(address: SocketAddr) -> Result<Self, StartError> {
        TcpListener::bind(address)
            .map(Self)
            .map_err(|source| StartError::Metrics { address, source })
    }

    /// Serves pages made from `look`, which is called for each request.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn serve(
        self,
        look: impl Fn() -> View + Send + Sync + 'static,
    ) -> Result<Serving, StartError> {
        let site = Arc::new(move |path: &str| page(path, &look));
        Server::start(self.0, site)
            .map(Serving)
            .map_err(|source| StartError::System {
                what: "can't start the thread for metrics",
                source,
            })
    }
}

fn page(path: &str, look: &impl Fn() -> View) -> Page {
    match path {
        "/" => Page::plain(Status::Ok, INDEX),
        "/metrics" => Page::new(Status::Ok, prometheus::TEXT_FORMAT, look().text()),
        "/healthz" => verdict(&look().stuck()),
        "/readyz" => verdict(&look().unready()),
        _ => Page::plain(Status::NotFound, format!("not found\n\n{INDEX}")),
    }
}

/// The page of a health check: `ok`, or the lines of what is wrong.
fn verdict(wrong: &str) -> Page {
    if wrong.is_empty() {
        Page::plain(Status::Ok, "ok\n")
    } else {
        Page::plain(Status::Unavailable, wrong)
    }
}

impl View {
    /// A line for each core that did not answer.
    fn stuck(&self) -> String {
        let mut lines = String::new();
        for core in (0..self.cores).filter(|core| !self.has(*core)) {
            let _ = writeln!(lines, "core {core} did not answer within a second");
        }
        lines
    }

    /// The same, and a line for each interface that is down or away.
    fn unready(&self) -> String {
        let mut lines = self.stuck();
        for (interface, _) in self.interfaces().filter(|(_, is_up)| !is_up) {
            let _ = writeln!(lines, "interface {interface} is down or away");
        }
        lines
    }
}

#[cfg(test)]
mod tests;
