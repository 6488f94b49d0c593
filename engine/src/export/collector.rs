//! One collector: a connected UDP socket that is allowed to fail.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use glommio::GlommioError;

use crate::capture::sys;

/// At most one line about the same collector in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Time between attempts to open a socket anew.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A collector, and the socket to it while there is one.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    socket: Option<glommio::net::UdpSocket>,
    /// Kept over sockets, so that the stream stays one to the collector.
    local: Option<SocketAddr>,
    retry_at: Option<Instant>,
    trouble: Trouble,
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
    pub fn new(address: SocketAddr) -> Self {
        let mut collector = Collector {
            address,
            socket: None,
            local: None,
            retry_at: None,
            trouble: Trouble::default(),
        };
        if let Err(error) = collector.open() {
            collector.trouble.say(address, &error);
        }
        collector
    }

    /// Sends one datagram; false if it did not leave, which is counted and said once a minute.
    pub async fn send(&mut self, datagram: &[u8]) -> bool {
        match self.attempt(datagram).await {
            Ok(()) => true,
            Err(error) => {
                self.trouble.failed += 1;
                self.trouble.say(self.address, &error);
                false
            }
        }
    }

    async fn attempt(&mut self, datagram: &[u8]) -> io::Result<()> {
        if self.socket.is_none() {
            self.open()?;
        }
        let Some(socket) = &self.socket else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let mut sent = socket.send(datagram).await;
        if is_refusal(&sent) {
            // What was refused is an earlier datagram; this one was not sent yet.
            sent = socket.send(datagram).await;
        }
        match sent {
            Ok(bytes) if bytes == datagram.len() => Ok(()),
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
        self.socket = Some(sys::udp_socket(socket));
        self.retry_at = None;
        Ok(())
    }
}

fn is_refusal(sent: &Result<usize, GlommioError<()>>) -> bool {
    matches!(sent, Err(GlommioError::IoError(error)) if error.kind() == io::ErrorKind::ConnectionRefused)
}

impl Trouble {
    fn say(&mut self, address: SocketAddr, error: &io::Error) {
        let now = Instant::now();
        if self.said_at.is_some_and(|at| now < at + LOG_INTERVAL) {
            return;
        }
        self.said_at = Some(now);
        let failed = std::mem::take(&mut self.failed);
        eprintln!(
            "dnsflow: collector {address}: {error} ({failed} datagrams not delivered since the last such line)"
        );
    }
}
