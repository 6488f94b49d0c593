//! An HTTP server for a few small pages, with bounded resources.
//!
//! A connection has one request, a fixed number of connections are open at once, and each has a
//! deadline. Where there is no room for another, one that waits for its client gives way: the
//! oldest of the address that has most. So clients that are slow, silent or hostile delay no other,
//! and a health check that asks at once is answered whatever they do. Between requests, one thread
//! sleeps in accept(2). Request bodies, compression and TLS are not supported; a proxy can add
//! them.

mod connection;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Shutdown, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use connection::Connection;

/// Connections that are open at once.
const MAX_CONNECTIONS: usize = 16;

/// Threads of connections, with those that gave way and are about to end; a connection beyond them
/// is answered with 503.
const MAX_THREADS: usize = 2 * MAX_CONNECTIONS;

/// Longest life of a connection.
const LIFE: Duration = Duration::from_secs(10);

/// Bytes of the stack of a connection's thread.
const STACK_BYTES: usize = 256 << 10;

/// Pause after accept(2) has failed, which it may do immediately and repeatedly.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

const TEXT: &str = "text/plain; charset=utf-8";

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    status: Status,
    kind: &'static str,
    body: String,
}

/// The status line of a response (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 400: it is no request.
    BadRequest,
    /// 404: there is no page of that path.
    NotFound,
    /// 405: it is neither GET nor HEAD.
    MethodNotAllowed,
    /// 431 (RFC 6585, section 5): the request has too many bytes or headers.
    TooLarge,
    /// 503: the program is not well, or has no room for the connection.
    Unavailable,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed\r\nAllow: GET, HEAD",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }
}

impl Page {
    /// A page of plain text.
    pub fn plain(status: Status, body: impl Into<String>) -> Self {
        Self::new(status, TEXT, body)
    }

    /// A page of any media type.
    pub fn new(status: Status, kind: &'static str, body: impl Into<String>) -> Self {
        let body = body.into();
        Self { status, kind, body }
    }

    fn head(&self) -> String {
        format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.status.line(),
            self.kind,
            self.body.len()
        )
    }
}

/// Returns the page of a path, which has no query. It is called on the thread of each connection.
pub type Site = dyn Fn(&str) -> Page + Send + Sync;

/// A running server. Dropping it ends it: no more connections are accepted.
#[derive(Debug)]
pub struct Server {
    listener: Arc<TcpListener>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the pages of `site`, on a thread of its own.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn start(listener: TcpListener, site: Arc<Site>) -> io::Result<Self> {
        let listener = Arc::new(listener);
        let stop = Arc::new(AtomicBool::new(false));
        let (accepting, told) = (Arc::clone(&listener), Arc::clone(&stop));
        let thread = thread::Builder::new()
            .name("metrics".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || accept(&accepting, &told, &site))?;
        Ok(Self {
            listener,
            stop,
            thread: Some(thread),
        })
    }

    #[cfg(test)]
    fn address(&self) -> std::net::SocketAddr {
        self.listener.local_addr().expect("a bound socket")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // This wakes accept(2). Open connections end at their deadlines, or with the process.
        if SockRef::from(&*self.listener)
            .shutdown(Shutdown::Both)
            .is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, stop: &AtomicBool, site: &Arc<Site>) {
    // Each thread holds a reference, so that their number is that of threads.
    let threads = Arc::new(());
    // In the order in which they were accepted.
    let mut open: Vec<Weak<Connection>> = Vec::new();
    loop {
        let accepted = listener.accept();
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok((stream, peer)) = accepted else {
            thread::sleep(ACCEPT_PAUSE);
            continue;
        };
        let deadline = Instant::now() + LIFE;
        let connection = Arc::new(Connection::new(stream, peer.ip(), deadline));
        open.retain(|one| one.strong_count() > 0);
        let has_room = open.len() < MAX_CONNECTIONS || make_room(&mut open);
        let thread = Arc::clone(&threads);
        if !has_room || Arc::strong_count(&threads) > MAX_THREADS + 1 {
            // This fits into the socket's buffer, so that it does not block.
            let busy = Page::plain(Status::Unavailable, "too many connections; try again\n");
            let _ = connection.answer(&busy, true);
            continue;
        }
        open.push(Arc::downgrade(&connection));
        let site = Arc::clone(site);
        // If no thread can be started, the connection is closed.
        let _ = thread::Builder::new()
            .name("metrics-client".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let _thread = thread;
                // It fails if the client closes the connection early.
                let _ = connection.serve(&*site);
            });
    }
}

/// Ends the oldest connection that waits for its client, of the address that has most of these, and
/// takes it out of `open`; returns false if there is none.
fn make_room(open: &mut Vec<Weak<Connection>>) -> bool {
    let waiting: Vec<(usize, Arc<Connection>)> = open
        .iter()
        .enumerate()
        .filter_map(|(index, one)| Some((index, one.upgrade()?)))
        .filter(|(_, one)| !one.is_asked.load(Ordering::Relaxed))
        .collect();
    let of = |peer: IpAddr| waiting.iter().filter(|(_, one)| one.peer == peer).count();
    // The first of the largest: `max_by_key` gives the last.
    let chosen = waiting.iter().rev().max_by_key(|(_, one)| of(one.peer));
    let Some((index, one)) = chosen else {
        return false;
    };
    // Its thread sees that as the end of the stream, or as an error. It fails if the client has
    // ended the connection.
    let _ = one.stream.shutdown(Shutdown::Both);
    open.remove(*index);
    true
}
