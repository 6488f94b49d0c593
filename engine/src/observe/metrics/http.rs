//! An HTTP server for a few small pages, with bounded resources.
//!
//! A connection has one request, a fixed number of connections are open at once, and each has a
//! deadline. Where there is no room for another, one that waits for its client gives way: the oldest of
//! the address that has most. So clients that are slow, silent or hostile delay no other, and a
//! health check that asks at once is answered whatever they do. Between requests, one thread sleeps
//! in accept(2). Request bodies, compression and TLS are not supported; a proxy can add them.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Connections that are open at once.
const MAX_CONNECTIONS: usize = 16;

/// Threads of connections, with those that gave way and are about to end; a connection beyond them
/// is answered with 503.
const MAX_THREADS: usize = 2 * MAX_CONNECTIONS;

/// Longest life of a connection.
const LIFE: Duration = Duration::from_secs(10);

/// Largest request in bytes, and most headers in it.
const MAX_REQUEST_BYTES: usize = 8 << 10;
const MAX_HEADERS: usize = 64;

/// Bytes of the stack of a connection's thread.
const STACK_BYTES: usize = 256 << 10;

/// Bytes of a page that any socket takes at once.
const BUFFERED_BYTES: usize = 2 << 10;

/// Pause after accept(2) has failed, which it may do immediately and repeatedly.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

const TEXT: &str = "text/plain; charset=utf-8";

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    status: Status,
    kind: &'static str,
    body: String,
}

/// The status line of a response (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    TooLarge,
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
    pub(super) fn plain(status: Status, body: impl Into<String>) -> Self {
        Self::new(status, TEXT, body)
    }

    /// A page of any media type.
    pub(super) fn new(status: Status, kind: &'static str, body: impl Into<String>) -> Self {
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

/// Returns the page of a path.
pub(super) type Site = dyn Fn(&str) -> Page + Send + Sync;

/// A running server. Dropping it ends it: no more connections are accepted.
#[derive(Debug)]
pub(super) struct Server {
    listener: Arc<TcpListener>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the pages of `site`.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub(super) fn start(listener: TcpListener, site: Arc<Site>) -> io::Result<Self> {
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
        let connection = Arc::new(Connection {
            stream,
            peer: peer.ip(),
            deadline: Instant::now() + LIFE,
            is_asked: AtomicBool::new(false),
        });
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

/// A connection. Reads and writes fail after its deadline.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    peer: IpAddr,
    deadline: Instant,
    /// Whether its request is there and the page is being made, for which it waits for nobody
    /// outside.
    is_asked: AtomicBool,
}

/// A request.
enum Request {
    Page { path: String, with_body: bool },
    Refused(Status),
}

impl Connection {
    fn serve(&self, site: &Site) -> io::Result<()> {
        match self.request()? {
            Request::Page { path, with_body } => {
                self.is_asked.store(true, Ordering::Relaxed);
                let page = site(&path);
                // A large page waits for the client to read.
                let is_buffered = page.body.len() <= BUFFERED_BYTES;
                self.is_asked.store(is_buffered, Ordering::Relaxed);
                self.answer(&page, with_body)?;
                self.is_asked.store(false, Ordering::Relaxed);
            }
            Request::Refused(status) => {
                let page = Page::plain(status, "this server knows GET and HEAD\n");
                self.answer(&page, true)?;
            }
        }
        self.linger()
    }

    fn request(&self) -> io::Result<Request> {
        let mut bytes = [0; MAX_REQUEST_BYTES];
        let mut length = 0;
        while length < bytes.len() {
            let more = self.read(&mut bytes[length..])?;
            if more == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            length += more;
            if let Some(request) = parse(&bytes[..length]) {
                return Ok(request);
            }
        }
        Ok(Request::Refused(Status::TooLarge))
    }

    fn answer(&self, page: &Page, with_body: bool) -> io::Result<()> {
        self.write(page.head().as_bytes())?;
        if with_body {
            self.write(page.body.as_bytes())?;
        }
        self.stream.shutdown(Shutdown::Write)
    }

    /// Waits until the client has closed its side: closing a connection with unread bytes resets
    /// it, and the client may lose the response (RFC 9112, section 9.6).
    fn linger(&self) -> io::Result<()> {
        let mut rest = [0; 1 << 10];
        while self.read(&mut rest)? > 0 {}
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        (&self.stream).read(buffer)
    }

    fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.left()?))?;
            match (&self.stream).write(bytes)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = &bytes[written..],
            }
        }
        Ok(())
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

