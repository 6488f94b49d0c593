//! A collector: a connected UDP socket whose failures are counted, and never end the sensor.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::warn;

use super::held::Held;
use super::runs::{MARK_BYTES, Runs};
use crate::export::destination::Destination;

/// Least time between two log lines about the same collector.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Most reports that are read with one send. The kernel keeps about 200.
const MAX_REPORTS: usize = 64;

/// Time between attempts to open a socket.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A collector, and the socket to it if it is open.
#[derive(Debug)]
pub struct Collector {
    destination: Destination,
    name: Arc<str>,
    /// Size of a full datagram, in bytes.
    datagram_bytes: usize,
    segmentation: Segmentation,
    /// Shared with a send that waits for room.
    pub(super) socket: Option<Arc<UdpSocket>>,
    /// Runs that wait for room in the socket buffer.
    pub(super) held: Held,
    /// Whether the last wait for room was in vain: until there is some, nothing waits.
    pub(super) is_congested: bool,
    /// Whether the present round has sends of this collector.
    pub(super) takes_part: bool,
    /// Address of the last socket. Its port is reused, so that the collector sees one stream.
    local_address: Option<SocketAddr>,
    retry_at: Option<Instant>,
    /// The latest runs, for reports about them.
    pub(super) runs: Runs,
    pub(super) counts: Counts,
    failures: FailureLog,
}

/// Delivery counts of one collector.
#[derive(Clone, Debug)]
pub struct CollectorSnapshot {
    /// The collector as the user wrote it.
    pub name: Arc<str>,
    /// Its present address.
    pub address: SocketAddr,
    /// Datagrams accepted by the network, less those reported later.
    pub delivered: u64,
    /// Datagrams that could not be sent, that the other end refused, or that did not reach it.
    pub failed: u64,
}

/// Delivery counts, in datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Accepted by the network, less those reported later.
    pub(super) delivered: u64,
    /// Not sent, or refused by the other end or on the way to it, which a later send reports.
    pub(super) failed: u64,
}

/// Whether the socket uses segmentation offload: the kernel divides a send into datagrams
/// (UDP_SEGMENT, udp(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segmentation {
    On,
    Off,
}

/// Failures that were not logged yet.
#[derive(Debug, Default)]
struct FailureLog {
    /// Failed datagrams since the last line.
    failed: u64,
    logged_at: Option<Instant>,
}

impl Collector {
    /// Opens a socket to `destination`. If that fails, a later send tries again. `datagram_bytes`
    /// is the size of a full datagram.
    #[must_use]
    pub fn new(destination: Destination, datagram_bytes: usize) -> Self {
        let mut collector = Self {
            name: destination.written().into(),
            destination,
            datagram_bytes,
            segmentation: Segmentation::On,
            socket: None,
            held: Held::default(),
            is_congested: false,
            takes_part: false,
            local_address: None,
            retry_at: None,
            runs: Runs::default(),
            counts: Counts::default(),
            failures: FailureLog::default(),
        };
        if let Err(error) = collector.open() {
            collector.fail(0, &error);
        }
        collector
    }

    /// Whether this is the collector of `destination`, whatever its address.
    pub(super) fn is_for(&self, destination: &Destination) -> bool {
        self.destination.is_same(destination)
    }

    /// Applies the present address of the collector, and another size of full datagrams.
    pub(super) fn change(&mut self, destination: &Destination, datagram_bytes: usize) {
        let has_moved = self.destination.address() != destination.address();
        self.destination = destination.clone();
        if self.datagram_bytes != datagram_bytes {
            self.datagram_bytes = datagram_bytes;
            self.enable_segmentation();
        }
        if has_moved {
            // The new socket reuses the port of the old one, which must be closed first.
            self.socket = None;
            self.retry_at = None;
            self.is_congested = false;
            if let Err(error) = self.open() {
                self.fail(0, &error);
            }
        }
    }

    /// Delivery counts since the start.
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

    /// Counts the datagrams that the kernel has reported with `error`, in order, at most
    /// [`MAX_REPORTS`]; returns whether there are any. The next send says if there are more.
    #[cold]
    pub(super) fn count_reported(&mut self, error: &io::Error) -> bool {
        let Some(socket) = &self.socket else {
            return false;
        };
        if error.kind() == io::ErrorKind::WouldBlock {
            return false;
        }
        let mut reports = 0;
        let mut datagrams = 0;
        let mut quoted = [0; MARK_BYTES];
        while reports < MAX_REPORTS
            && let Ok(length) = dnsflow_sys::next_report(socket, &mut quoted)
        {
            reports += 1;
            datagrams += self.runs.concerned(&quoted[..length]);
        }
        if reports == 0 {
            // A refusal is always about an earlier datagram, even if the kernel had no memory for
            // the report.
            if error.kind() != io::ErrorKind::ConnectionRefused {
                return false;
            }
            datagrams = 1;
        }
        let datagrams = datagrams.min(self.counts.delivered);
        if datagrams > 0 {
            self.counts.delivered -= datagrams;
            self.fail(datagrams, error);
        }
        true
    }

    pub(super) fn datagram_bytes(&self) -> usize {
        self.datagram_bytes
    }

    pub(super) fn has_segmentation(&self) -> bool {
        self.segmentation == Segmentation::On
    }

    /// Whether one send takes the whole run, of datagrams of `size` bytes.
    pub(super) fn takes_run(&self, run: &[u8], size: usize) -> bool {
        self.has_segmentation() && size == self.datagram_bytes && run.len() > size
    }

    pub(super) fn fail(&mut self, datagrams: u64, error: &io::Error) {
        self.counts.failed += datagrams;
        self.failures.add(datagrams, &self.destination, error);
    }

    fn enable_segmentation(&mut self) {
        let segment = u16::try_from(self.datagram_bytes).unwrap_or(0);
        self.segmentation = match &self.socket {
            Some(socket) if dnsflow_sys::segment_sends(&**socket, segment).is_ok() => {
                Segmentation::On
            }
            _ => Segmentation::Off,
        };
    }

    pub(super) fn disable_segmentation(&mut self) {
        self.segmentation = Segmentation::Off;
        if let Some(socket) = &self.socket {
            // If this fails, the socket has no segmentation to disable.
            let _ = dnsflow_sys::segment_sends(&**socket, 0);
        }
    }

    pub(super) fn open(&mut self) -> io::Result<()> {
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
        let port = self.local_address.map_or(0, |local| local.port());
        let socket = UdpSocket::bind((any, port))?;
        socket.connect(address)?;
        dnsflow_sys::report_errors(&socket, address.is_ipv6())?;
        self.local_address = socket.local_addr().ok();
        self.socket = Some(Arc::new(socket));
        self.enable_segmentation();
        self.retry_at = None;
        Ok(())
    }
}

impl FailureLog {
    /// Counts failed datagrams; logs them, and those before, at most once in [`LOG_INTERVAL`].
    fn add(&mut self, failed: u64, destination: &Destination, error: &io::Error) {
        self.failed += failed;
        let now = Instant::now();
        if self.logged_at.is_some_and(|at| now < at + LOG_INTERVAL) {
            return;
        }
        self.logged_at = Some(now);
        let failed = std::mem::take(&mut self.failed);
        warn!(
            collector = destination.written();
            "collector {destination}: {error}; {failed} datagrams did not arrive"
        );
    }
}
