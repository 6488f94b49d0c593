//! An HTTP server for a few small pages, with bounded resources.
//!
//! A connection has one request, a fixed number of connections are open at once, and each has a
//! deadline. A client that is slow, silent or hostile occupies one connection slot for some seconds
//! and does not delay others. Between requests, one thread sleeps in accept(2). Request bodies,
//! compression and TLS are not supported; a proxy can add them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Connection slots; a connection beyond them is answered with 503.
const MAX_CONNECTIONS: usize = 8;

/// Longest life of a connection.
const LIFE: Duration = Duration::from_secs(10);

/// Largest request in bytes, and most headers in it.
const MAX_REQUEST_BYTES: usize = 8 << 10;
const MAX_HEADERS: usize = 64;

/// Bytes of the stack of a connection's thread.
const STACK_BYTES: usize = 256 << 10;

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
    // Each connection holds a reference, so that their number is that of open connections.
    let slots = Arc::new(());
    loop {
        let accepted = listener.accept();
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok((stream, _)) = accepted else {
            thread::sleep(ACCEPT_PAUSE);
            continue;
        };
        let mut connection = Connection {
            stream,
            deadline: Instant::now() + LIFE,
        };
        let slot = Arc::clone(&slots);
        if Arc::strong_count(&slots) > MAX_CONNECTIONS + 1 {
            // This fits into the socket's buffer, so that it does not block.
            let busy = Page::plain(Status::Unavailable, "too many connections; try again\n");
            let _ = connection.answer(&busy, true);
            continue;
        }
        let site = Arc::clone(site);
        // If no thread can be started, the connection is closed.
        let _ = thread::Builder::new()
            .name("metrics-client".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let _slot = slot;
                // It fails if the client closes the connection early.
                let _ = connection.serve(&*site);
            });
    }
}

/// A connection. Reads and writes fail after its deadline.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    deadline: Instant,
}

/// A request.
enum Request {
    Page { path: String, with_body: bool },
    Refused(Status),
}

impl Connection {
    fn serve(&mut self, site: &Site) -> io::Result<()> {
        match self.request()? {
            Request::Page { path, with_body } => self.answer(&site(&path), with_body)?,
            Request::Refused(status) => {
                let page = Page::plain(status, "this server knows GET and HEAD\n");
                self.answer(&page, true)?;
            }
        }
        self.linger()
    }

    fn request(&mut self) -> io::Result<Request> {
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

    fn answer(&mut self, page: &Page, with_body: bool) -> io::Result<()> {
        self.write(page.head().as_bytes())?;
        if with_body {
            self.write(page.body.as_bytes())?;
        }
        self.stream.shutdown(Shutdown::Write)
    }

    /// Waits until the client has closed its side: closing a connection with unread bytes resets
    /// it, and the client may lose the response (RFC 9112, section 9.6).
    fn linger(&mut self) -> io::Result<()> {
        let mut rest = [0; 1 << 10];
        while self.read(&mut rest)? > 0 {}
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.left()?))?;
            match self.stream.write(bytes)? {
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

    /// Clients that send nothing, half a request, or don't read the response: others are served,
    /// one beyond the last slot gets 503 at once, and the end of the server waits for none of them.
    #[test]
    fn slow_clients_delay_no_other() {
        let server = server();
        let slow: Vec<TcpStream> = ["", "GET / HT", "GET /large HTTP/1.1\r\n\r\n"]
            .iter()
            .cycle()
            .take(MAX_CONNECTIONS - 1)
            .map(|text| {
                let mut client = TcpStream::connect(server.address()).expect("a server");
                client.write_all(text.as_bytes()).expect("room");
                client
            })
            .collect();
        let got = ask(&server, "GET /a HTTP/1.1\r\n\r\n");
        assert!(got.ends_with("this is /a"), "{got}");
        // Those that get no answer at once keep their slots.
        let mut patient = Vec::new();
        let busy = (0..3).find_map(|_| {
            let mut client = TcpStream::connect(server.address()).expect("a server that listens");
            let second = Some(Duration::from_secs(1));
            client
                .set_read_timeout(second)
                .expect("a second is not zero");
            let mut answer = String::new();
            let answered = client.read_to_string(&mut answer).is_ok();
            patient.push(client);
            answered.then_some(answer)
        });
        let busy = busy.expect("the number of slots is limited");
        assert!(busy.starts_with("HTTP/1.1 503 "), "{busy}");
        let address = server.address();
        drop(server);
        assert!(
            TcpStream::connect(address).is_err(),
            "nobody listens any more"
        );
        drop((slow, patient));
    }
}
