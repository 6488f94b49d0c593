//! The installed unit: it starts, says when it is ready, exports what comes, ends without loss, and comes back.

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::export::{Export, assert_same};
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::generator::Generated;
use dnsflow_testkit::network::{OUT, TAP};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::alone;
use dnsflow_testkit::sensor::Stopped;

use crate::machine::Machine;
use crate::{BUILT, needs};

const LOAD: &str = "--rate 100000 --seconds 3 --frames 100000 --noise 0";
const RESPONSES: usize = 300_000;
const RELOADS: usize = 12;
const FEW: &str = "--rate 10000 --seconds 1 --frames 10000 --noise 0";

/// A machine whose sensor sends to a collector on it.
pub(crate) fn with_collector(options: &str) -> (Machine, Collector) {
    let machine = Machine::with_sensor("");
    let collector = Collector::listen(&machine.wire.sensor, "127.0.0.1:0");
    let udp = collector.address();
    machine.set_options(&format!("--udp {udp} {options}"));
    (machine, collector)
}

pub(crate) fn send(machine: &Machine, load: &str) -> Generated {
    BUILT.send(&machine.wire.sender, OUT, &Folder::new(), load)
}

/// Waits until the service runs again as another process than `before`, which it has to do at the first attempt.
pub(crate) fn assert_comes_back(machine: &Machine, before: &str) {
    until("the service to come back", || {
        // In this order: the old process counts as active until its end is seen.
        let process = machine.property("dnsflow", "MainPID");
        let is_another = process != before && process != "0";
        (is_another && machine.property("dnsflow", "ActiveState") == "active").then_some(())
    });
    assert_eq!(machine.property("dnsflow", "NRestarts"), "1");
}

pub(crate) fn assert_all(sent: &Generated, export: Export) {
    export.assert_no_gap();
    export.assert_final_stats();
    assert_same(&sent.sets, &export.sets());
}

#[test]
fn starts_exports_and_flushes_at_its_end() {
    if !needs("starts_exports_and_flushes_at_its_end") {
        return;
    }
    let _alone = alone();
    let (machine, collector) = with_collector(&format!("--interface {TAP} --cores 2"));
    // Returns when the service is ready: from then on nothing may be missing.
    machine.run("systemctl start dnsflow");
    let sent = send(&machine, LOAD);
    let status = machine.property("dnsflow", "StatusText");
    assert!(status.contains("capturing"), "{status}");
    machine.run("systemctl stop dnsflow");
    assert_eq!(machine.property("dnsflow", "Result"), "success");
    assert_eq!(sent.sets.len(), RESPONSES);
    assert_all(&sent, collector.finish());
}

#[test]
fn comes_back_after_a_crash() {
    if !needs("comes_back_after_a_crash") {
        return;
    }
    let _alone = alone();
    // Without --interface it takes the one that is up.
    let (machine, collector) = with_collector("");
    machine.run("systemctl start dnsflow");
    let before = machine.property("dnsflow", "MainPID");
    machine.run("systemctl kill --kill-whom=main --signal=KILL dnsflow");
    assert_comes_back(&machine, &before);
    let sent = send(&machine, FEW);
    machine.run("systemctl stop dnsflow");
    assert_all(&sent, collector.finish());
}

/// Another filter and another flush interval in the middle of the traffic: neither ring nor stream notices.
#[test]
fn reloads_under_load_without_loss() {
    if !needs("reloads_under_load_without_loss") {
        return;
    }
    let _alone = alone();
    let (machine, collector) = with_collector("--cores 2 --config /etc/dnsflow/dnsflow.toml");
    let process = || machine.property("dnsflow", "MainPID");
    machine.run("systemctl start dnsflow");
    let before = process();
    let folder = Folder::new();
    // Without an end.
    let load = LOAD.replace("--seconds 3 ", "");
    let mut generator = BUILT.generate(&machine.wire.sender, OUT, &folder, &load);
    until("responses to come in", || {
        (collector.sets() > 0).then_some(())
    });
    for reloads in 0..RELOADS {
        // Packets of the generator come from port 53 alone.
        let ports = if reloads % 2 == 0 { "53, 54" } else { "53" };
        machine.run(&format!(
            "printf 'port = [{ports}]\nflush = 0.{}\n' > /etc/dnsflow/dnsflow.toml && systemctl reload dnsflow",
            reloads % 9 + 1
        ));
    }
    assert!(generator.is_running(), "the reloads were to be under load");
    let sent = generator.stop();
    machine.run("echo 'nonsense = 1' > /etc/dnsflow/dnsflow.toml && systemctl reload dnsflow");
    until("a bad file to be refused", || {
        let messages = machine.messages("dnsflow");
        let said = messages.iter().any(|text| text.contains("nonsense"));
        said.then_some(())
    });
    assert_eq!(process(), before);
    machine.run("systemctl stop dnsflow");
    assert_all(&sent, collector.finish());
}

