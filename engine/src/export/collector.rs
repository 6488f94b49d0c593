//! One collector: a connected UDP socket that is allowed to fail.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use glommio::GlommioError;
use log::warn;

use crate::capture::sys;

/// At most one line about the same collector in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Time between attempts to open a socket anew.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A collector, and the socket to it while there is one.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    /// Bytes of a full datagram.
    datagram_bytes: usize,
    segments: Segments,
    socket: Option<glommio::net::UdpSocket>,
    /// Kept over sockets, so that the stream stays one to the collector.
    local: Option<SocketAddr>,
    retry_at: Option<Instant>,
    trouble: Trouble,
}

/// What became of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Taken by the network.
    pub delivered: u64,
    /// Not taken.
    pub failed: u64,
    /// Taken before, and refused by the other end as it now turns out.
    pub refused: u64,
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
    pub fn new(address: SocketAddr, datagram_bytes: usize) -> Self {
        let mut collector = Collector {
            address,
            datagram_bytes,
            segments: Segments::On,
            socket: None,
            local: None,
            retry_at: None,
            trouble: Trouble::default(),
        };
        if let Err(error) = collector.open() {
            collector.trouble.add(0, address, &error);
        }
        collector
    }

    /// Sends a run of datagrams of `size` bytes, the last of which may be shorter: all at once where the kernel
    /// can cut them. Those that did not leave are counted, and said once a minute.
    pub async fn send(&mut self, run: &[u8], size: usize) -> Delivery {
        let mut delivery = Delivery::default();
        if self.segments == Segments::On && size == self.datagram_bytes && run.len() > size {
            match self.attempt(run, &mut delivery).await {
                Ok(()) => {
                    delivery.delivered += count(run, size);
                    return delivery;
                }
                Err(error) if is_about_segments(&error) => self.end_segments(),
                // One at a time, in case it is only some that can't leave.
                Err(_) => {}
            }
        }
        for datagram in run.chunks(size.max(1)) {
            match self.attempt(datagram, &mut delivery).await {
                Ok(()) => delivery.delivered += 1,
                Err(error) => {
                    delivery.failed += 1;
                    self.trouble.add(1, self.address, &error);
                }
            }
        }
        delivery
    }

    /// One send. An answer that the datagram before it was refused is counted, and this one sent all the same.
    async fn attempt(&mut self, bytes: &[u8], delivery: &mut Delivery) -> io::Result<()> {
        if self.socket.is_none() {
            self.open()?;
        }
        let Some(socket) = &self.socket else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let mut sent = socket.send(bytes).await;
        if let Some(refusal) = refusal(&sent) {
            delivery.refused += 1;
            self.trouble.add(1, self.address, &refusal);
            sent = socket.send(bytes).await;
        }
        match sent {
            Ok(length) if length == bytes.len() => Ok(()),
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) => {
                let error = io::Error::from(error);
                if error.kind() != io::ErrorKind::ConnectionRefused {
                    // An address or a route may have gone: the next datagram gets a new socket.
                    self.socket = None;
                }
                Err(error)
            }
        }
    }

    fn end_segments(&mut self) {
        self.segments = Segments::Off;
        if let Some(socket) = &self.socket {
            // Where that fails there is nothing to end.
            let _ = sys::segment_sends(socket, 0);
        }
    }

    fn open(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if self.retry_at.is_some_and(|at| now < at) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.retry_at = Some(now + RETRY_INTERVAL);
        let any: IpAddr = match self.address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let port = self.local.map_or(0, |local| local.port());
        let socket = UdpSocket::bind((any, port))?;
        socket.connect(self.address)?;
        self.local = socket.local_addr().ok();
        let segment = u16::try_from(self.datagram_bytes).unwrap_or(0);
        if self.segments == Segments::On && sys::segment_sends(&socket, segment).is_err() {
            self.segments = Segments::Off;
        }
        self.socket = Some(sys::udp_socket(socket));
        self.retry_at = None;
        Ok(())
    }
}

fn refusal(sent: &Result<usize, GlommioError<()>>) -> Option<io::Error> {
    match sent {
        Err(GlommioError::IoError(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Some(error.kind().into())
        }
        _ => None,
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
    fn add(&mut self, failed: u64, address: SocketAddr, error: &io::Error) {
        self.failed += failed;
        let now = Instant::now();
        if self.said_at.is_some_and(|at| now < at + LOG_INTERVAL) {
            return;
        }
        self.said_at = Some(now);
        let failed = std::mem::take(&mut self.failed);
        warn!(
            collector:% = address;
            "collector {address}: {error}; {failed} datagrams did not arrive"
        );
    }
}
