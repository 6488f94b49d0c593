//! What carries messages: datagrams, or a connection.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

/// How long a connection may take to be made.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// How long a collector may take no bytes. It is not gone before: what it has got comes again
/// then.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// How long a collector may take to read what is left, and to close a connection that was closed.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of messages that are written at once to a connection.
const BUFFER_BYTES: usize = 64 << 10;

/// Datagrams are sent in pieces of this time.
const PIECE: Duration = Duration::from_millis(2);

/// A way to a collector.
#[derive(Debug)]
pub(super) enum Transport {
    Udp(UdpSocket, Pace),
    Tcp(TcpStream, Vec<u8>),
}

/// Spreads datagrams over time: a collector's buffer holds only some hundred of them.
#[derive(Debug)]
pub(super) struct Pace {
    /// Time between two datagrams.
    each: Duration,
    next: Instant,
}

impl Transport {
    /// A socket from which datagrams go to `address`, `rate` a second at most.
    pub(super) fn udp(address: &str, rate: u32) -> io::Result<Self> {
        first_that(address, |address| {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any)?;
            // Only a connected socket is told that nobody listens.
            socket.connect(address)?;
            let pace = Pace {
                each: Duration::from_secs(1) / rate.max(1),
                next: Instant::now(),
            };
            Ok(Self::Udp(socket, pace))
        })
    }

    /// A connection to `address`.
    pub(super) fn tcp(address: &str) -> io::Result<Self> {
        first_that(address, |address| {
            let stream = TcpStream::connect_timeout(&address, CONNECT_PATIENCE)?;
            stream.set_write_timeout(Some(WRITE_PATIENCE))?;
            Ok(Self::Tcp(stream, Vec::new()))
        })
    }

    /// Sends a message, or keeps it until there are more.
    pub(super) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket, pace) => {
                pace.wait();
                socket.send(message).map(|_| ())
            }
            Self::Tcp(stream, buffer) => {
                buffer.extend_from_slice(message);
                if buffer.len() >= BUFFER_BYTES {
                    stream.write_all(buffer)?;
                    buffer.clear();
                }
                Ok(())
            }
        }
    }

    /// Sends what is kept, and asks whether the collector is there.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if let Self::Tcp(stream, buffer) = self {
            stream.write_all(buffer)?;
            buffer.clear();
        }
        self.check()
    }

    /// Fails if the collector has refused datagrams, or closed the connection.
    pub(super) fn check(&mut self) -> io::Result<()> {
        match self {
            Self::Udp(socket, _) => socket.take_error()?.map_or(Ok(()), Err),
            Self::Tcp(stream, _) => {
                stream.set_nonblocking(true)?;
                let is_closed = is_closed(stream);
                stream.set_nonblocking(false)?;
                if is_closed? {
                    return Err(closed());
                }
                Ok(())
            }
        }
    }

    /// Says that nothing follows, and waits until the collector has read everything. One that
    /// neither closes the connection nor breaks it is taken to be reading.
    pub(super) fn close(self) -> io::Result<()> {
        let Self::Tcp(mut stream, _) = self else {
            return Ok(());
        };
        stream.shutdown(Shutdown::Write)?;
        let until = Instant::now() + CLOSE_PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            stream.set_read_timeout(Some(left))?;
            if is_closed(&mut stream)? {
                return Ok(());
            }
        }
    }
}

impl Pace {
    fn wait(&mut self) {
        let now = Instant::now();
        self.next = self.next.max(now) + self.each;
        let early = self.next - now;
        if early > PIECE {
            thread::sleep(early);
        }
    }
}

/// Whether the collector has closed the connection. It sends nothing (RFC 7011, section 10.4); what
/// it sends all the same is thrown away.
fn is_closed(stream: &mut TcpStream) -> io::Result<bool> {
    let waits = [
        io::ErrorKind::WouldBlock,
        io::ErrorKind::TimedOut,
        io::ErrorKind::Interrupted,
    ];
    match stream.read(&mut [0; 512]) {
        Ok(count) => Ok(count == 0),
        Err(error) if waits.contains(&error.kind()) => Ok(false),
        Err(error) => Err(error),
    }
}

fn closed() -> io::Error {
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        "the collector has closed the connection",
    )
}

/// What `make` makes of the first address of a host where it succeeds.
fn first_that<T>(
    address: &str,
    mut make: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match make(address) {
            Ok(made) => return Ok(made),
            Err(error) => last = error,
        }
    }
    Err(last)
}
