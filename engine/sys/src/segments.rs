//! Several datagrams with one send (UDP_SEGMENT, linux/udp.h).

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};

/// Has the kernel divide each send on a connected UDP socket into datagrams of `bytes` bytes, the
/// last of which may be shorter. 0 turns that off.
///
/// # Errors
/// ENOPROTOOPT before Linux 4.18.
pub fn segment_sends(socket: &impl AsFd, bytes: u16) -> io::Result<()> {
    Ok(setsockopt(socket, UdpGsoSegment, &i32::from(bytes))?)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn one_send_becomes_several_datagrams() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = receiver.local_addr().expect("it is bound");
        sender.connect(address).expect("an address of this machine");
        segment_sends(&sender, 4).expect("Linux 4.18 or later");
        assert_eq!(sender.send(b"0123456789").ok(), Some(10));
        let mut buffer = [0; 16];
        for expected in ["0123", "4567", "89"] {
            let length = receiver.recv(&mut buffer).expect("a datagram");
            assert_eq!(&buffer[..length], expected.as_bytes());
        }
        segment_sends(&sender, 0).expect("it can be turned off");
        assert_eq!(sender.send(b"0123456789").ok(), Some(10));
        assert_eq!(receiver.recv(&mut buffer).ok(), Some(10));
    }
}
