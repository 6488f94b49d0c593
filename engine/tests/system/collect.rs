//! The collector's package and service as operators have them: it comes, receives, is upgraded, comes back after a
//! crash, and goes, and every record that was received is stored once.

use std::collections::BTreeMap;
use std::net::UdpSocket;

use dnsflow_testkit::datagrams::{Told, v5};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::requirements::alone;
use dnsflow_testkit::scrape::{Samples, get};

use crate::machine::{Machine, package};
use crate::needs;
use crate::packages::files;
use crate::sandbox::exposure;

const LISTEN: &str = "127.0.0.1:5300";
const METRICS: &str = "127.0.0.1:9531";
const CONFIGURATION: &str = r#"
listen = "127.0.0.1:5300"
spool = "/var/lib/dnsflow-collect/spool"
metrics = "127.0.0.1:9531"
serve = "127.0.0.1:8053"
map-snapshot = "/var/lib/dnsflow-collect/names.map"

[[to]]
url = "parquet:/var/lib/dnsflow-collect/parquet"
every = "1s"
"#;

/// Highest exposure that `systemd-analyze security` may find, from 0 to 10.
const EXPOSURE: f64 = 1.1;
/// The most that is asked for, in tenths, as `--threshold` compares before anything is rounded.
const THRESHOLD: u32 = 12;

/// Records of each part of a test, a datagram each.
const RECORDS: u64 = 50;

/// A sensor on the machine, which goes on from number to number.
struct Sensor<'m> {
    machine: &'m Machine,
    socket: UdpSocket,
    sent: u64,
}

impl<'m> Sensor<'m> {
    fn new(machine: &'m Machine) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0");
        let socket = machine.wire.sensor.enter(bind).expect("a port is free");
        socket.connect(LISTEN).expect("the loopback has a route");
        Self {
            machine,
            socket,
            sent: 0,
        }
    }

    /// Sends some records, and waits until as many as `taken` were taken since the collector's start.
    fn send(&mut self, taken: u64) {
        for number in self.sent + 1..=self.sent + RECORDS {
            let told = Told::of(&format!("n{number}.example"));
            let datagram = v5(Some(b"test"), 0, 7, number, &[told]);
            self.socket.send(&datagram).expect("the collector listens");
        }
        self.sent += RECORDS;
        until("records to be taken", || {
            let samples = Samples::at(&self.machine.wire.sensor, METRICS);
            let has = |name: &str| samples.names().any(|found| found == name);
            let name = "dnsflow_collect_records_total";
            (has(name) && samples.sum(name, "") >= taken as f64).then_some(())
        });
    }

    /// Every record is in the store, once.
    fn assert_stored(&self) {
        let lines = self.machine.run(
            "dnsflow-query 192.0.2.1 --from /var/lib/dnsflow-collect/parquet --json --limit 0",
        );
        let rows = lines.lines().map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let name = row["name"].as_str().expect("a name").to_owned();
            (name, row["count"].as_u64().expect("a count"))
        });
        let expected = (1..=self.sent).map(|number| (format!("n{number}.example"), 1));
        assert_eq!(
            rows.collect::<BTreeMap<_, _>>(),
            expected.collect::<BTreeMap<_, _>>()
        );
    }
}

fn configure(machine: &Machine) {
    machine.run(&format!(
        "cat > /etc/dnsflow/dnsflow-collect.toml <<'end'\n{CONFIGURATION}\nend"
    ));
}

fn is_ready(machine: &Machine) {
    until("the collector to be ready", || {
        let bound = || std::net::TcpStream::connect(METRICS);
        machine.wire.sensor.enter(bound).ok()?;
        let (status, body) = get(&machine.wire.sensor, METRICS, "/readyz");
        (status == 200).then_some(body)
    });
}

