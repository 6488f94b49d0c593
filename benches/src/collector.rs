//! A collector that counts records at low cost, and measures the age of probes on arrival.
//!
//! A probe is a response to [`TAP_ADDRESS`] whose name holds the time at which it was sent, in
//! nanoseconds since an epoch that both sides share.

use std::collections::HashMap;
use std::error::Error;
use std::io::IoSliceMut;
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrIn, recv, recvmsg, setsockopt, sockopt,
};

use crate::floods;
use crate::network::{COLLECTOR, Namespace, TAP_ADDRESS};

/// Size of the receive buffer, in bytes.
const BUFFER_BYTES: usize = 64 << 20;

/// Hexadecimal digits of the time of a probe, which are its first label.
const DIGITS: usize = 16;

/// Time between two looks at the sockets of [`discard`]: they have room for much more.
const DISCARD_INTERVAL: Duration = Duration::from_millis(20);

const DATAGRAM_HEADER_BYTES: usize = 8;
const SET_HEADER_BYTES: usize = 40;

/// Totals of a collector.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// Data sets.
    pub records: u64,
    /// Of these, those of the resolvers of [`floods`].
    pub of_floods: u64,
    /// Bytes of all datagrams.
    pub bytes: u64,
    /// Datagrams, including stats datagrams.
    pub datagrams: u64,
    /// Receive calls: with UDP_GRO, one call returns the datagrams of one send.
    pub receives: u64,
    /// Datagrams missing according to the sequence numbers.
    pub missing: u64,
    /// Age of each probe on arrival.
    pub ages: Vec<Duration>,
}

/// Opens a socket at [`COLLECTOR`] in `namespace`.
///
/// # Errors
/// Those of setns(2), bind(2) and setsockopt(2).
pub fn open(namespace: &Namespace) -> Result<UdpSocket, Box<dyn Error>> {
    open_at(namespace, COLLECTOR.1)
}

/// Ports of so many collectors, of which the first is that of [`COLLECTOR`].
pub(crate) fn ports(collectors: u16) -> impl Iterator<Item = u16> {
    (0..collectors).map(|index| COLLECTOR.1 + index)
}

/// Opens a socket for each collector but the first, for [`discard`].
///
/// # Errors
/// As [`open`].
pub fn open_others(
    namespace: &Namespace,
    collectors: u16,
) -> Result<Vec<UdpSocket>, Box<dyn Error>> {
    let others = ports(collectors).skip(1);
    others.map(|port| open_at(namespace, port)).collect()
}

/// Receives what comes to `sockets` and discards it, until `stop` is set and nothing is left; returns the
/// number of bytes.
///
/// Datagrams are not copied, and no send has to wake the thread, which looks 50 times a second.
///
/// # Errors
/// Those of recv(2).
pub fn discard(sockets: &[UdpSocket], stop: &AtomicBool) -> Result<u64, Errno> {
    let mut discarded = 0;
    loop {
        let ending = stop.load(Ordering::Acquire);
        for socket in sockets {
            loop {
                // The length is that of the datagram, not of the memory for it.
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
                match recv(socket.as_raw_fd(), &mut [0], flags) {
                    Ok(bytes) => discarded += length(bytes),
                    Err(Errno::EINTR) => {}
                    Err(Errno::EAGAIN) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        if ending || sockets.is_empty() {
            return Ok(discarded);
        }
        thread::sleep(DISCARD_INTERVAL);
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn open_at(namespace: &Namespace, port: u16) -> Result<UdpSocket, Box<dyn Error>> {
    let socket = namespace.enter(|| UdpSocket::bind((COLLECTOR.0, port)))??;
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_BYTES)?;
    setsockopt(&socket, sockopt::UdpGroSegment, &true)?;
    Ok(socket)
}

/// Receives until `stop` is set and no datagram is left. `epoch` is the one given to [`probe`].
///
/// # Errors
/// Those of poll(2) and recvmsg(2).
pub fn collect(socket: &UdpSocket, epoch: Instant, stop: &AtomicBool) -> Result<Arrived, Errno> {
    let mut arrived = Arrived::default();
    let mut streams: HashMap<SocketAddrV4, (u64, u32)> = HashMap::new();
    let mut memory = vec![0; 1 << 16];
    let mut control = cmsg_space!(i32);
    loop {
        let ending = stop.load(Ordering::Acquire);
        let mut waiting = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waiting, PollTimeout::from(20_u8))? == 0 {
            if ending {
                break;
            }
            continue;
        }
        let mut slices = [IoSliceMut::new(&mut memory)];
        let received = recvmsg::<SockaddrIn>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        );
        let received = match received {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(error) => return Err(error),
        };
        let (bytes, source) = (received.bytes, received.address);
        let segment = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::UdpGroSegments(bytes) => usize::try_from(bytes).ok(),
            _ => None,
        });
        arrived.receives += 1;
        arrived.bytes += length(bytes);
        let Some(source) = source.map(SocketAddrV4::from) else {
            continue;
        };
        let stream = streams.entry(source).or_default();
        for datagram in memory[..bytes].chunks(segment.unwrap_or(bytes).max(1)) {
            arrived.take(datagram, epoch);
            let sequence = datagram
                .get(4..)
                .and_then(<[u8]>::first_chunk)
                .map_or(0, |four| u32::from_be_bytes(*four));
            *stream = (stream.0 + 1, stream.1.max(sequence));
        }
    }
    arrived.missing = streams
        .values()
        .map(|(count, last)| u64::from(*last).saturating_sub(*count))
        .sum();
    Ok(arrived)
}