/// The request; `None` if it is not complete.
fn parse(bytes: &[u8]) -> Option<Request> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(_)) => {
            let (method, path) = (request.method?, request.path?);
            let path = path.split('?').next().unwrap_or(path).to_owned();
            Some(match method {
                "GET" | "HEAD" => Request::Page {
                    path,
                    with_body: method == "GET",
                },
                _ => Request::Refused(Status::MethodNotAllowed),
            })
        }
        Err(httparse::Error::TooManyHeaders) => Some(Request::Refused(Status::TooLarge)),
        Err(_) => Some(Request::Refused(Status::BadRequest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let site = Arc::new(|path: &str| match path {
            "/large" => Page::plain(Status::Ok, "x".repeat(16 << 20)),
            _ => Page::plain(Status::Ok, format!("this is {path}")),
        });
        Server::start(listener, site).expect("a thread")
    }

    fn ask(server: &Server, request: &str) -> String {
        let mut client = TcpStream::connect(server.address()).expect("a server that listens");
        client
            .write_all(request.as_bytes())
            .expect("room in the buffer");
        let mut answer = String::new();
        client
            .read_to_string(&mut answer)
            .expect("an answer to the end");
        answer
    }

    #[test]
    fn pages() {
        let server = server();
        let got = ask(&server, "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
        assert!(got.contains("\r\nContent-Length: 10\r\n"), "{got}");
        assert!(got.ends_with("\r\n\r\nthis is /a"), "{got}");
        let got = ask(&server, "HEAD /a HTTP/1.1\r\n\r\n");
        assert!(got.contains("\r\nContent-Length: 10\r\n"), "{got}");
        assert!(got.ends_with("\r\n\r\n"), "{got}");
    }

    #[test]
    fn refusals() {
        let server = server();
        let got = ask(&server, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
        assert!(got.starts_with("HTTP/1.1 405 "), "{got}");
        assert!(got.contains("\r\nAllow: GET, HEAD\r\n"), "{got}");
        let got = ask(&server, "\u{1}\u{2}\r\n\r\n");
        assert!(got.starts_with("HTTP/1.1 400 "), "{got}");
        let long = "x".repeat(MAX_REQUEST_BYTES);
        let got = ask(&server, &format!("GET /{long} HTTP/1.1\r\n\r\n"));
        assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
        let many = "A: b\r\n".repeat(MAX_HEADERS + 1);
        let got = ask(&server, &format!("GET / HTTP/1.1\r\n{many}\r\n"));
        assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
    }

    /// Many clients that send nothing, half a request, or don't read the response: whoever asks at
    /// once is served, the oldest of them are closed, and the end of the server waits for none.
    #[test]
    fn slow_clients_delay_no_other() {
        let server = server();
        let connect = || TcpStream::connect(server.address()).expect("a server that listens");
        let texts = ["", "GET / HT", "GET /large HTTP/1.1\r\n\r\n"];
        let mut slow: Vec<TcpStream> = Vec::new();
        for text in texts.iter().cycle().take(5 * MAX_CONNECTIONS) {
            let mut client = connect();
            // It may be closed as soon as others come.
            let _ = client.write_all(text.as_bytes());
            slow.push(client);
            let got = ask(&server, "GET /healthz HTTP/1.1\r\n\r\n");
            assert!(got.ends_with("this is /healthz"), "{got}");
        }
        let mut oldest = &slow[0];
        assert!(
            matches!(oldest.read(&mut [0]), Ok(0) | Err(_)),
            "it has given way"
        );
        let address = server.address();
        drop(server);
        assert!(
            TcpStream::connect(address).is_err(),
            "nobody listens any more"
        );
        drop(slow);
    }

    fn connection(peer: IpAddr) -> Arc<Connection> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        Arc::new(Connection {
            stream: TcpStream::connect(address).expect("it listens"),
            peer,
            deadline: Instant::now() + LIFE,
            is_asked: AtomicBool::new(false),
        })
    }

    /// The oldest of the address that has most, but for those whose page is being made.
    #[test]
    fn who_gives_way() {
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        let all = [one, other, other, one, other].map(connection);
        let mut open: Vec<_> = all.iter().map(Arc::downgrade).collect();
        all[1].is_asked.store(true, Ordering::Relaxed);
        let mut gone = Vec::new();
        while make_room(&mut open) {
            let left =
                |one: &Arc<Connection>| open.iter().any(|it| it.ptr_eq(&Arc::downgrade(one)));
            let index = all.iter().enumerate();
            gone.extend(index.filter(|(_, it)| !left(it)).map(|(index, _)| index));
            gone.sort_unstable();
            gone.dedup();
            if gone.len() == 1 {
                assert_eq!(gone, [0], "both have two that wait");
            }
            if gone.len() == 2 {
                assert_eq!(gone, [0, 2], "the other has more now");
            }
        }
        assert_eq!(gone, [0, 2, 3, 4], "one is being answered");
    }
}
