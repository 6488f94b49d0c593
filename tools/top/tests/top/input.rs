//! What the program is given: datagrams by a socket, and captures.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use dnsflow_testkit::capture::{Order, Pcap, Unit};
use dnsflow_testkit::datagrams::{Told, v5};
use dnsflow_testkit::packets::Ends;

/// The first packet of every capture, 2023-11-14T22:13:20Z.
const START: Duration = Duration::from_secs(1_700_000_000);

/// A sensor: a socket of its own.
pub(crate) struct Sender {
    socket: UdpSocket,
    name: &'static [u8],
}

impl Sender {
    pub(crate) fn named(name: &'static str, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.connect(to).expect("a route");
        let name = name.as_bytes();
        Self { socket, name }
    }

    /// Sends a datagram of version 5.
    pub(crate) fn send(&self, number: u64, told: &[Told]) {
        let datagram = v5(Some(self.name), 0, 1, number, told);
        self.send_bytes(&datagram);
    }

    pub(crate) fn send_bytes(&self, datagram: &[u8]) {
        self.socket.send(datagram).expect("somebody listens");
    }
}

/// A name, told so many times.
pub(crate) fn times(count: usize, name: &str) -> Vec<Told> {
    vec![Told::of(name); count]
}

/// A capture of datagrams, a second apart, as `dnsflow -w` writes one.
pub(crate) fn capture(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let frames = (0..).zip(datagrams).map(|(number, datagram)| {
        let packet = Ends::of("192.0.2.9", "192.0.2.10").udp(4000, 5300, datagram);
        let time = START + Duration::from_secs(number);
        (time, [&[2, 0, 0, 0][..], &packet].concat())
    });
    let pcap = Pcap {
        order: Order::Little,
        unit: Unit::Micro,
        link: 0,
    };
    pcap.file(frames)
}

/// Writes a file that only the calling test knows.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("room on the disk");
    path
}

/// Waits until a socket bound to `address` has been read empty. What came last may still be in the
/// hands of the reader; all before it is not.
pub(crate) fn wait_until_read(address: SocketAddr) {
    let port = format!(":{:04X}", address.port());
    dnsflow_testkit::patience::until("the socket to be read", || {
        let table = std::fs::read_to_string("/proc/net/udp").expect("a table of sockets");
        // proc_pid_net(5): the local address, then after the state the queues.
        let mut lines = table.lines().map(|line| line.split_ascii_whitespace());
        let line = lines.find(|line| line.clone().nth(1).is_some_and(|at| at.ends_with(&port)));
        let queues = line.expect("a socket of that port").nth(4);
        queues.expect("queues").ends_with(":00000000").then_some(())
    });
}
