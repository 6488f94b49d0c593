//! A collector that counts records of versions 4 and 5 at low cost, and measures the age of probes on arrival.
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

use dnsflow_wire::v5;
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

/// Of version 4.
const DATAGRAM_HEADER_BYTES: usize = 8;
/// Of version 4.
const SET_HEADER_BYTES: usize = 40;
/// Of version 5.
const WORD_BYTES: usize = 4;
/// Of a length in version 5.
const LENGTH_BYTES: usize = 2;

/// Totals of a collector.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// Data sets.
    pub records: u64,
    /// Bytes of them, without headers of datagrams and padding between sets.
    pub record_bytes: u64,
    /// Of the sets of version 4, those of the resolvers of [`floods`].
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
    let mut collecting = Collecting::new(epoch);
    loop {
        let ending = stop.load(Ordering::Acquire);
        let mut waiting = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waiting, PollTimeout::from(20_u8))? == 0 {
            if ending {
                return Ok(collecting.end());
            }
            continue;
        }
        collecting.receive(socket)?;
    }
}

/// What a collector has received so far.
#[derive(Debug)]
pub struct Collecting {
    epoch: Instant,
    arrived: Arrived,
    /// Datagrams, and the highest sequence number, of each source.
    streams: HashMap<SocketAddrV4, (u64, u64)>,
    memory: Vec<u8>,
    control: Vec<u8>,
}

impl Collecting {
    /// Nothing so far. `epoch` is the one given to [`probe`].
    #[must_use]
    pub fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            arrived: Arrived::default(),
            streams: HashMap::new(),
            memory: vec![0; 1 << 16],
            control: cmsg_space!(i32),
        }
    }

    /// Receives the datagrams of one send; false if there are none.
    ///
    /// # Errors
    /// Those of recvmsg(2).
    pub fn receive(&mut self, socket: &UdpSocket) -> Result<bool, Errno> {
        let Self {
            epoch,
            arrived,
            streams,
            memory,
            control,
        } = self;
        let mut slices = [IoSliceMut::new(memory)];
        let received = recvmsg::<SockaddrIn>(
            socket.as_raw_fd(),
            &mut slices,
            Some(control),
            MsgFlags::MSG_DONTWAIT,
        );
        let received = match received {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(false),
            Err(Errno::EINTR) => return Ok(true),
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
            return Ok(true);
        };
        let stream = streams.entry(source).or_default();
        for datagram in memory[..bytes].chunks(segment.unwrap_or(bytes).max(1)) {
            arrived.take(datagram, *epoch);
            *stream = (stream.0 + 1, stream.1.max(sequence(datagram)));
        }
        Ok(true)
    }

    /// Datagrams so far.
    #[must_use]
    pub fn datagrams(&self) -> u64 {
        self.arrived.datagrams
    }

    /// The totals.
    #[must_use]
    pub fn end(self) -> Arrived {
        let streams = self.streams.values();
        let missing = streams.map(|(count, last)| last.saturating_sub(*count));
        Arrived {
            missing: missing.sum(),
            ..self.arrived
        }
    }
}

/// The sequence number of a datagram; 0 if it has none.
fn sequence(datagram: &[u8]) -> u64 {
    if datagram.first() == Some(&v5::VERSION) {
        let number = datagram.get(8..).and_then(<[u8]>::first_chunk);
        return number.map_or(0, |number| u64::from_be_bytes(*number));
    }
    let number = datagram.get(4..).and_then(<[u8]>::first_chunk);
    number.map_or(0, |number| u32::from_be_bytes(*number).into())
}

