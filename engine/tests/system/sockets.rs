//! The service has no right to open a packet socket. It lives on those that the unit has opened for it.

use std::collections::{BTreeMap, BTreeSet};

use dnsflow_testkit::export::{assert_same, assert_within};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::alone;

use crate::machine::Machine;
use crate::service::{assert_all, assert_comes_back, send, with_collector};
use crate::{BUILT, needs};

const FEW: &str = "--rate 10000 --seconds 1 --frames 10000 --noise 0 --seed 1";
/// Other responses than those of [`FEW`].
const OTHERS: &str = "--rate 10000 --seconds 1 --frames 10000 --noise 0 --seed 2";

const NOTHING: &str = "0000000000000000";

/// Gives the unit this many sockets at each start.
fn hand_over(machine: &Machine, count: usize) {
    let opened = format!("ExecStartPre=\\nExecStartPre=+/usr/bin/dnsflow open-sockets {count}");
    machine.edit(
        "dnsflow",
        &format!("{opened}\\nFileDescriptorStoreMax={count}"),
    );
}

/// How many packet sockets there are, and how many of them take packets, whoever has them (packet(7)).
fn packet_sockets(machine: &Machine) -> (usize, usize) {
    let text = machine.run("cat /proc/net/packet");
    let sockets = text.lines().skip(1);
    let taking = |line: &&str| line.split_whitespace().nth(3) == Some("0003");
    (sockets.clone().count(), sockets.filter(taking).count())
}

/// Waits until there are as many: the kernel closes sockets some time after the process that had them is seen to end,
/// for an io_uring is taken apart by a thread of the kernel's.
fn wait_for_sockets(machine: &Machine, expected: (usize, usize)) {
    let mut found = None;
    until(&format!("packet sockets to be {expected:?}"), || {
        let sockets = packet_sockets(machine);
        if found.replace(sockets) != Some(sockets) {
            println!("packet sockets: {sockets:?}");
        }
        (sockets == expected).then_some(())
    });
}

fn assert_said(machine: &Machine, text: &str) {
    until(text, || {
        let messages = machine.messages("dnsflow");
        messages
            .iter()
            .any(|said| said.contains(text))
            .then_some(())
    });
}

/// The interface goes, and another comes under its name.
fn make_tap_anew(machine: &Machine) {
    machine.wire.sensor.ip(&format!("link del dev {TAP}"));
    assert_said(machine, "interface tap is gone");
    machine.wire.connect("");
}

/// What reads packets may do nothing that others may not, on no thread, and could not have it back.
#[test]
fn no_thread_has_a_capability() {
    if !needs("no_thread_has_a_capability") {
        return;
    }
    let _alone = alone();
    let machine = Machine::with_sensor(&format!("--interface {TAP} --cores 2 --print"));
    machine.run("echo 'DNSFLOW_OPTS=\"--cores 2 --print\"' > /etc/default/dnsflow-tap");
    for unit in ["dnsflow", "dnsflow@tap"] {
        machine.run(&format!("systemctl start {unit}"));
        let id = machine.property(unit, "MainPID");
        let threads = machine.run(&format!("ls /proc/{id}/task"));
        let mut names = BTreeSet::new();
        for thread in threads.lines() {
            let status = machine.run(&format!("cat /proc/{id}/task/{thread}/status"));
            let fields = status.lines().filter_map(|line| line.split_once(":\t"));
            let fields: BTreeMap<_, _> = fields.collect();
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(fields[set], NOTHING, "{unit}: {set} of {}", fields["Name"]);
            }
            assert_eq!(fields["NoNewPrivs"], "1");
            assert_eq!(fields["Seccomp"], "2");
            assert!(!fields["Uid"].split_whitespace().any(|id| id == "0"));
            names.insert(fields["Name"].to_owned());
        }
        assert!(names.contains("shard-2"), "{names:?}");
        let namespace = |id: &str| machine.run(&format!("readlink /proc/{id}/ns/user"));
        assert_ne!(namespace(&id), namespace("1"), "{unit}");
        // The manager's copies have gone, and what is left waits for nothing but interfaces.
        assert_eq!(machine.property(unit, "NFileDescriptorStore"), "0");
        let (all, taking) = packet_sockets(&machine);
        assert_eq!(taking, 2, "of {all}");
        assert!(all >= 64, "{all}");
        machine.run(&format!("systemctl stop {unit}"));
        wait_for_sockets(&machine, (0, 0));
    }
}