impl Arrived {
    /// Walks the sets of a version 4 datagram by their lengths alone: a full parse would take CPU
    /// time from the sensor that is measured.
    fn take(&mut self, datagram: &[u8], epoch: Instant) {
        self.datagrams += 1;
        let is_stats = datagram.get(3).is_some_and(|flags| flags & 1 != 0);
        let mut rest = datagram.get(DATAGRAM_HEADER_BYTES..).unwrap_or_default();
        while !is_stats && let Some((head, behind)) = rest.split_first_chunk::<SET_HEADER_BYTES>() {
            self.records += 1;
            self.of_floods += u64::from(is_of_flood(head));
            if head[0] == 4 && head[8..12] == TAP_ADDRESS.octets() {
                self.ages
                    .extend(sent_at(behind).and_then(|sent| epoch.elapsed().checked_sub(sent)));
            }
            let names = usize::from(u16::from_be_bytes([head[4], head[5]]));
            let addresses = 4 * usize::from(head[2]) + 16 * usize::from(head[3]);
            rest = behind.get(names + addresses..).unwrap_or_default();
        }
    }
}

/// Whether a set is of a flood's response, by its resolver.
fn is_of_flood(head: &[u8; SET_HEADER_BYTES]) -> bool {
    const RESOLVER: usize = 24;
    match head[0] {
        4 => head[RESOLVER..].starts_with(&floods::RESOLVER.octets()),
        _ => head[RESOLVER..].starts_with(&floods::RESOLVER_V6.octets()),
    }
}

/// The time at which a probe was sent, from its first label.
fn sent_at(names: &[u8]) -> Option<Duration> {
    let digits = std::str::from_utf8(names.get(1..=DIGITS)?).ok()?;
    u64::from_str_radix(digits, 16)
        .ok()
        .map(Duration::from_nanos)
}

/// The DNS message of a probe that is sent now (RFC 1035, section 4.1).
#[must_use]
pub fn probe(epoch: Instant) -> Vec<u8> {
    let sent = u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut message = b"\0\0\x81\x80\0\x01\0\x01\0\0\0\0\x10".to_vec();
    message.extend(format!("{sent:0DIGITS$x}").into_bytes());
    message.extend(b"\x05probe\0\0\x01\0\x01");
    message.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\xc6\x33\x64\x01");
    message
}

#[cfg(test)]
mod tests {
    use dnsflow_wire::dns::{Answers, Dialect, Extent, Scratch};

    use super::*;

    #[test]
    fn a_probe_is_a_response_that_holds_its_time() {
        let epoch = Instant::now();
        let (message, mut scratch) = (probe(epoch), Scratch::default());
        let answers = Answers::parse(&message, Dialect::Unicast, Extent::Whole, &mut scratch);
        let answers = answers.expect("an answer");
        assert_eq!((answers.names().len(), answers.ipv4().len()), (1, 1));
        let sent = sent_at(&message[12..]).expect("its time");
        assert!(sent <= epoch.elapsed());
    }
}
