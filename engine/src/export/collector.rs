//! One collector: a connected UDP socket that is allowed to fail.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use glommio::GlommioError;
use glommio::timer::timeout;
use log::warn;
use socket2::SockRef;

use super::patience::Patience;
use crate::export::destination::Destination;

/// At most one line about the same collector in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Time between attempts to open a socket anew.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A collector, and the socket to it while there is one.
#[derive(Debug)]
pub struct Collector {
    destination: Destination,
    name: Arc<str>,
    /// Bytes of a full datagram.
    datagram_bytes: usize,
    segments: Segments,
    socket: Option<UdpSocket>,
    /// Whether the last send found no room, and waited for it in vain: then the next does not wait.
    stuck: bool,
    /// Kept over sockets, so that the stream stays one to the collector.
    local: Option<SocketAddr>,
    retry_at: Option<Instant>,
    counts: Counts,
    trouble: Trouble,
}

/// What became of the datagrams to one collector.
#[derive(Clone, Debug)]
pub struct CollectorSnapshot {
    /// As the user wrote it.
    pub name: Arc<str>,
    /// Where that is now.
    pub address: SocketAddr,
    /// Datagrams that the network took.
    pub delivered: u64,
    /// Datagrams that it did not take, or that the other end refused.
    pub failed: u64,
}

/// What became of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Taken by the network.
    pub(super) delivered: u64,
    /// Not taken, or refused by the other end, as it then turned out.
    pub(super) failed: u64,
}

/// Whether the kernel cuts a send into datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segments {
    On,
    Off,
}

/// What went wrong and was not said yet.
#[derive(Debug, Default)]
struct Trouble {
    failed: u64,
    said_at: Option<Instant>,
}

impl Collector {
    /// Opens the socket; one that can't be opened now is tried again later.
    ///
    /// To be called on the thread of the executor that will send.
    #[must_use]
    pub fn new(destination: Destination, datagram_bytes: usize) -> Self {
        let mut collector = Collector {
            name: destination.written().into(),
            destination,
            datagram_bytes,
            segments: Segments::On,
            socket: None,
            stuck: false,
            local: None,
            retry_at: None,
            counts: Counts::default(),
            trouble: Trouble::default(),
        };
        if let Err(error) = collector.open() {
            collector.fail(0, &error);
        }
        collector
    }

    /// Whether this is what the user wrote so.
    pub(super) fn is(&self, destination: &Destination) -> bool {
        self.destination.is_same(destination)
    }

    /// Goes on at the address that it has now, with full datagrams of another size.
    pub(super) fn change(&mut self, destination: &Destination, datagram_bytes: usize) {
        let has_moved = self.destination.address() != destination.address();
        self.destination = destination.clone();
        if self.datagram_bytes != datagram_bytes {
            self.datagram_bytes = datagram_bytes;
            self.begin_segments();
        }
        if has_moved {
            // The port is that of the old socket, which has to be closed first.
            self.socket = None;
            self.retry_at = None;
            self.stuck = false;
            if let Err(error) = self.open() {
                self.fail(0, &error);
            }
        }
    }