/// Sockets of the old process would go on taking packets if the service manager kept them.
#[test]
fn a_crash_under_load_leaves_no_socket_behind() {
    if !needs("a_crash_under_load_leaves_no_socket_behind") {
        return;
    }
    let _alone = alone();
    let (machine, collector) = with_collector(&format!("--interface {TAP} --cores 2"));
    machine.run("systemctl start dnsflow");
    let before = machine.property("dnsflow", "MainPID");
    let sockets = packet_sockets(&machine);
    let folder = Folder::new();
    // Without an end.
    let load = FEW.replace("--seconds 1 ", "");
    let mut generator = BUILT.generate(&machine.wire.sender, OUT, &folder, &load);
    until("responses to come in", || {
        (collector.sets() > 0).then_some(())
    });
    machine.run("systemctl kill --kill-whom=main --signal=KILL dnsflow");
    assert_comes_back(&machine, &before);
    assert!(generator.is_running(), "the crash was to be under load");
    drop(generator);
    wait_for_sockets(&machine, sockets);
    let sent = send(&machine, OTHERS);
    machine.run("systemctl stop dnsflow");
    assert_eq!(sent.sets.len(), 10_000);
    assert_within(&collector.finish().sets(), &sent.sets);
}

#[test]
fn an_interface_that_is_made_anew_is_taken_up() {
    if !needs("an_interface_that_is_made_anew_is_taken_up") {
        return;
    }
    let _alone = alone();
    let (machine, collector) = with_collector(&format!("--interface {TAP} --cores 2"));
    // Too many for one message.
    hand_over(&machine, 600);
    machine.run("systemctl start dnsflow");
    wait_for_sockets(&machine, (600, 2));
    make_tap_anew(&machine);
    assert_said(&machine, "interface tap is back; capturing on it again");
    let sent = send(&machine, FEW);
    wait_for_sockets(&machine, (598, 2));
    assert_eq!(machine.property("dnsflow", "NRestarts"), "0");
    machine.run("systemctl stop dnsflow");
    assert_all(&sent, collector.finish());
}

/// Then only a start brings new ones; nothing of what was captured before is lost.
#[test]
fn without_sockets_for_an_interface_that_is_back_it_starts_again_once() {
    if !needs("without_sockets_for_an_interface_that_is_back_it_starts_again_once") {
        return;
    }
    let _alone = alone();
    let (machine, collector) = with_collector(&format!("--interface {TAP} --cores 2"));
    hand_over(&machine, 3);
    machine.run("systemctl start dnsflow");
    wait_for_sockets(&machine, (3, 2));
    let before = machine.property("dnsflow", "MainPID");
    let first = send(&machine, FEW);
    make_tap_anew(&machine);
    assert_comes_back(&machine, &before);
    let used_up = "2 packet sockets are needed for an interface, 1 are left of the 3";
    assert_said(&machine, used_up);
    wait_for_sockets(&machine, (3, 2));
    let second = send(&machine, OTHERS);
    assert_eq!(machine.property("dnsflow", "NRestarts"), "1");
    machine.run("systemctl stop dnsflow");
    let export = collector.finish();
    export.assert_final_stats();
    let mut sent = [first.sets, second.sets].concat();
    sent.sort_unstable();
    assert_same(&sent, &export.sets());
}

/// What operators wrote for a unit that had a capability: it takes nothing away.
#[test]
fn a_capability_that_was_added_does_no_harm() {
    if !needs("a_capability_that_was_added_does_no_harm") {
        return;
    }
    let _alone = alone();
    let (machine, collector) = with_collector(&format!("--interface {TAP} --cores 2"));
    let lines = "AmbientCapabilities=CAP_NET_RAW\\nCapabilityBoundingSet=CAP_NET_RAW";
    machine.edit("dnsflow", lines);
    machine.run("systemctl start dnsflow");
    let sent = send(&machine, FEW);
    machine.run("systemctl stop dnsflow");
    assert_all(&sent, collector.finish());
    // The unit as it was before.
    let alone = "PrivateUsers=no\\nExecStartPre=\\nRestrictAddressFamilies=AF_PACKET";
    machine.edit("dnsflow", &format!("{lines}\\n{alone}"));
    machine.run("systemctl start dnsflow");
    wait_for_sockets(&machine, (2, 2));
    machine.run("systemctl stop dnsflow");
}
