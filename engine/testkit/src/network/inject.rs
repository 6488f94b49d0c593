//! Frames that a test has built, sent as they are.

use std::os::fd::AsRawFd as _;
use std::thread;

use nix::ifaddrs::getifaddrs;
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::sys::socket::{LinkAddr, bind};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

use super::Namespace;

/// A socket that sends frames through an interface.
#[derive(Debug)]
pub struct Injector(Socket);

impl Injector {
    /// Opens it in a namespace, and keeps this thread on its CPU: what one CPU sends arrives in order.
    ///
    /// # Panics
    /// If there is no such interface, or without CAP_NET_RAW.
    #[must_use]
    pub fn new(namespace: &Namespace, interface: &str) -> Self {
        let mut cpus = CpuSet::new();
        let cpu = sched_getcpu().expect("a thread is on some CPU");
        cpus.set(cpu).expect("a CPU that there is");
        sched_setaffinity(Pid::from_raw(0), &cpus).expect("a CPU that this thread is on");
        Self(namespace.enter(|| {
            let socket = Socket::new(Domain::PACKET, Type::RAW, None);
            let socket = socket.expect("the right to open packet sockets");
            bind(socket.as_raw_fd(), &address(interface)).expect("an interface that is there");
            socket
        }))
    }

    /// Sends a frame.
    ///
    /// # Panics
    /// If the interface is down.
    pub fn send(&self, frame: &[u8]) {
        let sent = self.0.send(frame).expect("an interface that is up");
        assert_eq!(sent, frame.len());
    }
}

/// Sends frames, in this order, through an interface.
///
/// # Panics
/// If there is no such interface, or it is down.
pub fn inject(namespace: &Namespace, interface: &str, frames: &[Vec<u8>]) {
    // On a thread of its own, for the caller's stays on no CPU.
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let injector = Injector::new(namespace, interface);
            frames.iter().for_each(|frame| injector.send(frame));
        });
        sender.join().expect("frames can be sent");
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
