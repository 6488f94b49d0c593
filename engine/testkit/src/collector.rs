//! A collector inside the test: a UDP socket in a namespace, with room for all that a test sends.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBufForce;

use crate::export::Export;
use crate::network::Namespace;

/// More than the export of any test, so that whatever is missing was lost before it came here.
const RECEIVE_BUFFER_BYTES: usize = 512 << 20;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Bytes of the largest datagram that fits the MTU of an Ethernet over IPv4.
pub const DATAGRAM_BYTES: usize = 1500 - 20 - 8;

type Datagrams = Vec<(u16, Vec<u8>)>;

/// A thread that keeps every datagram.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    sets: Arc<AtomicUsize>,
    thread: JoinHandle<Datagrams>,
}

impl Collector {
    /// Listens in a namespace; port 0 is any.
    ///
    /// # Panics
    /// If the address can't be listened on, or without CAP_NET_ADMIN.
    #[must_use]
    pub fn listen(namespace: &Namespace, address: &str) -> Self {
        let socket = namespace
            .enter(|| UdpSocket::bind(address))
            .expect("an address to listen on");
        setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER_BYTES).expect("CAP_NET_ADMIN is held");
        socket
            .set_read_timeout(Some(LOOK_AGAIN))
            .expect("a timeout that is not zero");
        let address = socket.local_addr().expect("a bound socket");
        let (stop, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let sets = Arc::<AtomicUsize>::default();
        let told = Arc::clone(&stop);
        let counted = [Arc::clone(&count), Arc::clone(&sets)];
        let thread = thread::spawn(move || receive(&socket, &told, &counted));
        Self {
            address,
            stop,
            count,
            sets,
            thread,
        }
    }

    /// Where it listens, as `-u` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// How many datagrams have come.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// How many sets were in them.
    #[must_use]
    pub fn sets(&self) -> usize {
        self.sets.load(Ordering::Relaxed)
    }

    /// Takes what is still in the socket's buffer, and ends.
    ///
    /// # Panics
    /// If something came that is not as the format says, or that does not fit an Ethernet.
    #[must_use]
    pub fn finish(self) -> Export {
        self.stop.store(true, Ordering::Relaxed);
        let datagrams = self.thread.join().expect("receiving does not panic");
        let datagrams = datagrams.iter();
        let export = Export::from_datagrams(datagrams.map(|(source, bytes)| (*source, &bytes[..])));
        export.assert_at_most(DATAGRAM_BYTES);
        export
    }
}

fn receive(
    socket: &UdpSocket,
    stop: &AtomicBool,
    [count, sets]: &[Arc<AtomicUsize>; 2],
) -> Datagrams {
    let mut datagrams = Vec::new();
    let mut buffer = [0; 1 << 16];
    let mut last = false;
    loop {
        if !last && stop.load(Ordering::Relaxed) {
            // What came before the order is still taken, and what is on its way. Where more keeps coming there is an end
            // all the same.
            last = true;
            thread::sleep(LOOK_AGAIN);
            socket.set_nonblocking(true).expect("a socket of ours");
        }
        match socket.recv_from(&mut buffer) {
            Ok((bytes, source)) => {
                datagrams.push((source.port(), buffer[..bytes].to_vec()));
                count.fetch_add(1, Ordering::Relaxed);
                // Version, number of sets, flags: none for sets.
                if let [4, number, 0, 0, ..] = buffer {
                    sets.fetch_add(usize::from(number), Ordering::Relaxed);
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                if last {
                    return datagrams;
                }
            }
            Err(error) => panic!("receiving: {error}"),
        }
    }
}
