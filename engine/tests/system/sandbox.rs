//! What the unit leaves the service, what it takes away, and what operators can have back.

use std::collections::BTreeSet;

use dnsflow_testkit::requirements::alone;

use crate::machine::Machine;
use crate::needs;

/// Highest exposure that `systemd-analyze security` may find, from 0 to 10.
const EXPOSURE: f64 = 1.1;
/// The same where operators say who is reached, as systemd/README.md proposes.
const EXPOSURE_WITH_ADDRESSES: f64 = 1.0;
/// The same where user namespaces can't be had.
const EXPOSURE_WITHOUT_USERS: f64 = 1.3;
/// The most that was ever asked for, in tenths, as `--threshold` compares before anything is rounded.
const THRESHOLD: u32 = 15;

fn exposure(machine: &Machine, unit: &str) -> f64 {
    let text = machine.run(&format!("systemd-analyze security --no-pager {unit}"));
    let mut words = text
        .lines()
        .last()
        .into_iter()
        .flat_map(str::split_whitespace);
    let found = words.find_map(|word| word.parse().ok());
    found.unwrap_or_else(|| panic!("{text}"))
}

/// The CPUs that each core of the service may be on, as the kernel lists them.
fn placements(machine: &Machine) -> BTreeSet<String> {
    let id = machine.property("dnsflow", "MainPID");
    let lists = machine.run(&format!(
        "grep -l shard /proc/{id}/task/*/comm | sed 's/comm$/status/' | xargs grep -h Cpus_allowed_list"
    ));
    lists.lines().map(str::to_owned).collect()
}

fn said(machine: &Machine, text: &str) -> usize {
    let messages = machine.messages("dnsflow");
    messages.iter().filter(|said| said.contains(text)).count()
}

#[test]
fn units_are_sound_and_shut_off() {
    if !needs("units_are_sound_and_shut_off") {
        return;
    }
    let _alone = alone();
    let machine = Machine::with_sensor("");
    machine.run("echo > /etc/default/dnsflow-tap");
    for unit in ["dnsflow.service", "dnsflow@tap.service"] {
        let said = machine.run(&format!("systemd-analyze verify {unit} 2>&1"));
        assert_eq!(said, "", "{unit}");
        let found = exposure(&machine, unit);
        assert!(found <= EXPOSURE, "{unit}: {found}");
        machine.run(&format!(
            "systemd-analyze security --no-pager --threshold={THRESHOLD} {unit}"
        ));
    }
    // As systemd/README.md says of machines without user namespaces.
    machine.edit("dnsflow", "PrivateUsers=no");
    let found = exposure(&machine, "dnsflow.service");
    assert!(found <= EXPOSURE_WITHOUT_USERS, "{found}");
    let addresses = "IPAddressDeny=any\\nIPAddressAllow=192.0.2.10";
    for (unit, name) in [
        ("dnsflow", "dnsflow.service"),
        ("dnsflow@", "dnsflow@tap.service"),
    ] {
        machine.edit(unit, addresses);
        let found = exposure(&machine, name);
        assert!(found <= EXPOSURE_WITH_ADDRESSES, "{name}: {found}");
    }
}

/// The kernel places cores unless operators allow what pins them.
#[test]
fn cores_are_pinned_where_that_is_allowed() {
    if !needs("cores_are_pinned_where_that_is_allowed") {
        return;
    }
    let _alone = alone();
    let machine = Machine::with_sensor("--print --cores 0,1");
    machine.run("systemctl start dnsflow");
    assert_eq!(said(&machine, "cores are not pinned"), 1);
    let free = placements(&machine);
    assert_eq!(free.len(), 1, "{free:?}");
    machine.run("systemctl stop dnsflow");

    machine.edit("dnsflow", "SystemCallFilter=sched_setaffinity");
    machine.run("systemctl start dnsflow");
    assert_eq!(said(&machine, "cores are not pinned"), 1);
    let pinned = ["Cpus_allowed_list:\t0", "Cpus_allowed_list:\t1"];
    assert_eq!(placements(&machine), pinned.map(str::to_owned).into());
    machine.run("systemctl stop dnsflow");

    // That takes no right of the service's.
    machine.set_options("--print --cores 1");
    machine.edit("dnsflow", "CPUAffinity=1");
    machine.run("systemctl start dnsflow");
    assert_eq!(said(&machine, "cores are not pinned"), 2);
    assert_eq!(placements(&machine), [pinned[1].to_owned()].into());
}