#[test]
fn the_collector_comes_receives_changes_and_goes() {
    if !needs("the_collector_comes_receives_changes_and_goes") {
        return;
    }
    let _alone = alone();
    let machine = Machine::boot();
    let before = files(&machine);
    let unit = |name: &str| machine.property("dnsflow-collect", name);

    machine.install(&package("packages/older", "dnsflow-collect", "deb"));
    assert_eq!(unit("UnitFileState"), "disabled");
    assert_eq!(unit("ActiveState"), "inactive");
    for program in ["collect", "name", "query", "top"] {
        machine.run(&format!("dnsflow-{program} --version"));
    }

    // Returns when the service is ready: from then on nothing may be missing.
    configure(&machine);
    machine.run("systemctl enable --now dnsflow-collect");
    is_ready(&machine);
    let mut sensor = Sensor::new(&machine);
    sensor.send(RECORDS);
    let status = unit("StatusText");
    assert!(status.contains("records of"), "{status}");

    let old = unit("MainPID");
    machine.install(&package("packages", "dnsflow-collect", "deb"));
    assert_ne!(unit("MainPID"), old, "it is to be restarted");
    assert_eq!(unit("ActiveState"), "active");
    assert_eq!(unit("UnitFileState"), "enabled");
    machine.run("grep -q '^spool = ' /etc/dnsflow/dnsflow-collect.toml");
    is_ready(&machine);
    sensor.send(RECORDS);

    let old = unit("MainPID");
    // What a batch has that is open goes with a kill; what is in the spool does not.
    until("all to be written to the spool", || {
        let samples = Samples::at(&machine.wire.sensor, METRICS);
        let stored = samples.sum("dnsflow_collect_store_records_total", "");
        (stored >= RECORDS as f64).then_some(())
    });
    machine.run("systemctl kill --kill-whom=main --signal=KILL dnsflow-collect");
    until("the service to come back", || {
        // In this order: the old process counts as active until its end is seen.
        let process = unit("MainPID");
        let is_another = process != old && process != "0";
        (is_another && unit("ActiveState") == "active").then_some(())
    });
    is_ready(&machine);
    sensor.send(RECORDS);
    let names = machine.run(
        "dnsflow-query 192.0.2.1 --client 198.51.100.7 --at 2023-11-14T22:13:30Z --from http://127.0.0.1:8053",
    );
    assert!(names.contains(".example"), "{names}");

    machine.run("systemctl stop dnsflow-collect");
    assert_eq!(unit("Result"), "success");
    sensor.assert_stored();

    machine.run("systemctl start dnsflow-collect && dpkg --remove dnsflow-collect");
    assert_eq!(unit("ActiveState"), "inactive");
    let left = machine.run("grep -l dnsflow /proc/[0-9]*/comm || true");
    assert_eq!(left, "", "a process is left");
    machine.run("test -e /etc/dnsflow/dnsflow-collect.toml && ! test -e /usr/bin/dnsflow-collect");

    machine.run("dpkg --purge dnsflow-collect");
    let after = files(&machine);
    // What was stored is the operator's.
    let is_stored = |path: &&&String| {
        let folders = ["/var/lib/dnsflow-collect", "/var/lib/private"];
        !folders.iter().any(|folder| path.starts_with(folder))
    };
    let left: Vec<_> = after.difference(&before).collect();
    let left: Vec<_> = left.iter().filter(is_stored).collect();
    assert!(left.is_empty(), "left behind by purge: {left:?}");
}

#[test]
fn the_collectors_unit_is_sound_and_shut_off() {
    if !needs("the_collectors_unit_is_sound_and_shut_off") {
        return;
    }
    let _alone = alone();
    let machine = Machine::boot();
    machine.install(&package("packages", "dnsflow-collect", "deb"));
    let name = "dnsflow-collect.service";
    let said = machine.run(&format!("systemd-analyze verify {name} 2>&1"));
    assert_eq!(said, "");
    let found = exposure(&machine, name);
    assert!(found <= EXPOSURE, "{found}");
    machine.run(&format!(
        "systemd-analyze security --no-pager --threshold={THRESHOLD} {name}"
    ));

    // As it is installed, nothing says from whom and where to: that is said once, and not tried again.
    machine.attempt("systemctl start dnsflow-collect");
    until("the service to fail", || {
        (machine.property(name, "ActiveState") == "failed").then_some(())
    });
    assert_eq!(machine.property(name, "ExecMainStatus"), "2");
    assert_eq!(machine.property(name, "NRestarts"), "0");
    let messages = machine.messages("dnsflow-collect");
    let has = |text: &String| text.contains("--listen");
    assert!(messages.iter().any(has), "{messages:#?}");
}
