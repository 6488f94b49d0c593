//! What the unit leaves the service, what it takes away, and what operators can change of that.

use std::collections::BTreeSet;

use dnsflow_testkit::requirements::alone;

use crate::machine::Machine;
use crate::needs;

/// Highest exposure that `systemd-analyze security` may find, from 0 to 10.
const EXPOSURE: f64 = 1.2;
/// The same where operators say who is reached, as systemd/README.md proposes.
const EXPOSURE_WITH_ADDRESSES: f64 = 1.1;
/// The same where user namespaces can't be had.
const EXPOSURE_WITHOUT_USERS: f64 = 1.4;
/// The most that was ever asked for, in tenths, as `--threshold` compares before anything is rounded.
const THRESHOLD: u32 = 13;

/// What `systemd-analyze security` finds.
pub(crate) fn exposure(machine: &Machine, unit: &str) -> f64 {
    let text = machine.run(&format!("systemd-analyze security --no-pager {unit}"));
    let mut words = text
        .lines()
        .last()
        .into_iter()
        .flat_map(str::split_whitespace);
    let found = words.find_map(|word| word.parse().ok());
    found.unwrap_or_else(|| panic!("{text}"))
}

/// The CPUs that each shard's threads may be on, as the kernel lists them: those of its executor and of what that
/// starts, which have its name.
fn placements(machine: &Machine, unit: &str) -> BTreeSet<(String, String)> {
    let id = machine.property(unit, "MainPID");
    let lists = machine.run(&format!(
        "for task in $(grep -l shard /proc/{id}/task/*/comm); do \
         echo $(cat $task) $(sed -n 's/^Cpus_allowed_list://p' ${{task%comm}}status); done"
    ));
    let words = lists.lines().filter_map(|line| line.split_once(' '));
    words
        .map(|(name, list)| (name.to_owned(), list.to_owned()))
        .collect()
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

/// Each core is bound to its CPU by the unit as it is installed; where that is refused, the service runs all the same.
#[test]
fn cores_are_pinned_unless_that_is_refused() {
    if !needs("cores_are_pinned_unless_that_is_refused") {
        return;
    }
    let _alone = alone();
    let machine = Machine::with_sensor("--print --cores 0,1");
    let on = |lists: &[&str]| -> BTreeSet<_> {
        let names = (1..).map(|shard| format!("shard-{shard}"));
        names
            .zip(lists.iter().map(|&list| list.to_owned()))
            .collect()
    };
    machine.run("systemctl start dnsflow");
    assert_eq!(said(&machine, "cores are not pinned"), 0);
    assert_eq!(placements(&machine, "dnsflow"), on(&["0", "1"]));
    machine.run("systemctl stop dnsflow");

    machine.run("echo 'DNSFLOW_OPTS=\"--print --cores 0,1\"' > /etc/default/dnsflow-tap");
    machine.run("systemctl start dnsflow@tap");
    assert_eq!(placements(&machine, "dnsflow@tap"), on(&["0", "1"]));
    machine.run("systemctl stop dnsflow@tap");

    // As systemd/README.md says how to refuse it: both may be on any CPU that the machine has.
    machine.edit("dnsflow", "SystemCallFilter=~sched_setaffinity");
    machine.run("systemctl start dnsflow");
    assert_eq!(said(&machine, "cores are not pinned"), 1);
    let all = machine.run("echo $(sed -n 's/^Cpus_allowed_list://p' /proc/1/status)");
    assert_eq!(placements(&machine, "dnsflow"), on(&[&all, &all]));
    machine.run("systemctl stop dnsflow");

    // Then what restricts the service as a whole still does.
    machine.set_options("--print --cores 1");
    machine.edit(
        "dnsflow",
        "SystemCallFilter=~sched_setaffinity\\nCPUAffinity=1",
    );
    machine.run("systemctl start dnsflow");
    assert_eq!(said(&machine, "cores are not pinned"), 2);
    assert_eq!(placements(&machine, "dnsflow"), on(&["1"]));
}
