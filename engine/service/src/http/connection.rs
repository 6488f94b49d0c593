//! One connection: a request that is read, and the response to it, before a deadline.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Page, Site, Status};

/// Largest request in bytes, and most headers in it.
pub(super) const MAX_REQUEST_BYTES: usize = 8 << 10;
pub(super) const MAX_HEADERS: usize = 64;

/// Bytes of a page that any socket takes at once.
const BUFFERED_BYTES: usize = 2 << 10;

/// A connection. Reads and writes fail after its deadline.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: IpAddr,
    deadline: Instant,
    /// Whether its request is there and the page is being made, for which it waits for nobody
    /// outside.
    pub(super) is_asked: AtomicBool,
}

/// A request.
enum Request {
    Page { path: String, with_body: bool },
    Refused(Status),
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: IpAddr, deadline: Instant) -> Self {
        Self {
            stream,
            peer,
            deadline,
            is_asked: AtomicBool::new(false),
        }
    }

    /// Reads one request and answers it.
    pub(super) fn serve(&self, site: &Site) -> io::Result<()> {
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

    /// Sends the head of a page, and its body unless the request was HEAD.
    pub(super) fn answer(&self, page: &Page, with_body: bool) -> io::Result<()> {
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
