//! Fanout groups of other programs on the same interface: the sensor joins none of them, and shares no packets.

use dnsflow_filters::{Program, compile};
use dnsflow_packet::LinkType;
use dnsflow_sys::{FanoutMode, PacketSocket};
use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::requirements::{alone, core_counts, requirements};

use crate::{BUILT, exported};

const LOAD: &str = "--rate 50000 --count 5000 --frames 5000 --noise 0";

/// Groups of others. The kernel offers ids in ascending order, and tests of other programs may use some meanwhile.
const GROUPS: u16 = 64;

/// A socket that has joined a group, in a network namespace that this thread is in.
fn member(index: i32, group: Option<u16>) -> (PacketSocket, u16) {
    let socket = PacketSocket::open().expect("the right to open packet sockets");
    socket.set_filter(&Program::drop_all()).expect("a filter");
    socket.bind(index).expect("an interface that is up");
    let joined = socket.join_fanout(FanoutMode::Hash, group);
    (socket, joined.expect("a group that has room"))
}

/// The ids that the kernel would offer next are taken by groups that any socket of the same mode could join.
#[test]
fn ids_that_others_have() {
    if !requirements("ids_that_others_have", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let (wire, folder) = (Wire::new(), Folder::new());
        let index = i32::try_from(wire.sensor.index(TAP)).expect("an index is small");
        let others: Vec<PacketSocket> = wire.sensor.enter(|| {
            let (first, id) = member(index, None);
            let next = (1..=GROUPS).map(|number| member(index, Some(id.wrapping_add(number))).0);
            std::iter::once(first).chain(next).collect()
        });
        let file = folder.argument("export.pcap");
        let options = ["--cores", cores, "--fanout", "hash", "-w", &file];
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        let responses = compile("udp src port 53", LinkType::Ethernet, 0).expect("an expression");
        for other in &others {
            other.set_filter(&responses).expect("a filter");
        }
        let sent = BUILT.send(&wire.sender, OUT, &folder, LOAD);
        let account = sensor.stop();
        assert_eq!(account.total.exported, sent.sets.len() as u64);
        assert_same(&sent.sets, &exported(&file).sets());
        // Each of the others has seen all as well, whether it had room or not.
        for other in &others {
            let counts = other.statistics().expect("a socket of ours");
            assert_eq!(counts.packets, sent.sets.len() as u64);
        }
    }
}
