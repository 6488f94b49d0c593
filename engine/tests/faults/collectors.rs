//! Collectors that can't be reached for a while, or that don't read. Beside each is one that always can and does, which
//! must lose nothing.

use std::net::UdpSocket;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{Export, assert_same, assert_within};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{Namespace, OUT, PATH, TAP, Wire, path};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::{alone, core_counts, requirements};
use dnsflow_testkit::sensor::{Account, Capturing};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBuf;

use crate::BUILT;

const BUSY: &str = "--rate 50000 --frames 100000 --noise 0";

/// Beyond [`PATH`].
const FAR: &str = "203.0.113.9:5300";
const ROUTE: &str = "203.0.113.0/24 via 198.51.100.2 dev path";

/// How often the collector can't be reached.
const TIMES: usize = 2;

/// Datagrams that the other collector gets meanwhile.
const MEANWHILE: usize = 100;

/// A sensor with two collectors: one that is always there, and one that the test does something to.
struct Run<'w> {
    wire: &'w Wire,
    always: Collector,
    sensor: Capturing,
}

/// What came of it.
struct Outcome {
    account: Account,
    /// Datagrams that the collector of the test took, as the sensor sees it.
    taken: u64,
    /// The sets of what was sent.
    sets: Vec<String>,
}

impl<'w> Run<'w> {
    fn start(wire: &'w Wire, collector: &str, cores: &str) -> Self {
        let always = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let options = [
            "--cores",
            cores,
            "--flush",
            "0.01",
            "-u",
            &always.address(),
            "-u",
            collector,
        ];
        let sensor = BUILT.capture(&wire.sensor, TAP, &options);
        Self {
            wire,
            always,
            sensor,
        }
    }

    /// Waits until the sensor has sent some more.
    fn wait_for_datagrams(&self) {
        wait_for(&self.always, MEANWHILE);
    }

    /// Has traffic flow while `work` is done.
    fn under_load(self, work: impl FnOnce(&Self)) -> Outcome {
        let folder = Folder::new();
        let generator = BUILT.generate(&self.wire.sender, OUT, &folder, BUSY);
        work(&self);
        let sets = generator.stop().sets;
        let account = self.sensor.stop();
        assert_eq!(account.taken + account.missed, 2 * account.datagrams);
        let always = self.always.finish();
        always.assert_no_gap();
        always.assert_final_stats();
        assert_same(&sets, &always.sets());
        assert_eq!(datagrams(&always), account.datagrams);
        Outcome {
            taken: account.taken - account.datagrams,
            account,
            sets,
        }
    }
}

/// Waits until a collector has got so many datagrams more.
fn wait_for(collector: &Collector, datagrams: usize) {
    let before = collector.count();
    until("datagrams to come", || {
        (collector.count() >= before + datagrams).then_some(())
    });
}

/// How many datagrams have come.
fn datagrams(export: &Export) -> u64 {
    let streams = export.streams.values();
    streams.map(|stream| stream.sequence.len() as u64).sum()
}

/// How many a collector misses between those that have come, by their numbers.
fn missing_between(export: &Export) -> u64 {
    export.assert_ascending();
    let streams = export.streams.values();
    streams
        .map(|stream| {
            let last = stream.sequence.last().copied().unwrap_or(0);
            u64::from(last) - stream.sequence.len() as u64
        })
        .sum()
}

/// A wire, and behind the sensor a path to a namespace in which [`FAR`] is.
fn with_path() -> (Wire, Namespace) {
    let wire = Wire::new();
    let far = path(&wire.sensor);
    far.ip(&format!("addr add 198.51.100.2/24 dev {OUT}"));
    far.ip("addr add 203.0.113.9/32 dev lo");
    // So that no datagram waits for an answer to ARP, of which few may.
    let address = far.attribute(OUT, "address");
    wire.sensor.ip(&format!(
        "neigh add 198.51.100.2 lladdr {address} nud permanent dev {PATH}"
    ));
    wire.sensor.ip(&format!("route add {ROUTE}"));
    (wire, far)
}

/// Without a route each datagram fails and is counted; with one they arrive from the same port, with the gap in their
/// numbers that the counter says.
#[test]
fn a_route_that_goes_and_comes_back() {
    if !requirements("a_route_that_goes_and_comes_back", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let (wire, far) = with_path();
        let collector = Collector::listen(&far, FAR);
        let outcome = Run::start(&wire, FAR, cores).under_load(|run| {
            wait_for(&collector, 1);
            for _ in 0..TIMES {
                wire.sensor.ip(&format!("route del {ROUTE}"));
                run.wait_for_datagrams();
                wire.sensor.ip(&format!("route add {ROUTE}"));
                wait_for(&collector, 1);
            }
        });
        let (export, account) = (collector.finish(), outcome.account);
        assert!(account.missed > 0, "{account:?}");
        assert_eq!(export.streams.len().to_string(), *cores, "a port a core");
        assert_eq!(datagrams(&export), outcome.taken, "{account:?}");
        assert_eq!(missing_between(&export), account.missed, "{account:?}");
        assert_within(&outcome.sets, &export.sets());
    }
}

