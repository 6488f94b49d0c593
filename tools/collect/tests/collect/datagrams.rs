//! Datagrams of two versions, made by hand, and sockets that send them.

use std::net::{SocketAddr, UdpSocket};

/// A datagram of version 4 with one set: the address 192.0.2.1 of `nNUMBER.example`.
pub(crate) fn v4(number: u32) -> Vec<u8> {
    let name = format!("n{number}");
    let mut names = vec![u8::try_from(name.len()).expect("a short label")];
    names.extend(name.bytes());
    names.extend(b"\x07example\0");
    while names.len() % 4 != 0 {
        names.push(0);
    }
    let mut datagram = vec![4, 1, 0, 0];
    datagram.extend(number.to_be_bytes());
    datagram.extend([4, 1, 1, 0, 0]);
    datagram.extend([u8::try_from(names.len()).expect("short"), 0, 0]);
    datagram.extend([198, 51, 100, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    datagram.extend([192, 0, 2, 53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    datagram.extend(names);
    datagram.extend([192, 0, 2, 1]);
    datagram
}

/// A datagram of version 5 with one record: the address 192.0.2.1 of `nNUMBER.example`.
pub(crate) fn v5(number: u64, boot: u64, core: u16) -> Vec<u8> {
    let name = format!("n{number}");
    let mut record = vec![0, 0];
    // Time, client, its port.
    record.extend([0, 198, 51, 100, 7, 0x80, 0]);
    // The resolver follows.
    record.extend([0, 5, 0, 192, 0, 2, 53]);
    record.push(u8::try_from(name.len()).expect("a short label"));
    record.extend(name.bytes());
    record.extend(b"\x07example\0");
    // One A record with a TTL of 60 seconds, and the end of the answers.
    record.extend([0x21, 60, 192, 0, 2, 1, 0]);
    let mut datagram = vec![5, 8, 0, 0];
    datagram.extend(core.to_be_bytes());
    datagram.extend([0, 1]);
    datagram.extend(number.to_be_bytes());
    datagram.extend(boot.to_be_bytes());
    datagram.extend(1_700_000_000_000_000_u64.to_be_bytes());
    datagram.extend(u16::try_from(record.len()).expect("short").to_be_bytes());
    datagram.extend(record);
    datagram
}

/// A sensor: a socket of its own.
pub(crate) struct Sender(UdpSocket);

impl Sender {
    pub(crate) fn from(address: &str, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).expect("a free port");
        socket.connect(to).expect("a route");
        Self(socket)
    }

    pub(crate) fn send(&self, datagram: &[u8]) {
        // What is refused by ICMP is told at the next send.
        let _ = self.0.send(datagram);
    }
}