impl Arrived {
    /// Walks the records of a datagram by their lengths alone: a full parse would take CPU time from the
    /// sensor that is measured.
    fn take(&mut self, datagram: &[u8], epoch: Instant) {
        self.datagrams += 1;
        if datagram.first() == Some(&v5::VERSION) {
            return self.take_v5(datagram, epoch);
        }
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
            self.record_bytes += length(SET_HEADER_BYTES + names + addresses);
            rest = behind.get(names + addresses..).unwrap_or_default();
        }
    }

    fn take_v5(&mut self, datagram: &[u8], epoch: Instant) {
        let &[_, words, _, flags, _, _, high, low, ..] = datagram else {
            return;
        };
        let mut rest = datagram
            .get(WORD_BYTES * usize::from(words)..)
            .unwrap_or_default();
        let mut left = u16::from_be_bytes([high, low]);
        while flags & 1 == 0
            && left > 0
            && let Some((bytes, behind)) = rest.split_first_chunk::<LENGTH_BYTES>()
        {
            left -= 1;
            let bytes = usize::from(u16::from_be_bytes(*bytes));
            let record = behind.get(..bytes).unwrap_or_default();
            self.records += 1;
            self.record_bytes += length(LENGTH_BYTES + bytes);
            let sent = probe_v5(record).and_then(sent_at);
            self.ages
                .extend(sent.and_then(|sent| epoch.elapsed().checked_sub(sent)));
            rest = behind.get(bytes..).unwrap_or_default();
        }
    }
}

/// The name in a record of version 5, from its form on, if it is that of a probe.
///
/// ```text
/// form 1 | flags 1 | time, 1 to 10 bytes | client 4 | client port 2 | origin: number, or 0 or 1 and length 1 | name
/// ```
fn probe_v5(record: &[u8]) -> Option<&[u8]> {
    const IPV6_AND_RCODE: u8 = 0x84;
    const MORE: u8 = 0x80;
    let (&[form, _], rest) = record.split_first_chunk()?;
    let time = rest.iter().position(|byte| byte & MORE == 0)? + 1;
    let (client, rest) = rest.get(time..)?.split_first_chunk::<4>()?;
    let is_probe = form & IPV6_AND_RCODE == 0 && *client == TAP_ADDRESS.octets();
    match rest.get(2..)? {
        [0 | 1, bytes, origin @ ..] => origin.get(usize::from(*bytes)..),
        [_, name @ ..] => Some(name),
        [] => None,
    }
    .filter(|_| is_probe)
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
    use dnsflow_wire::encode::Encode;
    use dnsflow_wire::response::{Endpoints, Envelope};

    use crate::parts::{DATAGRAM_BYTES, encoder_v5};

    use super::*;

    /// A datagram of version 5 with probes to these clients, and its padding.
    fn probes_v5(clients: &[[u8; 4]], epoch: Instant) -> (Vec<u8>, usize) {
        let (mut encoder, mut datagram) = (encoder_v5(), vec![0; DATAGRAM_BYTES]);
        let mut at = encoder.header_bytes();
        for client in clients {
            let envelope = Envelope::from(Endpoints::V4 {
                client: *client,
                resolver: [192, 0, 2, 1],
            });
            let written = encoder.transcribe(&probe(epoch), &envelope, &mut datagram, at);
            at += written.expect("the usual form").expect("an answer");
            encoder.stays();
        }
        datagram[at..].fill(0);
        encoder.finish(clients.len(), 7, &mut datagram);
        let padding = datagram.len() - at;
        (datagram, padding)
    }

    #[test]
    fn records_of_version_5_are_counted() {
        let epoch = Instant::now();
        let tap = TAP_ADDRESS.octets();
        let (datagram, padding) = probes_v5(&[tap, [10, 0, 0, 1], tap], epoch);
        let mut arrived = Arrived::default();
        arrived.take(&datagram, epoch);
        assert_eq!((arrived.records, arrived.datagrams), (3, 1));
        let header = encoder_v5().header_bytes();
        assert_eq!(
            arrived.record_bytes,
            length(DATAGRAM_BYTES - header - padding)
        );
        assert_eq!(sequence(&datagram), 7);
        assert_eq!(arrived.ages.len(), 2, "of the probes to the tap alone");
        assert!(arrived.ages.iter().all(|age| *age <= epoch.elapsed()));
    }

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
