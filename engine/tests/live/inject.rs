//! Traffic that a test has built: frames as they are, and messages for the kernel to pack.

use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;

use nix::ifaddrs::getifaddrs;
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::sys::socket::{LinkAddr, bind};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

use crate::network::Namespace;
use crate::packets::{CLIENT_PORT, Response};

/// Sends frames, in this order, through an interface.
pub(crate) fn inject(namespace: &Namespace, interface: &str, frames: &[Vec<u8>]) {
    namespace.enter(|| {
        // What one CPU sends arrives in order.
        let mut cpus = CpuSet::new();
        let cpu = sched_getcpu().expect("a thread is on some CPU");
        cpus.set(cpu).expect("a CPU that there is");
        sched_setaffinity(Pid::from_raw(0), &cpus).expect("a CPU that this thread is on");
        let socket = Socket::new(Domain::PACKET, Type::RAW, None);
        let socket = socket.expect("the right to open packet sockets");
        bind(socket.as_raw_fd(), &address(interface)).expect("an interface that is there");
        for frame in frames {
            let sent = socket.send(frame).expect("an interface that is up");
            assert_eq!(sent, frame.len());
        }
    });
}

/// Has the namespace's own stack send responses: the resolver's address has to be there, and a way to the
/// client's.
pub(crate) fn answer(namespace: &Namespace, responses: &[Response]) {
    namespace.enter(|| {
        for response in responses {
            let socket = UdpSocket::bind((response.ends.resolver, 53));
            let socket = socket.expect("an address of this namespace");
            let to = (response.ends.client, CLIENT_PORT);
            let sent = socket.send_to(&response.message(), to);
            assert_eq!(sent.expect("there is a way"), response.message().len());
        }
    });
}

/// The link address of an interface of this thread's namespace.
fn address(interface: &str) -> LinkAddr {
    let all = getifaddrs().expect("the kernel lists interfaces");
    let mut found = all
        .filter(|found| found.interface_name == interface)
        .filter_map(|found| found.address?.as_link_addr().copied());
    found.next().expect("an interface has a link address")
}
