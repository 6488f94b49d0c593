//! What the unit leaves the service, what it takes away, and what operators can change of that.

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

/// The CPUs that each core of a service may be on, as the kernel lists them, sorted.
fn placements(machine: &Machine, unit: &str) -> Vec<String> {
    let id = machine.property(unit, "MainPID");
    let lists = machine.run(&format!(
        "grep -l shard /proc/{id}/task/*/comm | sed 's/comm$/status/' | xargs grep -h Cpus_allowed_list"
    ));
    let mut lists: Vec<_> = lists.lines().map(str::to_owned).collect();
    lists.sort();
    lists
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
    let on = |cpu: u32| format!("Cpus_allowed_list:\t{cpu}");
    machine.run("systemctl start dnsflow");
    assert_eq!(said(&machine, "cores are not pinned"), 0);
    assert_eq!(placements(&machine, "dnsflow"), [on(0), on(1)]);
    machine.run("systemctl stop dnsflow");

    machine.run("echo 'DNSFLOW_OPTS=\"--print --cores 0,1\"' > /etc/default/dnsflow-tap");
    machine.run("systemctl start dnsflow@tap");
    assert_eq!(placements(&machine, "dnsflow@tap"), [on(0), on(1)]);
    machine.run("systemctl stop dnsflow@tap");

    // As systemd/README.md says how to refuse it: both may be on any CPU that the machine has.
    machine.edit("dnsflow", "SystemCallFilter=~sched_setaffinity");
    machine.run("systemctl start dnsflow");
    assert_eq!(said(&machine, "cores are not pinned"), 1);
    let all = machine.run("grep Cpus_allowed_list /proc/1/status");
    assert_eq!(placements(&machine, "dnsflow"), [all.clone(), all]);
    machine.run("systemctl stop dnsflow");

    // Then what restricts the service as a whole still does.
    machine.set_options("--print --cores 1");
    machine.edit(
        "dnsflow",
        "SystemCallFilter=~sched_setaffinity\\nCPUAffinity=1",
    );
    machine.run("systemctl start dnsflow");
    assert_eq!(said(&machine, "cores are not pinned"), 2);
    assert_eq!(placements(&machine, "dnsflow"), [on(1)]);
}
