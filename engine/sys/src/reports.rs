//! Reports about datagrams that were sent and did not arrive (IP_RECVERR, ip(7); IPV6_RECVERR,
//! ipv6(7)).

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{MsgFlags, recv, setsockopt};

/// Has the kernel queue a report for each datagram on a connected UDP socket that was refused or
/// did not reach its host, also those that it would otherwise ignore (EHOSTUNREACH, when no link
/// address is found). The next send fails with the error of the first.
///
/// # Errors
/// Those of setsockopt(2).
pub fn report_errors(socket: &UdpSocket, is_ipv6: bool) -> io::Result<()> {
    let set = if is_ipv6 {
        setsockopt(socket, Ipv6RecvErr, &true)
    } else {
        setsockopt(socket, Ipv4RecvErr, &true)
    };
    Ok(set?)
}

/// Takes the next report, and copies the first bytes of its datagram's payload to `quoted`; returns
/// their number. Never waits.
///
/// # Errors
/// EAGAIN if there is none.
pub fn next_report(socket: &UdpSocket, quoted: &mut [u8]) -> io::Result<usize> {
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    Ok(recv(socket.as_raw_fd(), quoted, flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_datagram_is_reported_with_its_first_bytes() {
        for (address, is_ipv6) in [("127.0.0.1:0", false), ("[::1]:0", true)] {
            let nobody = UdpSocket::bind(address).expect("a port");
            let socket = UdpSocket::bind(address).expect("a port");
            let port = nobody.local_addr().expect("it is bound");
            socket.connect(port).expect("an address of this machine");
            report_errors(&socket, is_ipv6).expect("a UDP socket");
            drop(nobody);
            assert_eq!(socket.send(b"0123456789").ok(), Some(10));
            // On the loopback the refusal is there when the send returns.
            let refused = socket.send(b"another").expect_err("a report is queued");
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            let mut quoted = [0; 4];
            assert_eq!(next_report(&socket, &mut quoted).ok(), Some(4));
            assert_eq!(&quoted, b"0123");
            let none = next_report(&socket, &mut quoted).expect_err("there was one");
            assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
        }
    }
}
