//! Datagrams that the kernel dropped before a UDP socket.

use std::fs;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

/// Column of the socket's inode in `/proc/net/udp` (proc_pid_net(5)).
const INODE_COLUMN: usize = 9;

/// Datagrams that `socket` had no room for, if this system tells.
pub(crate) fn drops(socket: &UdpSocket) -> Option<u64> {
    let inode = fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd()))
        .ok()?
        .ino();
    ["/proc/self/net/udp", "/proc/self/net/udp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| find(&table, inode))
}

/// The last column, drops, of the socket's line.
fn find(table: &str, inode: u64) -> Option<u64> {
    table
        .lines()
        .find(|line| {
            line.split_ascii_whitespace()
                .nth(INODE_COLUMN)
                .and_then(|column| column.parse().ok())
                == Some(inode)
        })?
        .split_ascii_whitespace()
        .last()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overflows_a_socket_is_counted() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(drops(&receiver), Some(0));
        socket2::SockRef::from(&receiver)
            .set_recv_buffer_size(4096)
            .unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            sender
                .send_to(&[0; 1000], receiver.local_addr().unwrap())
                .unwrap();
        }
        receiver.set_nonblocking(true).unwrap();
        let mut received = 0;
        while receiver.recv(&mut [0; 1000]).is_ok() {
            received += 1;
        }
        assert!(received < 100);
        assert_eq!(drops(&receiver), Some(100 - received));
    }
}
