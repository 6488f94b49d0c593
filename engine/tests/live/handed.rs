//! Packet sockets that somebody else has opened: a sensor without CAP_NET_RAW lives on them, and says when they are
//! used up.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::Command;

use dnsflow_testkit::export::assert_same;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{Namespace, OUT, TAP, Wire};
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::{alone, requirements};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::{BUILT, exported};

/// A second interface beside [`TAP`].
const SIDE: &str = "side";

const NEEDS: [&str; 2] = ["bash", "setpriv"];

/// Sockets as `dnsflow open-sockets` opens them, which children inherit.
fn sockets(namespace: &Namespace, count: usize) -> Vec<OwnedFd> {
    namespace.enter(|| {
        let open = |_| {
            socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::empty(),
                None,
            )
        };
        let sockets: Result<_, _> = (0..count).map(open).collect();
        sockets.expect("root may open packet sockets")
    })
}

/// The sensor without CAP_NET_RAW, and `sockets` as a service manager would hand them over (sd_listen_fds(3)).
fn sensor(namespace: &Namespace, sockets: &[OwnedFd], arguments: &[&str]) -> Command {
    let mut command = namespace.command("bash");
    // Out of the way, then to where they belong. The process is only now the one that will be the sensor.
    let script = "last=2; for socket in $SOCKETS; do last=$((last + 1)); eval \"exec 10$last<&$socket\"; done; \
         for number in $(seq 3 $last); do eval \"exec $number<&10$number 10$number<&-\"; done; \
         LISTEN_PID=$$ exec setpriv --bounding-set=-net_raw $BEFORE \"$@\"";
    let numbers: Vec<String> = sockets
        .iter()
        .map(|socket| socket.as_raw_fd().to_string())
        .collect();
    command
        .args(["-c", script, "bash"])
        .arg(BUILT.path("dnsflow"))
        .args(arguments)
        .env("SOCKETS", numbers.join(" "))
        .env("LISTEN_FDS", numbers.len().to_string())
        .env("LISTEN_FDNAMES", vec!["packet"; numbers.len()].join(":"));
    command
}

#[test]
fn a_sensor_without_capability_captures_on_what_it_is_handed() {
    let test = "a_sensor_without_capability_captures_on_what_it_is_handed";
    if !requirements(test, &NEEDS) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let file = folder.argument("export.pcap");
    for fanout in ["hash", "checksum"] {
        let options = ["-i", TAP, "--cores", "2", "--fanout", fanout, "-w", &file];
        let handed = sockets(&wire.sensor, 2);
        let mut command = sensor(&wire.sensor, &handed, &options);
        let mut process = Process::spawn("dnsflow", &mut command);
        process.wait_until_it_says("dnsflow: filter:");
        let few = "--count 2000 --frames 2000 --noise 10";
        let sent = BUILT.send(&wire.sender, OUT, &folder, few);
        process.signal("TERM");
        process.wait().assert_success();
        assert_same(&sent.sets, &exported(&file).sets());
    }
    let handed = sockets(&wire.sensor, 2);
    let options = ["check", "-i", TAP, "--cores", "2"];
    let checked = Process::spawn("dnsflow", &mut sensor(&wire.sensor, &handed, &options)).wait();
    checked.assert_success();
    for line in [
        "ok    packet sockets: 2 were handed over",
        "ok    tap: can be captured on",
    ] {
        assert!(checked.text().contains(line), "{}", checked.text());
    }
}

/// It says so, and does not use what others have used: such a socket can't be bound again.
#[test]
fn a_sensor_that_is_handed_too_few_does_not_start() {
    if !requirements("a_sensor_that_is_handed_too_few_does_not_start", &NEEDS) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new("sensor");
    let options = ["-i", "lo", "--cores", "2"];
    let refused = |handed: &[OwnedFd], words: &str| {
        let ended = Process::spawn("dnsflow", &mut sensor(&namespace, handed, &options)).wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    };
    let few = "2 packet sockets are needed for an interface, 1 are left of the 1 that";
    refused(&sockets(&namespace, 1), few);
    let handed = sockets(&namespace, 2);
    let options = ["check", "-i", "lo", "--cores", "2"];
    let checked = Process::spawn("dnsflow", &mut sensor(&namespace, &handed, &options)).wait();
    checked.assert_success();
    refused(&handed, "0 are left of the 2 that");
}

/// It ends, to be started again, but not while a start would fail because another interface is away.
#[test]
fn without_sockets_for_an_interface_that_is_back_it_ends_once_all_are() {
    let test = "without_sockets_for_an_interface_that_is_back_it_ends_once_all_are";
    if !requirements(test, &NEEDS) {
        return;
    }
    let _alone = alone();
    let namespace = Namespace::new("sensor");
    let make = |name: &str| {
        let peer = format!("{name}-peer");
        namespace.ip(&format!("link add dev {name} type veth peer name {peer}"));
        namespace.ip(&format!("link set dev {peer} up"));
        namespace.ip(&format!("link set dev {name} up"));
    };
    let remove = |name: &str| namespace.ip(&format!("link del dev {name}"));
    make(TAP);
    make(SIDE);
    let handed = sockets(&namespace, 3);
    let options = ["-i", TAP, "-i", SIDE, "-w", "/dev/null"];
    let mut process = Process::spawn("dnsflow", &mut sensor(&namespace, &handed, &options));
    process.wait_until_it_says("dnsflow: filter:");

    remove(TAP);
    process.wait_until_it_has_said("interface tap is gone", 1);
    make(TAP);
    process.wait_until_it_says("interface tap is back; capturing on it again");

    remove(SIDE);
    process.wait_until_it_says("interface side is gone");
    remove(TAP);
    process.wait_until_it_has_said("interface tap is gone", 2);
    make(TAP);
    let used_up = "1 packet sockets are needed for an interface, 0 are left of the 3";
    process.wait_until_it_says(&format!("interface tap is back, but: {used_up}"));

    make(SIDE);
    let ended = process.wait();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    let (_, end) = ended
        .stderr
        .split_once("dnsflow: sent 0 sets")
        .unwrap_or_default();
    assert!(
        end.contains(used_up),
        "said after the account: {}",
        ended.stderr
    );
}

/// Sockets that were made ready in vain serve for the next interface.
#[test]
fn sockets_for_which_there_is_no_memory_are_not_used_up() {
    let test = "sockets_for_which_there_is_no_memory_are_not_used_up";
    if !requirements(test, &[&NEEDS[..], &["prlimit"]].concat()) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let handed = sockets(&wire.sensor, 2);
    let options = ["check", "-i", TAP, "-i", "lo", "--cores", "2"];
    let mut command = sensor(&wire.sensor, &handed, &options);
    // Room for one ring of two.
    command.env("BEFORE", "prlimit --as=110000000");
    let checked = Process::spawn("dnsflow", &mut command).wait();
    assert_eq!(checked.status.code(), Some(1), "{}", checked.stderr);
    for line in ["fail  tap: the rings can't", "fail  lo: the rings can't"] {
        assert!(checked.text().contains(line), "{}", checked.text());
    }
}