/// A loop that does not turn is as bad as a crash, and looks like good health from outside.
#[test]
fn a_core_that_stands_still_is_a_reason_to_start_again() {
    if !needs("a_core_that_stands_still_is_a_reason_to_start_again") {
        return;
    }
    let _alone = alone();
    let (machine, collector) = with_collector("--cores 2");
    machine.edit("dnsflow", "WatchdogSec=2");
    machine.run("systemctl start dnsflow");
    let before = machine.property("dnsflow", "MainPID");
    let stopped = Stopped::first_core(machine.main_process("dnsflow"));
    until("the watchdog to bark", || {
        let log = machine.run("journalctl --unit dnsflow --output cat");
        log.contains("Watchdog timeout").then_some(())
    });
    drop(stopped);
    assert_comes_back(&machine, &before);
    let sent = send(&machine, FEW);
    machine.run("systemctl stop dnsflow");
    assert_eq!(sent.sets, collector.finish().sets());
}

/// What is said goes to the journal itself, with what it is about in fields of its own.
#[test]
fn the_journal_has_priorities_and_fields() {
    if !needs("the_journal_has_priorities_and_fields") {
        return;
    }
    let _alone = alone();
    // Nobody listens there.
    let machine = Machine::with_sensor("--udp 127.0.0.1:9 --flush 0.01");
    machine.run("systemctl start dnsflow");
    send(&machine, "--rate 1000 --seconds 1 --frames 1000 --noise 0");
    let refused = until("a collector to be complained of", || {
        let mut entries = machine.journal("dnsflow").into_iter();
        entries.find(|entry| entry["PRIORITY"] == "4")
    });
    assert_eq!(refused["_TRANSPORT"], "journal", "{refused:#}");
    assert_eq!(refused["COLLECTOR"], "127.0.0.1:9", "{refused:#}");
    let entries = machine.journal("dnsflow");
    let mut lines = entries.iter().filter(|entry| entry["PRIORITY"] == "5");
    let start = format!("capturing on {TAP}; cores: 1");
    assert!(
        lines.any(|entry| entry["MESSAGE"] == start.as_str()),
        "{entries:#?}"
    );
}

#[test]
fn wrong_options_are_said_once_and_not_tried_again() {
    if !needs("wrong_options_are_said_once_and_not_tried_again") {
        return;
    }
    let _alone = alone();
    let machine = Machine::with_sensor("--interface tap --ring 1");
    machine.attempt("systemctl start dnsflow");
    until("the service to fail", || {
        (machine.property("dnsflow", "ActiveState") == "failed").then_some(())
    });
    assert_eq!(machine.property("dnsflow", "ExecMainStatus"), "2");
    assert_eq!(machine.property("dnsflow", "NRestarts"), "0");
    let messages = machine.messages("dnsflow");
    let said = messages.iter().any(|text| text.contains("--ring"));
    assert!(said, "{messages:#?}");
}

#[test]
fn each_instance_of_the_template_has_an_interface_and_options_of_its_own() {
    if !needs("each_instance_of_the_template_has_an_interface_and_options_of_its_own") {
        return;
    }
    let _alone = alone();
    let machine = Machine::with_sensor("");
    machine.run("echo 'DNSFLOW_OPTS=\"--ring 2\"' > /etc/default/dnsflow-tap");
    machine.run("systemctl start dnsflow@tap");
    let id = machine.property("dnsflow@tap", "MainPID");
    let arguments = machine.run(&format!("tr '\\0' ' ' < /proc/{id}/cmdline"));
    assert_eq!(
        arguments.trim(),
        "/usr/bin/dnsflow --ring 2 --interface tap"
    );
    let missing = machine.attempt("systemctl start dnsflow@lo");
    assert!(
        !missing.status.success(),
        "started without /etc/default/dnsflow-lo"
    );
}
