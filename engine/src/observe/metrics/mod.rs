//! What the sensor counts, for Prometheus, and whether it is well, for whoever starts it again.
//!
//! A page is made when it is asked for, of what the cores say then; between two requests nothing is counted, stored or
//! woken. Requests that come close together share one answer of the cores, so that no client can keep those
//! from their packets. Who may connect is up to the address and the firewall: the pages name no clients
//! and no names, but interfaces and collectors.

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

/// What `GET /` says.
const INDEX: &str = "dnsflow

/metrics  what it counts, for Prometheus
/healthz  200 if every core answers
/readyz   200 if every core captures on every interface
";

/// An address that is listened on, and not yet served.
#[derive(Debug)]
pub struct Listening(TcpListener);

/// A server that runs; dropped, it ends.
#[derive(Debug)]
pub struct Serving(#[expect(dead_code, reason = "held to be dropped")] Server);

impl Listening {
    /// Takes the address, so that it is known to be free before anything is captured.
    ///
    /// # Errors
    /// If it is not, with what to do about it.
    pub fn on(address: SocketAddr) -> Result<Self, StartError> {
        TcpListener::bind(address)
            .map(Listening)
            .map_err(|source| StartError::Metrics { address, source })
    }

    /// Serves what `look` sees, from now on.
    ///
    /// # Errors
    /// If there is no thread for it.
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

/// What is wrong, a line each, or `ok`.
fn verdict(wrong: &str) -> Page {
    if wrong.is_empty() {
        Page::plain(Status::Ok, "ok\n")
    } else {
        Page::plain(Status::Unavailable, wrong)
    }
}

impl View {
    /// Which cores did not answer, a line each.
    fn stuck(&self) -> String {
        let mut lines = String::new();
        for core in (0..self.cores).filter(|core| !self.has(*core)) {
            let _ = writeln!(lines, "core {core} did not answer within a second");
        }
        lines
    }

    /// The same, and which interfaces are down or away.
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
