//! What a packet may not cost: once everything is warm, a packet with a plain answer over UDP asks
//! for no memory, and is sent with hundreds of others by one system call.
//!
//! Allocations are counted by an allocator, sends by the other end: with UDP_GRO a receive gives
//! what one send gave. That packets take no lock is not tested, because there is none to count:
//! nothing of a shard is shared (`shard` has no Arc, Mutex or channel besides a file's progress,
//! once a send or a MiB). Nor are log lines: what writes one has to format it, and so allocates.

use std::io::IoSliceMut;
use std::iter::once;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use dnsflow::export::collector::Collector;
use dnsflow::export::{Export, Sinks};
use dnsflow::shard::Shard;
use dnsflow_benches::counting::allocations;
use dnsflow_capfile::Records;
use dnsflow_packet::{Decoder, Selection};
use dnsflow_packet::{Frame, LinkType, Timestamp};
use dnsflow_sys::Uring;
use dnsflow_testkit::capture::pcap;
use dnsflow_testkit::packets::{Ends, Response};
use dnsflow_wire::v4::Encoder;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recvmsg, setsockopt, sockopt};

/// Packets after which everything has the size that it keeps, and packets that are then counted.
const WARM_UP: usize = 10_000;
const COUNTED: usize = 100_000;

/// UDP payload of a full datagram at an MTU of 1500 over IPv4, in bytes.
const DATAGRAM_BYTES: usize = 1472;

#[test]
fn the_counter_counts() {
    let before = allocations();
    let mut memory = vec![1_u8];
    memory.reserve_exact(100);
    drop(memory);
    assert_eq!(allocations() - before, 2);
}

#[test]
fn packets_of_a_file_cost_no_allocation() {
    let packets = packets();
    let capture = pcap(packets.iter().cycle().take(WARM_UP + COUNTED));
    let mut records = Records::open(capture.as_slice()).expect("a capture of our own");
    let mut shard = shard(Sinks::default());
    let mut uring = Uring::new().expect("an io_uring");
    let mut before = 0;
    for packet in 0..WARM_UP + COUNTED {
        if packet == WARM_UP {
            before = allocations();
        }
        let frame = records.next_frame().expect("a capture of our own");
        let frame = frame.expect("as many packets as were written");
        if shard.fill(&mut once(frame)) {
            let sent = shard.export.send(&mut uring, None);
            sent.expect("no sink that can fail");
        }
    }
    let allocated = allocations() - before;
    assert_eq!(allocated, 0, "allocations for {COUNTED} packets");
    assert_all_exported(&shard, WARM_UP + COUNTED);
}

#[test]
fn packets_sent_to_a_collector_cost_no_allocation_and_few_sends() {
    let packets = packets();
    let mut receiver = Receiver::new();
    let address = receiver
        .socket
        .local_addr()
        .expect("a bound socket has an address");
    let mut uring = Uring::new().expect("an io_uring");
    let sinks = Sinks {
        collectors: vec![Collector::new(address.into(), DATAGRAM_BYTES)],
        ..Sinks::default()
    };
    let mut shard = shard(sinks);
    let mut before = (0, 0);
    for packet in 0..WARM_UP + COUNTED {
        if packet == WARM_UP {
            before = (allocations(), receiver.sends);
        }
        if shard.fill(&mut once(frame(&packets[packet % packets.len()]))) {
            let sent = shard.export.send(&mut uring, None);
            sent.expect("a collector may fail, the export may not");
            receiver.drain();
        }
    }
    let after = (allocations(), receiver.sends);
    assert_all_exported(&shard, WARM_UP + COUNTED);
    assert_eq!(shard.export.sent().failed, 0);
    assert_eq!(receiver.datagrams, shard.export.sent().datagrams);
    assert_eq!(after.0 - before.0, 0, "allocations for {COUNTED} packets");
    let sends = after.1 - before.1;
    assert!(
        sends > 0 && sends <= COUNTED / 100,
        "{sends} sends for {COUNTED} packets"
    );
}

/// A shard that looks for plain answers.
fn shard(sinks: Sinks) -> Shard {
    let selection = Selection::new([53], false);
    let export = Export::new(Encoder::default(), DATAGRAM_BYTES, sinks);
    Shard::new(Decoder::new(selection), export, 0)
}

/// What was not looked at, or was rejected, would cost nothing too.
fn assert_all_exported(shard: &Shard, packets: usize) {
    let exported = u64::try_from(packets).expect("packets that were counted one by one");
    assert_eq!(shard.counters.exported, exported);
    assert_eq!(shard.export.sent().sets, exported);
}

/// The other end of a collector's socket.
struct Receiver {
    socket: UdpSocket,
    memory: Vec<u8>,
    control: Vec<u8>,
    sends: usize,
    datagrams: u64,
}

impl Receiver {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port on the loopback");
        setsockopt(&socket, sockopt::UdpGroSegment, &true).expect("a kernel that has io_uring");
        Receiver {
            socket,
            memory: vec![0; 1 << 16],
            control: cmsg_space!(i32),
            sends: 0,
            datagrams: 0,
        }
    }

    /// Takes all there is. Room for control messages is there to be used; the size of a segment is
    /// known.
    fn drain(&mut self) {
        loop {
            let mut slices = [IoSliceMut::new(&mut self.memory)];
            let received = recvmsg::<()>(
                self.socket.as_raw_fd(),
                &mut slices,
                Some(&mut self.control),
                MsgFlags::MSG_DONTWAIT,
            );
            match received {
                Ok(received) => {
                    self.sends += 1;
                    let datagrams = received.bytes.div_ceil(DATAGRAM_BYTES);
                    self.datagrams += u64::try_from(datagrams).expect("at most 65,535 bytes");
                }
                Err(Errno::EAGAIN) => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Responses of several sizes over IPv4 and IPv6, as Ethernet frames.
fn packets() -> Vec<Vec<u8>> {
    (0..499_u16)
        .map(|number| {
            let ends = Ends::new(number % 4 == 0, number);
            let name = format!("{}.example", "h".repeat(1 + usize::from(number % 37)));
            let response = Response {
                aliases: number % 3,
                ..Response::new(ends, &name, 1 + number % 5)
            };
            response.ethernet()
        })
        .collect()
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame {
        bytes,
        wire_bytes: u32::try_from(bytes.len()).expect("a packet that fits a link"),
        at: Timestamp::default(),
        link: LinkType::Ethernet,
        vlan: None,
    }
}
