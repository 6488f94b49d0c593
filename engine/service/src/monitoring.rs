//! The pages by which a program is watched: `/metrics` for Prometheus, `/healthz` and `/readyz` for
//! whatever restarts it, and an index of them.
//!
//! A page is made on request; between requests there is no work. The address and the firewall
//! decide who may connect: there is no authentication and no TLS.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use thiserror::Error;

use crate::exposition;
use crate::http::{Page, Server, Status};

/// What a program shows of itself, at the time of a request.
pub trait Pages {
    /// The page of `GET /`: the name of the program, and what its other pages say.
    const INDEX: &'static str;

    /// The page of `/metrics`, as [`Samples::text`](exposition::Samples::text) makes it.
    fn metrics(&self) -> String;

    /// A line for whatever of the program is stuck; nothing if it is healthy.
    fn unhealthy(&self) -> String;

    /// A line for whatever keeps the program from its work, stuck or not; nothing if it is ready.
    fn unready(&self) -> String;
}

/// The page of a path, made from `look`, which is called if the path needs it.
#[must_use]
pub fn page<P: Pages>(path: &str, look: &impl Fn() -> P) -> Page {
    match path {
        "/" => Page::plain(Status::Ok, P::INDEX),
        "/metrics" => Page::new(Status::Ok, exposition::MEDIA_TYPE, look().metrics()),
        "/healthz" => verdict(&look().unhealthy()),
        "/readyz" => verdict(&look().unready()),
        _ => Page::plain(Status::NotFound, format!("not found\n\n{}", P::INDEX)),
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

/// A socket that listens, before pages are served.
#[derive(Debug)]
pub struct Listening(TcpListener);

impl Listening {
    /// Listens on the address, so that it is known to be free before the program begins its work.
    ///
    /// # Errors
    /// If it can't be used, and how to fix it.
    pub fn on(address: SocketAddr) -> Result<Self, ListenError> {
        TcpListener::bind(address)
            .map(Self)
            .map_err(|source| ListenError { address, source })
    }

    /// The address, with the port that the system chose in place of 0.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves pages made from `look`, which is called for each request, until the server is
    /// dropped.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn serve<P: Pages>(
        self,
        look: impl Fn() -> P + Send + Sync + 'static,
    ) -> io::Result<Server> {
        Server::start(self.0, Arc::new(move |path: &str| page(path, &look)))
    }
}

/// Pages can't be served at an address, that of `--metrics`.
#[derive(Debug, Error)]
#[error("can't serve metrics on {address}: {source}{}", fix(source))]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// The error of the system.
    pub source: io::Error,
}

/// How to fix an address that can't be used.
fn fix(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            ". Another program has that port: `ss -ltnp` says which; give --metrics another"
        }
        io::ErrorKind::AddrNotAvailable => {
            ". This machine does not have that address: `ip address` lists those it has"
        }
        io::ErrorKind::PermissionDenied => ". Give --metrics a port of 1024 or more",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Example {
        unready: &'static str,
    }

    impl Pages for Example {
        const INDEX: &'static str = "example\n";

        fn metrics(&self) -> String {
            "example 1\n".to_owned()
        }

        fn unhealthy(&self) -> String {
            String::new()
        }

        fn unready(&self) -> String {
            self.unready.to_owned()
        }
    }

    #[test]
    fn each_path_has_its_page() {
        let page = |path, unready| page(path, &|| Example { unready });
        assert_eq!(page("/", ""), Page::plain(Status::Ok, "example\n"));
        let metrics = Page::new(Status::Ok, exposition::MEDIA_TYPE, "example 1\n");
        assert_eq!(page("/metrics", ""), metrics);
        assert_eq!(page("/healthz", ""), Page::plain(Status::Ok, "ok\n"));
        assert_eq!(page("/readyz", ""), Page::plain(Status::Ok, "ok\n"));
        let away = "the disk is full\n";
        assert_eq!(page("/healthz", away), Page::plain(Status::Ok, "ok\n"));
        assert_eq!(
            page("/readyz", away),
            Page::plain(Status::Unavailable, away)
        );
        let unknown = Page::plain(Status::NotFound, "not found\n\nexample\n");
        assert_eq!(page("/else", ""), unknown);
    }

    #[test]
    fn an_address_that_is_taken() {
        let first = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = first.local_addr().expect("a bound socket");
        let error = Listening::on(address).expect_err("it is taken").to_string();
        assert!(error.contains(&address.to_string()), "{error}");
        assert!(error.contains("give --metrics another"), "{error}");
        let foreign = SocketAddr::from(([192, 0, 2, 77], 9530));
        let error = Listening::on(foreign)
            .expect_err("it is nobody's")
            .to_string();
        assert!(error.contains("`ip address`"), "{error}");
    }
}