    /// Sends a run of datagrams of `size` bytes, the last of which may be shorter: all at once where the kernel
    /// can cut them. Those that did not leave are counted, and said once a minute.
    pub(super) async fn send(&mut self, run: &[u8], size: usize, patience: &mut Patience) {
        if self.segments == Segments::On && size == self.datagram_bytes && run.len() > size {
            match self.attempt(run, patience).await {
                Ok(()) => {
                    self.counts.delivered += count(run, size);
                    return;
                }
                Err(error) if is_about_segments(&error) => self.end_segments(),
                // None of them has left, and there is no room for one either.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.fail(count(run, size), &error);
                }
                // One at a time, in case it is only some that can't leave.
                Err(_) => {}
            }
        }
        for datagram in run.chunks(size.max(1)) {
            match self.attempt(datagram, patience).await {
                Ok(()) => self.counts.delivered += 1,
                Err(error) => self.fail(1, &error),
            }
        }
    }

    /// What became of all datagrams so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn snapshot(&self) -> CollectorSnapshot {
        CollectorSnapshot {
            name: Arc::clone(&self.name),
            address: self.destination.address(),
            delivered: self.counts.delivered,
            failed: self.counts.failed,
        }
    }

    /// One send. An answer that the datagram before it was refused is counted, and this one sent all the same.
    async fn attempt(&mut self, bytes: &[u8], patience: &mut Patience) -> io::Result<()> {
        if self.socket.is_none() {
            self.open()?;
        }
        let mut sent = self.send_now(bytes);
        if let Err(error) = &sent
            && error.kind() == io::ErrorKind::ConnectionRefused
        {
            self.counts.delivered = self.counts.delivered.saturating_sub(1);
            self.fail(1, error);
            sent = self.send_now(bytes);
        }
        if let Err(error) = &sent
            && error.kind() == io::ErrorKind::WouldBlock
        {
            sent = self.send_later(bytes, patience).await;
        }
        match sent {
            Ok(length) if length == bytes.len() => {
                self.stuck = false;
                Ok(())
            }
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) => {
                if !matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock
                ) {
                    // An address or a route may have gone: the next datagram gets a new socket.
                    self.socket = None;
                }
                Err(error)
            }
        }
    }

    fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        SockRef::from(socket).send_with_flags(bytes, libc::MSG_DONTWAIT)
    }

    /// Waits for room, through the executor, but never long: the other collectors wait meanwhile.
    async fn send_later(&mut self, bytes: &[u8], patience: &mut Patience) -> io::Result<usize> {
        let full = io::ErrorKind::WouldBlock;
        let socket = self.socket.as_ref().filter(|_| !self.stuck).ok_or(full)?;
        let socket = dnsflow_sys::udp_socket(socket.try_clone()?);
        let start = Instant::now();
        let sent = timeout(patience.left(start), socket.send(bytes)).await;
        let now = Instant::now();
        patience.spend(now - start, now);
        match sent {
            Err(GlommioError::TimedOut(_)) => {
                self.stuck = true;
                Err(full.into())
            }
            sent => sent.map_err(io::Error::from),
        }
    }

    fn fail(&mut self, datagrams: u64, error: &io::Error) {
        self.counts.failed += datagrams;
        self.trouble.add(datagrams, &self.destination, error);
    }

    fn begin_segments(&mut self) {
        let segment = u16::try_from(self.datagram_bytes).unwrap_or(0);
        self.segments = match &self.socket {
            Some(socket) if dnsflow_sys::segment_sends(socket, segment).is_ok() => Segments::On,
            _ => Segments::Off,
        };
    }

    fn end_segments(&mut self) {
        self.segments = Segments::Off;
        if let Some(socket) = &self.socket {
            // Where that fails there is nothing to end.
            let _ = dnsflow_sys::segment_sends(socket, 0);
        }
    }

    fn open(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.retry_at.is_some_and(|at| now < at) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.retry_at = Some(now + RETRY_INTERVAL);
        let address = self.destination.address();
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let port = self.local.map_or(0, |local| local.port());
        let socket = UdpSocket::bind((any, port))?;
        socket.connect(address)?;
        self.local = socket.local_addr().ok();
        self.socket = Some(socket);
        self.begin_segments();
        self.retry_at = None;
        Ok(())
    }
}

/// Whether the network or the path can't have sends cut up: a device without checksums, an MTU that is too small.
fn is_about_segments(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [
        libc::EIO,
        libc::EINVAL,
        libc::EMSGSIZE,
        libc::ENOPROTOOPT,
        libc::EOPNOTSUPP,
    ]
    .iter()
    .any(|known| code == Some(*known))
}

fn count(run: &[u8], size: usize) -> u64 {
    u64::try_from(run.len().div_ceil(size.max(1))).unwrap_or(u64::MAX)
}

impl Trouble {
    fn add(&mut self, failed: u64, destination: &Destination, error: &io::Error) {
        self.failed += failed;
        let now = Instant::now();
        if self.said_at.is_some_and(|at| now < at + LOG_INTERVAL) {
            return;
        }
        self.said_at = Some(now);
        let failed = std::mem::take(&mut self.failed);
        warn!(
            collector = destination.written();
            "collector {destination}: {error}; {failed} datagrams did not arrive"
        );
    }
}