/// The other end of the wire is down, and the kernel discards what is sent. The sensor may not learn of it, but the
/// numbers tell the collector.
#[test]
fn a_path_that_discards() {
    if !requirements("a_path_that_discards", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let (wire, far) = with_path();
        let collector = Collector::listen(&far, FAR);
        let outcome = Run::start(&wire, FAR, cores).under_load(|run| {
            wait_for(&collector, 1);
            for _ in 0..TIMES {
                far.ip(&format!("link set dev {OUT} down"));
                run.wait_for_datagrams();
                far.ip(&format!("link set dev {OUT} up"));
                wait_for(&collector, 1);
            }
        });
        let (export, account) = (collector.finish(), outcome.account);
        export.assert_final_stats();
        assert_eq!(export.streams.len().to_string(), *cores, "a port a core");
        let (arrived, missing) = (datagrams(&export), missing_between(&export));
        assert!(missing > 0, "{account:?}");
        assert_eq!(arrived + missing, account.datagrams, "{account:?}");
        assert!(arrived <= outcome.taken, "{arrived} arrived: {account:?}");
        assert_within(&outcome.sets, &export.sets());
    }
}

/// It is closed, and opened again at the same port.
#[test]
fn a_collector_that_is_restarted() {
    /// A port that the kernel gives to nobody by itself.
    const ADDRESS: &str = "127.0.0.1:5399";
    if !requirements("a_collector_that_is_restarted", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let wire = Wire::new();
        let mut exports = Vec::new();
        let outcome = Run::start(&wire, ADDRESS, cores).under_load(|run| {
            for _ in 0..=TIMES {
                run.wait_for_datagrams();
                let collector = Collector::listen(&wire.sensor, ADDRESS);
                wait_for(&collector, MEANWHILE);
                exports.push(collector.finish());
            }
        });
        let account = outcome.account;
        assert!(account.missed > 0, "refusals are counted: {account:?}");
        let arrived: u64 = exports.iter().map(datagrams).sum();
        assert!(arrived <= outcome.taken, "{arrived} arrived: {account:?}");
        let mut all = Export::default();
        for export in exports {
            all.append(export);
        }
        assert_eq!(all.streams.len().to_string(), *cores, "a port a core");
        all.assert_ascending();
        assert_within(&outcome.sets, &all.sets());
    }
}

/// It has little room, and reads nothing until the end. What its socket had no room for is counted by its own machine
/// (UdpRcvbufErrors), and nowhere else.
#[test]
fn a_reader_that_stops() {
    const ROOM_BYTES: usize = 64 << 10;
    if !requirements("a_reader_that_stops", &[]) {
        return;
    }
    let _alone = alone();
    for cores in core_counts() {
        let wire = Wire::new();
        let socket = wire.sensor.enter(|| UdpSocket::bind("127.0.0.1:0"));
        let socket = socket.expect("an address to listen on");
        setsockopt(&socket, RcvBuf, &ROOM_BYTES).expect("a size below the limit");
        let address = socket.local_addr().expect("a bound socket").to_string();
        let outcome = Run::start(&wire, &address, cores).under_load(|run| {
            run.wait_for_datagrams();
            run.wait_for_datagrams();
        });
        let (export, account) = (left_in(&socket), outcome.account);
        assert_eq!(account.missed, 0, "{account:?}");
        let without_room = receive_buffer_errors(&wire.sensor);
        assert!(without_room > 0, "{account:?}");
        assert_eq!(datagrams(&export) + without_room, outcome.taken);
        export.assert_ascending();
        assert_within(&outcome.sets, &export.sets());
    }
}

/// What a socket holds.
fn left_in(socket: &UdpSocket) -> Export {
    socket.set_nonblocking(true).expect("a socket of ours");
    let mut buffer = [0; 1 << 16];
    let datagrams: Vec<(u16, Vec<u8>)> = std::iter::from_fn(|| {
        let (bytes, source) = socket.recv_from(&mut buffer).ok()?;
        Some((source.port(), buffer[..bytes].to_vec()))
    })
    .collect();
    let datagrams = datagrams.iter();
    Export::from_datagrams(datagrams.map(|(source, bytes)| (*source, &bytes[..])))
}

/// Datagrams that sockets of a namespace had no room for, over IPv4: the column of that name.
fn receive_buffer_errors(namespace: &Namespace) -> u64 {
    let output = namespace.command("cat").arg("/proc/net/snmp").output();
    let text = String::from_utf8(output.expect("cat is there").stdout).expect("ASCII");
    let mut lines = text.lines().filter(|line| line.starts_with("Udp: "));
    let mut next = || lines.next().expect("two lines").split(' ');
    let mut columns = next().zip(next());
    let (_, errors) = columns
        .find(|(name, _)| *name == "RcvbufErrors")
        .expect("a column of the kernel's");
    errors.parse().expect("a counter is a number")
}
