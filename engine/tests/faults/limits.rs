//! What the sensor needs and does not get: it says so in one line, ends with status 1 and leaves nothing behind.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use dnsflow_testkit::collector::Collector;
use dnsflow_testkit::folder::Folder;
use dnsflow_testkit::network::{OUT, TAP, Wire};
use dnsflow_testkit::patience::until;
use dnsflow_testkit::process::Process;
use dnsflow_testkit::requirements::{alone, requirements, two_cpus};

use crate::{BUILT, assert_exact};

const METRICS: &str = "127.0.0.1:9530";
const FEW: &str = "--count 4000 --frames 4000 --rate 100000 --noise 0";

/// What the sensor says when packets come in.
const READY: &str = "dnsflow: filter:";

/// Sensors that are started at once.
const STARTS: usize = 8;

/// How often the pid file changes hands.
const ROUNDS: usize = 4;

/// A sensor on [`TAP`], which the program of the words `before` starts.
fn start(wire: &Wire, before: &[&str], options: &[&str]) -> Process {
    let program = BUILT.argument("dnsflow");
    let mut words = before.iter().copied().chain([program.as_str()]);
    let first = words.next().expect("at least the program");
    let mut command = wire.sensor.command(first);
    command.args(words).args(["-i", TAP]).args(options);
    Process::spawn("dnsflow", &mut command)
}

/// It has not started: one line, which says `complaint`, and no pid file.
fn assert_refused(process: Process, pidfile: &str, complaint: &str) {
    let ended = process.wait();
    ended.assert_failure(1, &[complaint]);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(!Path::new(pidfile).exists(), "no pid file is left");
}

/// A limit that is enough for one core is not for two, and is not raised even by root.
#[test]
fn locked_memory_for_one_core_of_two() {
    let test = "locked_memory_for_one_core_of_two";
    if !requirements(test, &["prlimit"]) || !two_cpus(test) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let pidfile = folder.argument("dnsflow.pid");
    let limited = ["prlimit", "--memlock=524288:524288"];
    let options = ["-P", &pidfile, "-w", "/dev/null"];
    let two = [&options[..], &["--cores", "2"]].concat();
    let complaint = "the limit on locked memory is 512 KiB, and --cores 2 needs 1024 KiB. Raise it: ulimit -l 1024";
    assert_refused(start(&wire, &limited, &two), &pidfile, complaint);

    let mut one = start(&wire, &limited, &options);
    one.wait_until_it_says(READY);
    let sent = BUILT.send(&wire.sender, OUT, &folder, FEW);
    one.signal("TERM");
    let ended = one.wait();
    ended.assert_success();
    let exported = format!("received {0} = exported {0}", sent.sets.len());
    assert!(ended.stderr.contains(&exported), "{}", ended.stderr);
}

/// The limit holds for all processes of a user together. A sensor of which one core finds nothing left ends with all of
/// them; those that have it go on.
#[test]
fn locked_memory_that_others_have() {
    /// A user that no other test has, and nobody else.
    const USER: &str = "--reuid=61953";
    /// More than have room in a limit of 1 MiB.
    const MOST: usize = 8;
    let test = "locked_memory_that_others_have";
    if !requirements(test, &["prlimit", "setpriv"]) || !two_cpus(test) {
        return;
    }
    let _alone = alone();
    let wire = Wire::new();
    let limited = [
        "setpriv",
        USER,
        "--clear-groups",
        "--inh-caps=+net_raw",
        "--ambient-caps=+net_raw",
        "prlimit",
        "--memlock=1048576:1048576",
    ];
    let mut running = Vec::new();
    let refused = loop {
        assert!(running.len() < MOST, "the limit is none");
        let collector = Collector::listen(&wire.sensor, "127.0.0.1:0");
        let address = collector.address();
        let options = ["--cores", "2", "--ring", "8", "-u", &address];
        let mut process = start(&wire, &limited, &options);
        if !runs_on_all_cores(&mut process) {
            break process.wait();
        }
        running.push((process, collector));
    };
    refused.assert_failure(
        1,
        &["dnsflow: no locked memory is left: the limit of 1024 KiB holds for all processes"],
    );
    assert!(!running.is_empty(), "{}", refused.stderr);
    let sent = BUILT.send(&wire.sender, OUT, &Folder::new(), FEW);
    for (mut process, collector) in running {
        process.signal("TERM");
        let ended = process.wait();
        ended.assert_success();
        assert_exact(&sent, &ended.account(), &collector.finish());
    }
}

/// Whether all cores of a sensor come to do what they are told, or it ends.
fn runs_on_all_cores(process: &mut Process) -> bool {
    let mut is_told = false;
    until("all cores to answer, or the end", || {
        let said = process.said();
        if said.contains("the settings are applied") {
            return Some(true);
        }
        if !is_told && said.contains(READY) {
            process.signal("HUP");
            is_told = true;
        }
        (!process.is_running()).then_some(false)
    })
}

/// It is said before anything is captured.
#[test]
fn a_port_for_metrics_that_is_taken() {
    if !requirements("a_port_for_metrics_that_is_taken", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let [pidfile, file] = ["dnsflow.pid", "export.pcap"].map(|name| folder.argument(name));
    let _other = wire
        .sensor
        .enter(|| TcpListener::bind(METRICS))
        .expect("a namespace of our own has all ports free");
    let options = ["-P", &pidfile, "--metrics", METRICS, "-w", &file];
    let complaint = format!("dnsflow: can't serve metrics on {METRICS}: ");
    assert_refused(start(&wire, &[], &options), &pidfile, &complaint);
    assert!(!Path::new(&file).exists(), "nothing was captured");
}

/// Many starts at once, and again while the one that has the file ends: never do two have it, and it names the one that
/// has.
#[test]
fn one_pid_file_and_many_starts() {
    if !requirements("one_pid_file_and_many_starts", &[]) {
        return;
    }
    let _alone = alone();
    let (wire, folder) = (Wire::new(), Folder::new());
    let pidfile = folder.argument("dnsflow.pid");
    let options = ["-P", &pidfile, "--ring", "2", "-w", "/dev/null"];
    let mut holder: Option<Process> = None;
    for _ in 0..ROUNDS {
        holder.iter_mut().for_each(|holder| holder.signal("TERM"));
        let mut started: Vec<Process> = (0..STARTS).map(|_| start(&wire, &[], &options)).collect();
        if let Some(holder) = holder.take() {
            holder.wait().assert_success();
        }
        until("all starts to have come to something", || {
            let mut all = started.iter_mut();
            all.all(|one| one.said().contains(READY) || !one.is_running())
                .then_some(())
        });
        let mut running = Vec::new();
        for mut process in started {
            if process.is_running() {
                running.push(process);
                continue;
            }
            let complaint = format!("pid file {pidfile} is held by another process");
            let ended = process.wait();
            ended.assert_failure(1, &[&complaint, "is dnsflow running already?"]);
        }
        assert!(running.len() <= 1, "{} have it", running.len());
        // None, where the one before took its time.
        let next = running.pop().unwrap_or_else(|| start(&wire, &[], &options));
        let next = holder.insert(next);
        next.wait_until_it_says(READY);
        let named = fs::read_to_string(&pidfile).expect("it has a pid file");
        assert_eq!(named.trim(), next.id().to_string());
    }
    let mut holder = holder.expect("one that runs");
    holder.signal("TERM");
    holder.wait().assert_success();
    assert!(!Path::new(&pidfile).exists(), "it goes with its process");
}
